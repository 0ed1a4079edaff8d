//! Who is there, and what happens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::dice::Dice;
use crate::model::{
    AdvertInterval, Announcements, Burst, Config, Election, Family, Instance, Notify, OnMissing, Peer, Priority,
    RouterSettings, StartAs, SyncGroup, TrackScript, Tracked, Transport, VirtualAddress, Vrid, VrrpVersion, Watched,
};

/// Who is there, and what happens.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// All that is random, from here on too.
    pub(super) seed: u64,
    pub(super) routers: Vec<VirtualRouter>,
    /// The virtual routers of each host are a sync group.
    pub(super) grouped: bool,
    pub(super) hosts: Vec<Setup>,
    pub(super) network: Network,
    pub(super) deeds: Vec<Deed>,
}

/// What all hosts must have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct VirtualRouter {
    pub(super) vrid: u8,
    pub(super) version: VrrpVersion,
    pub(super) family: Family,
    /// Adverts go to each of the other hosts.
    pub(super) unicast: bool,
    pub(super) down_timer_adverts: u8,
}

/// A host, and what its file says of each virtual router.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) priority: u8,
    /// Advert interval of each virtual router, centiseconds.
    pub(super) intervals: Vec<u16>,
    pub(super) election: Election,
    pub(super) start_as: StartAs,
    /// Weight of the one script that it watches.
    pub(super) script_weight: Option<i16>,
    pub(super) startup_delay: Duration,
    pub(super) refresh: Option<Duration>,
    pub(super) garp_interval: Duration,
    pub(super) addresses: u8,
    /// It speaks version 3 where the others speak version 2: somebody is in the middle of an upgrade.
    pub(super) upgraded: bool,
}

/// What the network does to packets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network {
    pub(super) loss_percent: u64,
    pub(super) repeat_percent: u64,
    /// Longest time on the way.
    pub(super) delay_micros: u64,
}

/// Something that happens to a host.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    /// Nothing, for so many milliseconds.
    Wait(u64),
    LinkDown(usize),
    LinkUp(usize),
    Script(usize, bool),
    /// SIGKILL: addresses stay behind.
    Kill(usize),
    /// SIGTERM.
    Stop(usize),
    Start(usize),
    /// SIGSTOP, and SIGCONT so many milliseconds later.
    Pause(usize, u64),
    /// Its cable is in another of three switches that are not connected.
    Move(usize, u8),
    /// Somebody removes a virtual address.
    TakeAddress(usize),
    /// The kernel refuses to add addresses, or no longer does.
    Refuse(usize, bool),
    /// A reload with another priority.
    Reload(usize, u8),
}

