//! The kernel's sync daemons: which of them are to run, and when one that runs is the one that is meant.
//!
//! A `master` sends connections to the other directors, a `backup` takes them in. At most one of each role runs in a network
//! namespace, and the kernel cannot change one that runs: an edit is a stop and a start. A stop takes up to a second in which
//! the kernel does nothing else of IPVS, so what runs and fits is never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::model::{Config, SyncDaemon};

/// `IP_VS_SYNC_PORT` of `ip_vs_sync.c`.
const PORT: u16 = 8848;
/// What the kernel takes for a TTL of none.
const TTL: u8 = 1;
/// `IP_VS_SYNC_GROUP`.
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
/// The kernel gives a backup no less room for a message.
const BACKUP_LEN: u16 = 1024;

/// Which half of the work a daemon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncRole {
    /// Sends connections to the others.
    Master,
    /// Takes connections from the others.
    Backup,
}

impl SyncRole {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Master, Self::Backup];
}

impl fmt::Display for SyncRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// How a daemon is to run, or runs. `None` in a wish is the kernel's own value; in what was found it is not known, as with
/// kernels before Linux 4.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// Interface that it speaks on.
    pub interface: String,
    /// Daemons of different numbers do not hear each other; 0 to 255.
    pub id: u32,
    /// Bytes of a message at most.
    pub max_len: Option<u16>,
    /// UDP port.
    pub port: Option<u16>,
    /// Time to live of the messages.
    pub ttl: Option<u8>,
    /// Multicast group.
    pub group: Option<IpAddr>,
}

impl SyncSettings {
    /// What a configuration asks for. The number is the router's, where none is given and a router is followed.
    fn of(daemon: &SyncDaemon, config: &Config) -> Self {
        let SyncDaemon { interface, instance, id, max_len, port, ttl, group } = daemon;
        let router = instance.as_ref().and_then(|name| config.instances.iter().find(|router| router.name == *name));
        let id = id.or(router.map(|router| router.id.vrid.value())).unwrap_or_default();
        Self { interface: interface.clone(), id: id.into(), max_len: *max_len, port: *port, ttl: *ttl, group: *group }
    }

    /// A daemon of this role that was found is what this wish would start.
    ///
    /// A wish without a length takes any: the kernel's own follows the interface's MTU as it was at the start.
    #[must_use]
    pub fn is_met_by(&self, role: SyncRole, found: &Self) -> bool {
        let Self { interface, id, max_len, port, ttl, group } = self;
        let group = group.unwrap_or(GROUP);
        let len =
            max_len.zip(found.max_len).is_none_or(|(wish, found)| found == wish || found == room(wish, role, group));
        *interface == found.interface
            && *id == found.id
            && len
            && found.port.is_none_or(|found| found == port.unwrap_or(PORT))
            && found.ttl.is_none_or(|found| found == ttl.unwrap_or(TTL))
            && found.group.is_none_or(|found| found == group)
    }
}

/// The length that the kernel makes of one that is wished for.
fn room(wish: u16, role: SyncRole, group: IpAddr) -> u16 {
    let least = match role {
        SyncRole::Master => 1,
        SyncRole::Backup => BACKUP_LEN,
    };
    let headers = if group.is_ipv4() { 20 + 8 } else { 40 + 8 };
    wish.clamp(least, u16::MAX - headers)
}

impl fmt::Display for SyncSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, id, max_len, port, ttl, group } = self;
        write!(f, "{interface}, id {id}")?;
        let numbers = [("maxlen", *max_len), ("port", *port), ("ttl", ttl.map(u16::from))];
        for (name, number) in numbers {
            if let Some(number) = number {
                write!(f, ", {name} {number}")?;
            }
        }
        group.map_or(Ok(()), |group| write!(f, ", group {group}"))
    }
}

/// The daemons of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncDaemons {
    /// The one that sends.
    pub master: Option<SyncSettings>,
    /// The one that takes in.
    pub backup: Option<SyncSettings>,
    /// Numbers that the interfaces of these names have now, for daemons that were found. The kernel does not tell which one a
    /// daemon began on: it holds on to that, and is deaf and dumb when it was deleted and made again.
    pub links: BTreeMap<SyncRole, u32>,
    /// Daemons whose interface was made again.
    pub lost: BTreeSet<SyncRole>,
}

impl SyncDaemons {
    /// The daemon of a role.
    #[must_use]
    pub fn of(&self, role: SyncRole) -> Option<&SyncSettings> {
        match role {
            SyncRole::Master => self.master.as_ref(),
            SyncRole::Backup => self.backup.as_ref(),
        }
    }

