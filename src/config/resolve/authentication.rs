//! How a router's adverts prove whom they are from.

use super::Resolver;
use super::instance::{Basics, Unable};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Authentication as Kind, Field, InstanceDraft};
use crate::model::{Authentication, Password, Priority, Secret, StartAs, VrrpVersion};

/// A password's length on the wire (RFC 2338 section 5.3.6), and as much of a key as keepalived uses.
const PASSWORD: usize = 8;

impl Resolver<'_> {
    /// What adverts carry. Passwords exist in version 2 alone, and headers (AH) in IPv4 alone.
    pub(super) fn authentication(
        &mut self,
        draft: &mut InstanceDraft,
        basics: &mut Basics,
    ) -> Result<Authentication, Unable> {
        if let Some(span) = draft.signed {
            self.say(
                Diagnostic::error(Code::Combination, span, "adverts that are signed (`auth_hmac`) are not done yet").help(
                    "without the signature its peers would not hear the router, and both would hold the addresses: it is \
                     left out; take the block out on all of them",
                ),
            );
            return Err(Unable);
        }
        let key = self.words.password;
        let kind = std::mem::take(&mut draft.authentication);
        let (kind, password) = match (kind, std::mem::take(&mut draft.password)) {
            (Field::Set(kind), Field::Absent) => {
                self.say(
                    Diagnostic::warning(Code::Required, kind.span, format!("there is no `{key}` to go with it"))
                        .help(format!("adverts carry no password{}", self.words.there)),
                );
                return Ok(Authentication::None);
            }
            (Field::Set(kind), Field::Set(password)) => (kind, password),
            (Field::Absent, Field::Set(password)) => {
                self.say(
                    Diagnostic::warning(
                        Code::Idle,
                        password.span,
                        format!("`{key}` does nothing without `auth_type PASS`"),
                    )
                    .help(format!("adverts carry no password{}", self.words.there)),
                );
                return Ok(Authentication::None);
            }
            (Field::Bad, _) | (_, Field::Bad) | (Field::Absent, Field::Absent) => return Ok(Authentication::None),
        };
        if basics.strict {
            self.say(
                Diagnostic::warning(Code::Strict, kind.span, "strict mode has no authentication")
                    .help(format!("adverts carry none{}: leave strict mode, or the password", self.words.there)),
            );
            return Ok(Authentication::None);
        }
        if basics.version == VrrpVersion::V3 {
            self.say(
                Diagnostic::note(
                    Code::PasswordVersion,
                    password.span,
                    format!("`{key}` has no effect in VRRP version 3"),
                )
                .help("RFC 5798 took passwords out of the protocol; remove it, or use version 2 on all hosts"),
            );
            return Ok(Authentication::None);
        }
        let length = password.value.len();
        if length > PASSWORD {
            self.say(
                Diagnostic::warning(
                    Code::LongPassword,
                    password.span,
                    format!("`{key}` has {length} bytes, and {PASSWORD} travel"),
                )
                .mark("only the first 8 bytes count")
                .help(format!("cut off{}: routers with the same file agree; write 8 at most", self.words.there)),
            );
        }
        match kind.value {
            Kind::Password => Ok(Authentication::Password(Password::new(&password.value))),
            Kind::Header => {
                if basics.start_as == StartAs::Master && basics.priority != Priority::OWNER {
                    self.say(
                        Diagnostic::warning(
                            Code::Combination,
                            kind.span,
                            format!("with AH a router cannot start as `{}`", self.words.master),
                        )
                        .help(format!(
                            "it starts as backup{}: it must hear the sequence number of the master before it speaks",
                            self.words.there
                        )),
                    );
                    basics.start_as = StartAs::Backup;
                }
                let key = password.value.bytes().take(PASSWORD).collect();
                Ok(Authentication::Header(Secret::new(key)))
            }
        }
    }
}
