//! How many servers a service never goes without.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// How many servers a service never goes without, whatever their checks say; `Display` and `FromStr` are `2` and `30%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Floor {
    /// So many, or all if there are fewer.
    Servers(NonZeroU32),
    /// So many parts in a hundred of those that have a weight, rounded up: 1 to 100.
    Percent(u8),
}

impl Floor {
    /// How many of so many.
    #[must_use]
    pub fn of(self, servers: usize) -> usize {
        match self {
            Self::Servers(count) => usize::try_from(count.get()).unwrap_or(usize::MAX).min(servers),
            Self::Percent(percent) => servers.saturating_mul(usize::from(percent.min(100))).div_ceil(100),
        }
    }
}

/// It is neither a count nor a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFloor;

impl FromStr for Floor {
    type Err = NoFloor;

    fn from_str(text: &str) -> Result<Self, NoFloor> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match text.strip_suffix('%') {
            Some(percent) if digits(percent) => {
                let percent = percent.parse().ok().filter(|percent| (1..=100).contains(percent));
                percent.map(Self::Percent).ok_or(NoFloor)
            }
            None if digits(text) => text.parse().map(Self::Servers).map_err(|_| NoFloor),
            Some(_) | None => Err(NoFloor),
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_percentages_are_read_as_they_are_written() {
        for text in ["1", "7", "4294967295", "1%", "30%", "100%"] {
            assert_eq!(text.parse::<Floor>().unwrap().to_string(), text);
        }
        for text in ["", "0", "%", "0%", "101%", "-1", "+3", "1.5", "4294967296", "30 %", "all"] {
            assert_eq!(text.parse::<Floor>(), Err(NoFloor), "{text}");
        }
    }
}