impl History {
    /// A history out of a number.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let count = 2 + dice.index(4);
        let routers: Vec<_> = (0..=u8::from(dice.percent(25)))
            .map(|number| {
                let family = if dice.percent(30) { Family::V6 } else { Family::V4 };
                let version = match family {
                    Family::V4 if dice.percent(50) => VrrpVersion::V2,
                    Family::V4 | Family::V6 => VrrpVersion::V3,
                };
                let unicast = dice.percent(25);
                let down_timer_adverts = dice.pick(&[3, 3, 3, 5], 3);
                VirtualRouter { vrid: 51 + number, version, family, unicast, down_timer_adverts }
            })
            .collect();
        let grouped = routers.len() > 1 && dice.percent(60);
        let common: Vec<u16> = routers.iter().map(|router| any_interval(&mut dice, router.version)).collect();
        let same_intervals = dice.percent(60);
        let hosts: Vec<Setup> = (0..count)
            .map(|_| {
                let intervals = routers
                    .iter()
                    .zip(&common)
                    .map(|(router, common)| match router.version {
                        VrrpVersion::V3 if !same_intervals => any_interval(&mut dice, router.version),
                        VrrpVersion::V2 | VrrpVersion::V3 => *common,
                    })
                    .collect();
                Setup::new(&mut dice, intervals)
            })
            .collect();
        let network = Network {
            loss_percent: dice.pick(&[0, 0, 5, 30, 60], 0),
            repeat_percent: dice.pick(&[0, 0, 10], 0),
            delay_micros: dice.pick(&[100, 1000, 20_000, 200_000], 100),
        };
        let deeds = (0..dice.below(25)).map(|_| any_deed(&mut dice, count)).collect();
        // In a sync group nobody would lead: its members would have to win among different hosts.
        let mixed = !grouped && dice.percent(20);
        let mut hosts = hosts;
        for host in &mut hosts {
            host.upgraded = mixed && dice.percent(50);
        }
        Self { seed, routers, grouped, hosts, network, deeds }
    }

    /// The version that a host speaks.
    pub(super) fn version(&self, host: usize, router: VirtualRouter) -> VrrpVersion {
        match (router.family, router.version, self.hosts.get(host).is_some_and(|setup| setup.upgraded)) {
            (Family::V4, VrrpVersion::V2, false) => VrrpVersion::V2,
            (Family::V4, VrrpVersion::V2, true) | (_, VrrpVersion::V3, _) | (Family::V6, VrrpVersion::V2, _) => {
                VrrpVersion::V3
            }
        }
    }

    /// A host's configuration.
    pub(super) fn config(&self, host: usize, priority: u8) -> Config {
        let Some(setup) = self.hosts.get(host) else { return Config::default() };
        let instances: Vec<Instance> = self
            .routers
            .iter()
            .zip(&setup.intervals)
            .filter_map(|(router, interval)| {
                let peers = (0..self.hosts.len()).filter(|other| *other != host);
                let peers = peers.map(|other| Peer::new(own_address(router.family, other))).collect();
                let unicast = Transport::Unicast { source: None, peers, ttl: 255, check_source: true };
                let spoken = VirtualRouter { version: self.version(host, *router), ..*router };
                let instance = setup.instance(spoken, *interval, priority)?;
                Some(if router.unicast { Instance { transport: unicast, ..instance } } else { instance })
            })
            .collect();
        let scripts = vec![TrackScript {
            name: "check".to_owned(),
            command: vec!["check".to_owned()],
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 2,
            user: None,
            init_fail: false,
            on_missing: OnMissing::Fail,
        }];
        let group = SyncGroup {
            name: "group".to_owned(),
            members: instances.iter().map(|instance| instance.name.clone()).collect(),
            tracks: Vec::new(),
            weighted: true,
            notify: Notify::default(),
        };
        Config {
            scripts,
            sync_groups: if self.grouped { vec![group] } else { Vec::new() },
            router: RouterSettings { startup_delay: setup.startup_delay, ..RouterSettings::default() },
            instances,
            ..Config::default()
        }
    }

    /// The longest down interval that any of the hosts can have.
    pub(super) fn longest_down(&self) -> Duration {
        let interval = self.hosts.iter().flat_map(|host| &host.intervals).copied().max().unwrap_or(100);
        let adverts = self.routers.iter().map(|router| router.down_timer_adverts).max().unwrap_or(3);
        let interval = Duration::from_millis(u64::from(interval) * 10);
        interval * u32::from(adverts) + interval.max(Duration::from_secs(1))
    }

    /// Time without deeds after which all must have come to rest: delays that were asked for, verdicts of scripts, and
    /// three down intervals: to find out that nobody is there, for a second round in a sync group, and for two owners.
    pub(super) fn time_to_rest(&self) -> Duration {
        let longest = |delay: fn(&Setup) -> Duration| self.hosts.iter().map(delay).max().unwrap_or(Duration::ZERO);
        let refresh = longest(|host| host.refresh.unwrap_or(Duration::ZERO));
        longest(|host| host.startup_delay)
            + longest(|host| host.election.preempt_delay)
            + Duration::from_secs(4)
            + self.longest_down() * 3
            + refresh
    }
}

