//! One virtual router.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::Resolver;
use super::track::{Scripts, Weighing};
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{AnnouncementsDraft, Authentication, Field, InstanceDraft, RouterDefaults};
use crate::config::source::{Span, Spanned};
use crate::model::{
    self, AdvertInterval, Announcements, Burst, Election, Family, Instance, Password, Peer, Priority, StartAs,
    Transport, VirtualAddress, VirtualRouterId, Vrid, VrrpVersion,
};

/// Where adverts go unless told otherwise (RFC 9568 section 5.1.1.2).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// As many addresses as the count of an advert can say (RFC 9568 section 5.2.5).
const MOST_ADDRESSES: usize = 255;
/// Nobody hears adverts on it.
const LOOPBACK: &str = "lo";
/// A password's length on the wire (RFC 2338 section 5.3.6).
const PASSWORD: usize = 8;

/// The router cannot run; why has been said.
struct Unable;

impl Resolver<'_> {
    pub(super) fn instance(
        &mut self,
        mut draft: InstanceDraft,
        defaults: &RouterDefaults,
        scripts: &Scripts,
        grouped: &HashMap<String, Span>,
    ) -> Option<Instance> {
        let name = draft.name.value.clone();
        let at = draft.name.span;
        let mut unusable = Vec::new();
        let id = self.identity(&mut draft, &mut unusable);
        let version = std::mem::take(&mut draft.version).value().unwrap_or(defaults.version);
        let start_as = std::mem::take(&mut draft.start_as).value().unwrap_or_default();
        let priority = match std::mem::take(&mut draft.priority) {
            Field::Set(priority) => priority.value,
            Field::Absent if start_as == StartAs::Master && self.language == Language::Keepalived => {
                self.say(
                    Diagnostic::note(Code::Defaulted, at, format!("`{name}` has `state MASTER` and no priority"))
                        .help("taken as 255, the owner of the addresses, as in keepalived; write the priority"),
                );
                Priority::OWNER
            }
            Field::Absent | Field::Bad => Priority::DEFAULT,
        };
        let no_preempt = self.no_preempt(&draft, start_as, priority);
        let weighing = Weighing { priority, no_preempt, grouped: grouped.get(&name).copied() };
        let track_scripts = self.tracked_scripts(&mut draft, scripts, weighing);
        let own = id.as_ref().and_then(|id| id.interface.as_deref()).unwrap_or_default();
        let tracks = std::mem::take(&mut draft.track_interfaces);
        let track_interfaces = self.tracked_interfaces(tracks, own, weighing);
        let advert_interval = self.advert_interval(&mut draft, version);
        let password = self.password(&mut draft, version);
        let transport = self.transport(&mut draft, defaults);
        let addresses = self.addresses(&mut draft);
        if addresses.is_none() {
            unusable.push(self.words.addresses);
        }
        self.unusable(&draft.name, &unusable);
        let (id, addresses, Ok(password)) = (id?, addresses?, password) else { return None };
        let (addresses, overflow) = match addresses.split_at_checked(MOST_ADDRESSES) {
            Some((first, rest)) if !rest.is_empty() => (first.to_vec(), rest.to_vec()),
            Some(_) | None => (addresses, Vec::new()),
        };
        let excluded = draft.excluded.into_iter().map(|address| address.value);
        let vrid = id.vrid;
        let election = Election { preempt: no_preempt.is_none(), ..Election::default() };
        Some(Instance {
            id,
            version,
            start_as,
            priority,
            advert_interval,
            election,
            transport,
            authentication: password.map_or(model::Authentication::None, model::Authentication::Password),
            addresses,
            excluded_addresses: overflow.into_iter().chain(excluded).collect(),
            tracks: track_interfaces.into_iter().chain(track_scripts).collect(),
            announcements: announcements(draft.announcements, defaults.announcements),
            notify: draft.notify,
            ..Instance::new(&name, "", vrid, Family::V4)
        })
    }

    /// Interface and number: without both there is no router.
    fn identity(&mut self, draft: &mut InstanceDraft, unusable: &mut Vec<&'static str>) -> Option<VirtualRouterId> {
        let (interface, vrid) = (self.words.interface, self.words.vrid);
        let interface = self.required(std::mem::take(&mut draft.interface), &draft.name, interface, unusable);
        let vrid: Option<Vrid> = self.required(std::mem::take(&mut draft.vrid), &draft.name, vrid, unusable);
        if interface.as_deref() == Some(LOOPBACK) {
            self.say(
                Diagnostic::error(
                    Code::Combination,
                    draft.name.span,
                    format!("router `{}` cannot run on the loopback interface", draft.name.value),
                )
                .help("adverts need an interface that other hosts hear; addresses may be put on it with `dev lo`"),
            );
            return None;
        }
        Some(VirtualRouterId { interface: Some(interface?), vrid: vrid?, family: Family::V4 })
    }

    fn required<T>(
        &mut self,
        field: Field<T>,
        name: &Spanned<String>,
        key: &'static str,
        unusable: &mut Vec<&'static str>,
    ) -> Option<T> {
        match field {
            Field::Set(spanned) => return Some(spanned.value),
            Field::Bad => unusable.push(key),
            Field::Absent => self.say(
                Diagnostic::error(Code::Required, name.span, format!("router `{}` has no `{key}`", name.value))
                    .mark(format!("add `{key}` to it"))
                    .help("without it the router cannot run"),
            ),
        }
        None
    }

    /// What a router was given and cannot use: one remark for all of it. In TOML each was an error already.
    fn unusable(&mut self, name: &Spanned<String>, keys: &[&'static str]) {
        if keys.is_empty() || self.language == Language::Toml {
            return;
        }
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let message = format!("router `{}` cannot run without a usable {}", name.value, keys.join(", "));
        self.say(
            Diagnostic::error(Code::Required, name.span, message).help(
                "what is wrong stands with each below; most likely this file is a template that was not filled in",
            ),
        );
    }

    fn no_preempt(&mut self, draft: &InstanceDraft, start_as: StartAs, priority: Priority) -> Option<Span> {
        let span = draft.no_preempt?;
        let nopreempt = self.words.nopreempt;
        let why = match (start_as, priority) {
            (StartAs::Backup, Priority::OWNER) => "an owner (priority 255) always takes over".to_owned(),
            (StartAs::Backup, _) => return Some(span),
            (StartAs::Master, _) => format!("`{}` stands against it", self.words.master),
        };
        self.say(
            Diagnostic::warning(Code::PreemptCancelled, span, format!("`{nopreempt}` does not hold: {why}"))
                .help(format!("ignored{}: the router takes over from lower ones. For `{nopreempt}`, let all its hosts start as backup with a priority below 255", self.words.there)),
        );
        None
    }

    fn advert_interval(&mut self, draft: &mut InstanceDraft, version: VrrpVersion) -> AdvertInterval {
        let Field::Set(written) = std::mem::take(&mut draft.advert_interval) else { return AdvertInterval::DEFAULT };
        let centiseconds = u16::try_from(written.value.as_millis().div_ceil(10)).unwrap_or(u16::MAX);
        let (rounded, why) = match version {
            VrrpVersion::V2 => (
                (centiseconds.saturating_add(50) / 100 * 100).clamp(100, 25_500),
                "version 2 counts whole seconds, up to 255",
            ),
            VrrpVersion::V3 => (centiseconds.clamp(1, 4_095), "version 3 counts hundredths of a second, up to 40.95"),
        };
        let interval = AdvertInterval::from_centiseconds(rounded).unwrap_or(AdvertInterval::DEFAULT);
        if interval.duration() != written.value {
            self.say(
                Diagnostic::warning(
                    Code::BadValue,
                    written.span,
                    format!("adverts cannot go out every {}", shown(written.value)),
                )
                .mark(why)
                .help(format!("taken as {}{}", shown(interval.duration()), self.words.there)),
            );
        }
        interval
    }

    /// The password that adverts carry; an error where another proof was asked for, since its peers would not hear the
    /// router.
    fn password(&mut self, draft: &mut InstanceDraft, version: VrrpVersion) -> Result<Option<Password>, Unable> {
        let key = self.words.password;
        let kind = std::mem::take(&mut draft.authentication);
        let password = match (kind, std::mem::take(&mut draft.password)) {
            (Field::Set(kind), Field::Absent) => {
                self.say(
                    Diagnostic::warning(Code::Required, kind.span, format!("there is no `{key}` to go with it"))
                        .help(format!("adverts carry no password{}", self.words.there)),
                );
                return Ok(None);
            }
            (Field::Set(kind), Field::Set(password)) => match kind.value {
                Authentication::Password => password,
                Authentication::Header => {
                    self.say(
                        Diagnostic::error(Code::NotYet, kind.span, "authentication headers (AH) are not done yet")
                            .help(
                                "without them the router's peers would not hear it, and both would hold the addresses: \
                                 use `auth_type PASS` on all of them, or none",
                            ),
                    );
                    return Err(Unable);
                }
            },
            (Field::Absent, Field::Set(password)) => {
                self.say(
                    Diagnostic::warning(
                        Code::Idle,
                        password.span,
                        format!("`{key}` does nothing without `auth_type PASS`"),
                    )
                    .help(format!("adverts carry no password{}", self.words.there)),
                );
                return Ok(None);
            }
            (Field::Bad, _) | (_, Field::Bad) | (Field::Absent, Field::Absent) => return Ok(None),
        };
        if version == VrrpVersion::V3 {
            self.say(
                Diagnostic::note(
                    Code::PasswordVersion,
                    password.span,
                    format!("`{key}` has no effect in VRRP version 3"),
                )
                .help("RFC 5798 took passwords out of the protocol; remove it, or use version 2 on all hosts"),
            );
            return Ok(None);
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
        Ok(Some(Password::new(&password.value)))
    }

    fn transport(&mut self, draft: &mut InstanceDraft, defaults: &RouterDefaults) -> Transport {
        let unicast = std::mem::take(&mut draft.unicast_source);
        let multicast = std::mem::take(&mut draft.multicast_source);
        let peers: Vec<Peer> =
            std::mem::take(&mut draft.peers).into_iter().map(|peer| Peer::new(IpAddr::V4(peer.value))).collect();
        let unicast_at = draft.unicast.or(unicast.get().map(|source| source.span));
        if !peers.is_empty() {
            return Transport::Unicast {
                source: unicast.value().or(multicast.value()).map(IpAddr::V4),
                peers,
                ttl: u8::MAX,
                check_source: false,
            };
        }
        if let Some(span) = unicast_at {
            self.say(
                Diagnostic::warning(Code::Idle, span, format!("`{}` names no peer to speak to", self.words.peers))
                    .help(format!("adverts are multicast{}", self.words.there)),
            );
        }
        let group = std::mem::take(&mut draft.group).value().or(defaults.group).unwrap_or(GROUP);
        Transport::Multicast { source: multicast.value().or(unicast.value()).map(IpAddr::V4), group: IpAddr::V4(group) }
    }

    /// The addresses of a router; none when all that were asked for are unusable.
    fn addresses(&mut self, draft: &mut InstanceDraft) -> Option<Vec<VirtualAddress>> {
        let key = self.words.addresses;
        let name = &draft.name;
        let mut addresses: Vec<VirtualAddress> = Vec::new();
        let mut places: Vec<Span> = Vec::new();
        let mut doubled = Vec::new();
        for Spanned { value, span } in std::mem::take(&mut draft.addresses) {
            let before =
                addresses.iter().position(|other| other.address == value.address && other.interface == value.interface);
            match before.and_then(|index| places.get(index)) {
                Some(before) => doubled.push((value.address, span, *before)),
                None => {
                    addresses.push(value);
                    places.push(span);
                }
            }
        }
        let empty = addresses.is_empty() && draft.excluded.is_empty();
        if empty && draft.addresses_at.is_some() {
            return None;
        }
        if empty {
            self.say(
                Diagnostic::warning(Code::Required, name.span, format!("router `{}` has no `{key}`", name.value))
                    .help(format!("it elects a master and moves nothing{}", self.words.there)),
            );
        }
        for (address, span, before) in doubled {
            self.say(
                Diagnostic::warning(Code::Duplicate, span, format!("{address} is listed twice"))
                    .and(before, "here")
                    .help("the second is ignored"),
            );
        }
        Some(addresses)
    }
}

fn announcements(own: AnnouncementsDraft, defaults: AnnouncementsDraft) -> Announcements {
    let base = Announcements::default();
    let timer = |own: Option<Duration>, default: Option<Duration>, base: Option<Duration>| {
        own.or(default).map_or(base, |duration| (!duration.is_zero()).then_some(duration))
    };
    let burst = Burst {
        repeat: own.repeat.or(defaults.repeat).unwrap_or(base.master.repeat),
        delay: timer(own.delay, defaults.delay, base.master.delay),
    };
    Announcements {
        master: burst,
        lower_priority: burst,
        refresh: timer(own.refresh, defaults.refresh, base.refresh),
        refresh_repeat: own.refresh_repeat.or(defaults.refresh_repeat).unwrap_or(base.refresh_repeat),
        ..base
    }
}

/// `1 s`, `0.25 s`.
fn shown(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
