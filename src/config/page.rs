//! What may be expected of a page, as both languages write it.

use std::str::FromStr;

/// An MD5 sum: 32 hexadecimal digits.
pub(super) fn digest(text: &str) -> Option<[u8; 16]> {
    let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sum = u128::from_str_radix(text, 16).ok().filter(|_| plain)?;
    Some(sum.to_be_bytes())
}

/// The same as text.
pub(super) fn digits(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

/// What is expected where statuses are: keepalived takes no others either.
pub(super) const STATUSES: &str = "a status of HTTP, or two with `-` between them: 100 to 599";

/// A status of HTTP, or a range of them: `200`, `200-299`.
pub(super) fn statuses(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        u16::from_str(text).ok().filter(|number| plain && (100..=599).contains(number))
    };
    match text.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).filter(|(first, last)| first <= last),
        None => number(text).map(|status| (status, status)),
    }
}