impl Setup {
    fn new(dice: &mut Dice, intervals: Vec<u16>) -> Self {
        let owner = dice.percent(7);
        let election = Election {
            preempt: dice.percent(75),
            preempt_delay: Duration::from_millis(if dice.percent(20) { dice.below(5000) } else { 0 }),
            lower_priority_no_advert: dice.percent(20),
            higher_priority_send_advert: dice.percent(70),
            timer_expired_backup: dice.percent(20).then_some(254),
            wait_for_checks: dice.percent(30),
            ..Election::default()
        };
        Self {
            priority: if owner { 255 } else { dice.pick(&[1, 50, 100, 100, 101, 150, 200, 254], 100) },
            intervals,
            election,
            start_as: if dice.percent(30) { StartAs::Master } else { StartAs::Backup },
            script_weight: dice.percent(40).then(|| dice.pick(&[0, 0, -60, 30], 0)),
            startup_delay: Duration::from_millis(if dice.percent(10) { dice.below(4000) } else { 0 }),
            refresh: dice.percent(50).then_some(Duration::from_secs(5)),
            garp_interval: Duration::from_millis(dice.pick(&[0, 0, 1, 50], 0)),
            addresses: dice.pick(&[1, 1, 3], 1),
            upgraded: false,
        }
    }

    fn instance(&self, router: VirtualRouter, interval: u16, priority: u8) -> Option<Instance> {
        let vrid = Vrid::new(router.vrid).ok()?;
        let burst = Burst { repeat: 2, ..Burst::default() };
        Some(Instance {
            version: router.version,
            priority: Priority::new(priority).ok()?,
            advert_interval: AdvertInterval::from_centiseconds(interval).ok()?,
            election: Election { down_timer_adverts: router.down_timer_adverts, ..self.election },
            start_as: self.start_as,
            addresses: virtual_addresses(router, self.addresses),
            announcements: Announcements {
                master: burst,
                lower_priority: burst,
                refresh: self.refresh,
                arp_interval: self.garp_interval,
                ..Announcements::default()
            },
            tracks: self
                .script_weight
                .map(|weight| Tracked { what: Watched::Script("check".to_owned()), weight, reverse: false })
                .into_iter()
                .collect(),
            ..Instance::new(&format!("v{}", router.vrid), "eth0", vrid, router.family)
        })
    }
}

/// A host's own address, on which its adverts leave.
pub(super) fn own_address(family: Family, host: usize) -> IpAddr {
    let last = u8::try_from(host + 1).unwrap_or(u8::MAX);
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, 0, last).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into()).into(),
    }
}

/// The first one of IPv6 is link-local (RFC 9568 section 5.2.9).
fn virtual_addresses(router: VirtualRouter, count: u8) -> Vec<VirtualAddress> {
    let vrid = router.vrid;
    let address = |number: u8| match router.family {
        Family::V4 => VirtualAddress::new(Ipv4Addr::new(10, vrid, 0, number).into(), 32),
        Family::V6 => {
            let prefix = if number == 0 { 0xfe80 } else { 0x2001 };
            VirtualAddress::new(Ipv6Addr::new(prefix, 0, 0, 0, 1, 0, vrid.into(), number.into()).into(), 128)
        }
    };
    (0..count).map(address).collect()
}

fn any_interval(dice: &mut Dice, version: VrrpVersion) -> u16 {
    match version {
        VrrpVersion::V2 => dice.pick(&[100, 100, 200], 100),
        VrrpVersion::V3 => dice.pick(&[20, 50, 100, 150], 100),
    }
}

fn any_deed(dice: &mut Dice, hosts: usize) -> Deed {
    let host = dice.index(hosts);
    match dice.below(26) {
        0..=7 => Deed::Wait(dice.below(6000)),
        8 | 9 => Deed::LinkDown(host),
        10 | 11 => Deed::LinkUp(host),
        12 => Deed::Script(host, false),
        13 => Deed::Script(host, true),
        14 => Deed::Kill(host),
        15 => Deed::Stop(host),
        16 | 17 => Deed::Start(host),
        18 | 19 => Deed::Pause(host, dice.below(12_000)),
        20 | 21 => Deed::Move(host, dice.pick(&[0, 0, 1, 2], 0)),
        22 => Deed::TakeAddress(host),
        23 => Deed::Refuse(host, true),
        24 => Deed::Refuse(host, false),
        _ => Deed::Reload(host, dice.pick(&[1, 50, 100, 150, 254], 100)),
    }
}
