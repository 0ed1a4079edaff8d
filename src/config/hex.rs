//! Bytes written as hexadecimal digits: those of a datagram, and those of its answer, where `X` stands for any digit.
//!
//! Words are bytes of their own, as in keepalived: `Ab12f 3` is AB 12 0F 03.

use crate::model::BytePattern;

/// What is expected where bytes are.
pub(super) const BYTES: &str = "bytes as hexadecimal digits, such as 12 34 AB";
/// What is expected where a pattern is.
pub(super) const PATTERN: &str = "bytes as hexadecimal digits, with X for any: 12 3X XX";
/// Bytes that a datagram can carry.
const MOST: usize = 65_507;

/// Digits of words to a pattern; `None`: it is none, or too long for a datagram.
pub(super) fn pattern<'t>(words: impl Iterator<Item = &'t str>) -> Option<Vec<BytePattern>> {
    let mut bytes = Vec::new();
    for word in words {
        for pair in word.as_bytes().chunks(2) {
            let (high, low) = match pair {
                [high, low] => (*high, *low),
                [low] => (b'0', *low),
                _ => return None,
            };
            let ((high, high_mask), (low, low_mask)) = (digit(high)?, digit(low)?);
            bytes.push(BytePattern { value: high << 4 | low, mask: high_mask << 4 | low_mask });
        }
    }
    (bytes.len() <= MOST).then_some(bytes)
}

/// Digits of words to bytes.
pub(super) fn bytes<'t>(words: impl Iterator<Item = &'t str>) -> Option<Vec<u8>> {
    let known = |byte: &BytePattern| byte.mask == u8::MAX;
    pattern(words).filter(|bytes| bytes.iter().all(known)).map(|bytes| bytes.iter().map(|byte| byte.value).collect())
}

/// Four bits, and which of them count.
fn digit(byte: u8) -> Option<(u8, u8)> {
    match byte {
        b'X' | b'x' => Some((0, 0)),
        _ => char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).map(|digit| (digit, 0xf)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        pattern(text.split_whitespace()).map(|bytes| bytes.iter().map(BytePattern::to_string).collect())
    }

    #[test]
    fn as_the_man_page_says() {
        let text = "Ab12f 3 456 546443123";
        assert_eq!(
            bytes(text.split(' ')),
            Some(vec![0xab, 0x12, 0x0f, 0x03, 0x45, 0x06, 0x54, 0x64, 0x43, 0x12, 0x03])
        );
        assert_eq!(shown("1X x2 XX X").as_deref(), Some("1XX2XX0X"));
        assert_eq!(shown("").as_deref(), Some(""));
        for wrong in ["0x12", "12,34", "g", "\u{e9}"] {
            assert_eq!(shown(wrong), (wrong == "0x12").then(|| "0X12".to_owned()), "{wrong}");
        }
        assert_eq!(bytes(["1X"].into_iter()), None);
        assert_eq!(bytes(["ab".repeat(MOST + 1).as_str()].into_iter()), None);
    }
}
