//! What was meant by a value that its reader cannot take: forms of other languages, and characters that look like others.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// Letters of other scripts that look like those of ASCII.
const LOOKALIKES: &[(char, char)] = &[
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('Х', 'X'),
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'i'),
    ('ѕ', 's'),
    ('Α', 'A'),
    ('Β', 'B'),
    ('Ε', 'E'),
    ('Η', 'H'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ο', 'O'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Χ', 'X'),
    ('ο', 'o'),
];

/// A word all of ASCII that this one looks like, and the first letter of it that is another.
pub(super) fn lookalike(text: &str) -> Option<(String, char)> {
    let stranger = text.chars().find(|c| !c.is_ascii())?;
    let plain = |c: char| match c.is_ascii() {
        true => Some(c),
        false => LOOKALIKES.iter().find(|(other, _)| *other == c).map(|(_, plain)| *plain),
    };
    text.chars().map(plain).collect::<Option<String>>().map(|meant| (meant, stranger))
}

/// How a bad value is written here, if its form shows what was meant.
pub(super) fn form(text: &str) -> Option<String> {
    if text == "=" {
        return Some("a value follows its word after a blank, without `=`".to_owned());
    }
    let bare = text.trim_end_matches([',', ';']);
    if bare != text && !bare.is_empty() {
        return Some(format!("lines do not end in `;` or `,` in this language: did you mean `{bare}`?"));
    }
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = bracketed.filter(|address| IpAddr::from_str(address).is_ok()) {
        return Some(format!("an address stands without brackets here: `{address}`"));
    }
    let (address, length) = text.split_once('/').filter(|(address, _)| IpAddr::from_str(address).is_ok())?;
    if length.is_empty() {
        return Some(format!("the prefix length follows the `/` without a blank: `{address}/24`"));
    }
    let bits = Ipv4Addr::from_str(length).ok()?.to_bits();
    let ones = bits.leading_ones();
    (ones == bits.count_ones()).then(|| format!("a mask is written as the number of its bits: `{address}/{ones}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_languages() {
        for (text, meant) in [
            ("192.0.2.1,", "`192.0.2.1`"),
            ("[2001:db8::1]", "`2001:db8::1`"),
            ("192.0.2.1/255.255.255.0", "`192.0.2.1/24`"),
            ("192.0.2.1/0.0.0.0", "`192.0.2.1/0`"),
            ("192.0.2.1/", "`192.0.2.1/24`"),
            ("=", "`=`"),
        ] {
            let hint = form(text).unwrap_or_default();
            assert!(hint.contains(meant), "{text}: {hint}");
        }
        for text in ["192.0.2.1/255.0.255.0", "192.0.2.1/99", "[2001", ",", "", "x/255.255.255.0", "eth0"] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    #[test]
    fn letters_that_look_like_others() {
        assert_eq!(lookalike("МASTER"), Some(("MASTER".to_owned(), 'М')));
        assert_eq!(lookalike("МАSТЕR"), Some(("MASTER".to_owned(), 'М')));
        assert_eq!(lookalike("MASTER"), None);
        assert_eq!(lookalike("Master\u{df}"), None);
    }
}