    /// From now on this one is there, or none.
    pub fn put(&mut self, role: SyncRole, daemon: Option<SyncSettings>) {
        self.links.remove(&role);
        self.lost.remove(&role);
        match role {
            SyncRole::Master => self.master = daemon,
            SyncRole::Backup => self.backup = daemon,
        }
    }

    /// None is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.master.is_none() && self.backup.is_none()
    }
}

/// Which daemons are to run. `None` where that depends on a router of whose state nothing was heard yet: then all stays as it
/// is.
pub(super) fn wish(config: &Config, is_active: impl Fn(&str) -> Option<bool>) -> Option<SyncDaemons> {
    let Some(daemon) = &config.global.sync_daemon else { return Some(SyncDaemons::default()) };
    let settings = SyncSettings::of(daemon, config);
    let followed = daemon.instance.as_deref();
    Some(match followed.map(is_active) {
        None => SyncDaemons { master: Some(settings.clone()), backup: Some(settings), ..SyncDaemons::default() },
        Some(None) => return None,
        Some(Some(true)) => SyncDaemons { master: Some(settings), ..SyncDaemons::default() },
        Some(Some(false)) => SyncDaemons { backup: Some(settings), ..SyncDaemons::default() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Global, Instance, Vrid};

    fn found(max_len: u16) -> SyncSettings {
        let (port, ttl, group) = (Some(PORT), Some(TTL), Some(GROUP));
        SyncSettings { interface: "eth0".to_owned(), id: 51, max_len: Some(max_len), port, ttl, group }
    }

    fn bare() -> SyncSettings {
        SyncSettings { max_len: None, port: None, ttl: None, group: None, ..found(0) }
    }

    #[test]
    fn what_was_not_asked_for_is_the_kernels_own() {
        let wish = bare();
        assert!(wish.is_met_by(SyncRole::Master, &found(1472)));
        assert!(wish.is_met_by(SyncRole::Backup, &found(8972)), "follows the MTU");
        assert!(wish.is_met_by(SyncRole::Master, &wish), "a kernel that does not tell");
        let others = [
            SyncSettings { interface: "eth1".to_owned(), ..found(1472) },
            SyncSettings { id: 52, ..found(1472) },
            SyncSettings { port: Some(8849), ..found(1472) },
            SyncSettings { ttl: Some(2), ..found(1472) },
            SyncSettings { group: Some([224, 0, 0, 82].into()), ..found(1472) },
        ];
        for other in others {
            assert!(!wish.is_met_by(SyncRole::Master, &other), "{other}");
            assert!(other.is_met_by(SyncRole::Master, &other), "{other}");
        }
    }

    #[test]
    fn a_length_is_compared_with_what_the_kernel_makes_of_it() {
        let wish = |len| SyncSettings { max_len: Some(len), ..bare() };
        assert!(wish(600).is_met_by(SyncRole::Master, &found(600)));
        assert!(!wish(600).is_met_by(SyncRole::Master, &found(1472)));
        assert!(wish(600).is_met_by(SyncRole::Backup, &found(1024)));
        assert!(!wish(1100).is_met_by(SyncRole::Backup, &found(1024)));
        let six = Some("ff02::51".parse().unwrap());
        let (wish, found) = (SyncSettings { group: six, ..wish(65_507) }, SyncSettings { group: six, ..found(65_487) });
        assert!(wish.is_met_by(SyncRole::Master, &found));
    }

    #[test]
    fn the_role_is_that_of_the_router_and_so_is_the_number() {
        let daemon = |instance: Option<&str>, id| SyncDaemon {
            interface: "eth0".to_owned(),
            instance: instance.map(str::to_owned),
            id,
            max_len: None,
            port: None,
            ttl: None,
            group: None,
        };
        let config = |sync_daemon| Config {
            global: Global { sync_daemon, ..Global::default() },
            instances: vec![Instance::new("web", "eth0", Vrid::new(51).unwrap(), Family::V4)],
            ..Config::default()
        };
        let roles = |config: &Config, active: Option<bool>| {
            let wish = wish(config, |name| active.filter(|_| name == "web"));
            wish.map(|wish| SyncRole::ALL.map(|role| wish.of(role).map(|settings| settings.id)))
        };
        let follows = config(Some(daemon(Some("web"), None)));
        assert_eq!(roles(&follows, Some(true)), Some([Some(51), None]));
        assert_eq!(roles(&follows, Some(false)), Some([None, Some(51)]));
        assert_eq!(roles(&follows, None), None);
        let both = config(Some(daemon(None, None)));
        assert_eq!(roles(&both, None), Some([Some(0), Some(0)]));
        assert_eq!(roles(&config(Some(daemon(Some("web"), Some(7)))), Some(true)), Some([Some(7), None]));
        assert_eq!(roles(&config(None), None), Some([None, None]));
    }
}
