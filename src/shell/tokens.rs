//! The tokens of an epoll: which socket an event is of.
//!
//! Sockets of checks are dealt the places that they have, from 0 up. What else a loop waits for is named here, and counts down from
//! the other end: one list for every loop and all of its parts, so that no two of them can come to the same number by themselves.

use mio::Token;

use crate::model::Family;

/// What a loop waits for beside checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Whatever comes from other threads.
    Inbox,
    /// News of this host's addresses.
    Addresses,
    /// News of nf_tables.
    Rules,
    /// Answers to checks of paths over IPv4.
    PathsV4,
    /// Answers to checks of paths over IPv6.
    PathsV6,
}

impl Source {
    /// Its token. No two of them can be the same: the compiler numbers them.
    pub(super) const fn token(self) -> Token {
        Token(usize::MAX - self as usize)
    }

    /// Answers to checks of paths of a family.
    pub(super) const fn paths(family: Family) -> Self {
        match family {
            Family::V4 => Self::PathsV4,
            Family::V6 => Self::PathsV6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_sources_have_the_same_token_and_none_has_that_of_a_check() {
        let all =
            [Source::Inbox, Source::Addresses, Source::Rules, Source::paths(Family::V4), Source::paths(Family::V6)];
        for (at, source) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other.token() != source.token()), "{source:?}");
            assert!(source.token().0 > usize::MAX / 2, "{source:?}");
        }
    }
}
