//! Names of at most fifteen bytes: schedulers, persistence engines, interfaces.
//!
//! The kernel keeps each of them in sixteen bytes with a NUL at the end (`IP_VS_SCHEDNAME_MAXLEN`,
//! `IP_VS_PENAME_MAXLEN`, `IP_VS_IFNAME_MAXLEN`). A longer one is refused with a bare EINVAL or ERANGE
//! that names nothing, so it is refused here, where the reason can be told.

use std::fmt;
use std::str::FromStr;

/// The longest name that the kernel takes, in bytes.
pub const NAME_MAX: usize = 15;

/// Why a text cannot be the name of a scheduler, persistence engine or interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name is empty; the kernel needs at least one character")]
    Empty,
    /// More than [`NAME_MAX`] bytes.
    #[error("the name '{0}' is too long: the kernel keeps at most 15 bytes of it")]
    TooLong(String),
    /// A byte that no name of the kernel's has: a space, a control character, or one outside ASCII.
    #[error("the name '{0}' holds a character that is not printable ASCII")]
    Unprintable(String),
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_MAX {
        return Err(NameError::TooLong(text.to_owned()));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(NameError::Unprintable(text.escape_default().to_string()));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks `text` and takes it. Fails if it is empty, longer than [`NAME_MAX`] bytes, or not printable ASCII.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text).map(|()| Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;
            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The name of a scheduler: `rr`, `wlc`, `sh`, ... The kernel loads the module `ip_vs_NAME` by itself.
    /// `none` is a scheduler too: the service then schedules nothing.
    SchedulerName
}
name! {
    /// The name of a persistence engine. Linux has one: `sip`.
    PeName
}
name! {
    /// The name of a network interface.
    InterfaceName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_bytes_fit_and_sixteen_do_not() {
        assert_eq!(SchedulerName::new("123456789012345").unwrap().as_str(), "123456789012345");
        assert_eq!(SchedulerName::new("1234567890123456"), Err(NameError::TooLong("1234567890123456".into())));
    }

    #[test]
    fn nothing_and_odd_bytes_are_refused() {
        assert_eq!(PeName::new(""), Err(NameError::Empty));
        assert_eq!(PeName::new("a b"), Err(NameError::Unprintable("a b".into())));
        assert_eq!(PeName::new("a\0"), Err(NameError::Unprintable("a\\u{0}".into())));
        assert!(InterfaceName::new("ethä").is_err());
    }

    #[test]
    fn display_pads_like_text() {
        assert_eq!(format!("{:5}|", SchedulerName::new("rr").unwrap()), "rr   |");
    }
}
