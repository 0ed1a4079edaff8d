//! `[[instance]]` and `[[sync-group]]`.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::text::{self, Table, quoted, run_as, time};
use super::{Difference, Object, Writer};
use crate::config::ip::{self, SCOPES};
use crate::model::{
    AdvertInterval, Announcements, Authentication, Burst, Command, Election, Family, Instance, Ipvlan, IpvlanFlag,
    Notify, Peer, Preferred, Priority, StartAs, Transport, VirtualAddress, VirtualLink, Vmac, VrrpVersion,
};

/// Time between refreshing announcements unless written.
const REFRESH: Duration = Duration::from_secs(60);

impl Writer<'_> {
    pub(super) fn instances(&mut self) {
        let config = self.config;
        let telling = config.sync_groups.iter().filter(|group| group.notify.priority_changes);
        let told: HashSet<&str> = telling.flat_map(|group| &group.members).map(String::as_str).collect();
        for instance in &config.instances {
            // Members tell of changed priorities as their group does, unless they say otherwise.
            let table = self.instance(instance, told.contains(instance.name.as_str()));
            self.part("[[instance]]", &table, &Object::Instance(instance.name.clone()));
        }
        for group in &config.sync_groups {
            let mut table = Table::default();
            table.text("name", &group.name);
            table.list("members", group.members.iter().map(|name| quoted(name)).collect());
            table.flag("weighted", group.weighted, false);
            self.tracks(&mut table, &group.tracks);
            table.table("notify", notify(&group.notify, false));
            self.part("[[sync-group]]", &table, &Object::SyncGroup(group.name.clone()));
        }
    }

    fn instance(&mut self, instance: &Instance, told: bool) -> Table {
        let mut table = Table::default();
        let owner = instance.priority == Priority::OWNER;
        table.text("name", &instance.name);
        table.text_if("interface", instance.id.interface.as_ref());
        table.text_if("vrf", instance.vrf.as_ref());
        table.number("vrid", instance.id.vrid);
        match (instance.id.family, instance.version) {
            (Family::V4, VrrpVersion::V2) => {
                table.number("version", 2);
                self.differs(&mut table, Difference::Version);
            }
            (Family::V4 | Family::V6, VrrpVersion::V3) | (Family::V6, VrrpVersion::V2) => {}
        }
        match (instance.start_as, owner) {
            (StartAs::Backup, false) | (StartAs::Master, true) => {}
            (StartAs::Backup, true) => table.text("start", "backup"),
            (StartAs::Master, false) => table.text("start", "master"),
        }
        if instance.priority != Priority::DEFAULT {
            table.number("priority", instance.priority);
        }
        table.time("advert-interval", instance.advert_interval.duration(), AdvertInterval::DEFAULT.duration());
        table.flag("strict", instance.strict, false);
        self.election(&mut table, &instance.election, instance.strict);
        table.list("addresses", instance.addresses.iter().map(address).collect());
        table.list("excluded-addresses", instance.excluded_addresses.iter().map(address).collect());
        table.list("routes", instance.routes.iter().map(|route| quoted(&ip::route_text(route))).collect());
        table.list("rules", instance.rules.iter().map(|rule| quoted(&ip::rule_text(rule))).collect());
        table.flag("promote-secondaries", instance.promote_secondaries, false);
        match &instance.virtual_link {
            None => {}
            Some(VirtualLink::Vmac(link)) if *link == Vmac::default() => table.number("vmac", true),
            Some(VirtualLink::Vmac(link)) => table.table("vmac", vmac(link)),
            Some(VirtualLink::Ipvlan(link)) => table.set("ipvlan", ipvlan(link).inline()),
        }
        table.flag("accept", instance.accept, owner || !instance.strict);
        transport(&mut table, instance);
        table.flag("checksum-without-pseudo-header", instance.checksum.without_pseudo_header, false);
        table.flag("skip-address-check", instance.skip_address_check, false);
        authentication(&mut table, &instance.authentication);
        self.tracks(&mut table, &instance.tracks);
        table.flag("track-primary", instance.track_primary, true);
        table.flag("track-source", instance.track_source, false);
        table.number_if("receive-buffer", instance.receive_buffer);
        let announce = self.announce(&instance.announcements, instance.strict);
        table.table("announce", announce);
        table.table("notify", notify(&instance.notify, told));
        table
    }

    /// In strict mode the RFC says most of it.
    fn election(&mut self, table: &mut Table, election: &Election, strict: bool) {
        table.flag("preempt", election.preempt, true);
        table.time("preempt-delay", election.preempt_delay, Duration::ZERO);
        let usual = Election::default();
        if election.down_timer_adverts != usual.down_timer_adverts {
            table.number("down-timer-adverts", election.down_timer_adverts);
        }
        table.flag("lower-priority-no-advert", election.lower_priority_no_advert, strict);
        table.flag("owner-ignores-adverts", election.owner_ignores_adverts, strict);
        table.number_if("timer-expired-backup", election.timer_expired_backup);
        if election.higher_priority_send_advert == strict {
            table.number("higher-priority-send-advert", election.higher_priority_send_advert);
            self.differs(table, Difference::HigherPriority);
        }
        if !election.wait_for_checks {
            table.number("wait-for-checks", false);
            self.differs(table, Difference::WaitForChecks);
        }
    }

    fn announce(&mut self, announcements: &Announcements, strict: bool) -> Table {
        let mut table = Table::default();
        let usual = Burst::default();
        let lower = if strict { Burst { repeat: 0, delay: None } } else { usual };
        let mut burst = |own: Burst, usual: Burst, repeat: &'static str, delay: &'static str| {
            if own.repeat != usual.repeat {
                table.number(repeat, own.repeat);
            }
            table.time(delay, own.delay.unwrap_or_default(), usual.delay.unwrap_or_default());
        };
        burst(announcements.master, usual, "repeat", "delay");
        burst(announcements.lower_priority, lower, "lower-priority-repeat", "lower-priority-delay");
        if announcements.refresh != Some(REFRESH) {
            table.set("refresh", time(announcements.refresh.unwrap_or_default()));
            if announcements.refresh.is_none() {
                self.differs(&mut table, Difference::Refresh);
            }
        }
        if announcements.refresh_repeat != 1 {
            table.number("refresh-repeat", announcements.refresh_repeat);
        }
        table.time("arp-interval", announcements.arp_interval, Duration::ZERO);
        table.time("na-interval", announcements.na_interval, Duration::ZERO);
        table.time("elsewhere", announcements.extra.unwrap_or_default(), Duration::ZERO);
        table.flag("elsewhere-all", announcements.extra_all, false);
        table.flag("watch-rivals", announcements.watch_rivals, true);
        table
    }
}

/// An address as text, or as a table where there is more to say.
pub(super) fn address(address: &VirtualAddress) -> String {
    let longest = if address.address.is_ipv4() { 32 } else { 128 };
    let with_prefix = |ip: IpAddr| match address.prefix_len {
        length if length == longest => quoted(&ip.to_string()),
        length => quoted(&format!("{ip}/{length}")),
    };
    let mut table = Table::default();
    match address.peer {
        None => table.set("address", with_prefix(address.address)),
        Some(peer) => {
            table.text("address", &address.address.to_string());
            table.set("peer", with_prefix(peer));
        }
    }
    let plain = VirtualAddress { prefix_len: address.prefix_len, ..VirtualAddress::new(address.address, longest) };
    if *address == plain {
        return with_prefix(address.address);
    }
    table.text_if("interface", address.interface.as_ref());
    table.text_if("label", address.label.as_ref());
    table.text_if("broadcast", address.broadcast.map(|broadcast| broadcast.to_string()));
    match SCOPES.iter().find(|(_, number)| *number == address.scope) {
        Some((_, 0)) => {}
        Some((name, _)) => table.text("scope", name),
        None => table.number("scope", address.scope),
    }
    match address.preferred {
        None => {}
        Some(Preferred::Forever) => table.text("preferred", "forever"),
        Some(Preferred::Secs(secs)) => table.set("preferred", time(Duration::from_secs(secs.into()))),
    }
    table.flag("home", address.options.home, false);
    table.flag("no-dad", address.options.no_dad, false);
    table.flag("manage-temporary", address.options.manage_temporary, false);
    table.flag("no-prefix-route", address.options.no_prefix_route, false);
    table.flag("auto-join", address.options.auto_join, false);
    table.flag("use-vmac", address.on_virtual_link, false);
    table.flag("track", address.track, true);
    table.text_if("track-group", address.track_group.as_ref());
    table.inline()
}

/// A command, or a table with one and who runs it.
pub(super) fn command(command: &Command) -> String {
    let words = text::command(&command.words);
    let Some(user) = &command.user else { return words };
    let mut table = Table::default();
    table.set("command", words);
    table.set("user", run_as(user));
    table.inline()
}

fn vmac(link: &Vmac) -> Table {
    let mut table = Table::default();
    table.text_if("name", link.name.as_ref());
    let mac = link.mac.map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
    table.text_if("mac", mac);
    table.number_if("group", link.group);
    table.flag("send-from-base", link.send_from_base, false);
    table.flag("for-addresses", link.for_addresses, false);
    table
}

fn ipvlan(link: &Ipvlan) -> Table {
    let mut table = Table::default();
    table.text_if("name", link.name.as_ref());
    table.text_if("address", link.address.map(|(address, length)| format!("{address}/{length}")));
    match link.flag {
        IpvlanFlag::Bridge => {}
        IpvlanFlag::Private => table.text("mode", "private"),
        IpvlanFlag::Vepa => table.text("mode", "vepa"),
    }
    table.number_if("group", link.group);
    table
}

fn transport(table: &mut Table, instance: &Instance) {
    match &instance.transport {
        Transport::Multicast { source, group } => {
            table.text_if("source", source.map(|source| source.to_string()));
            let usual = match instance.id.family {
                Family::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
                Family::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
            };
            // Where nothing else does, the group tells the family.
            let told = instance.id.family == Family::V4 || !instance.addresses.is_empty() || source.is_some();
            if *group != usual || !told {
                table.text("group", &group.to_string());
            }
        }
        Transport::Unicast { source, peers, ttl, check_source } => {
            table.text_if("source", source.map(|source| source.to_string()));
            table.list("peers", peers.iter().map(peer).collect());
            table.flag("fault-without-peers", peers.is_empty(), false);
            table.number_if("ttl", Some(*ttl).filter(|ttl| *ttl != u8::MAX));
            let limited = peers.iter().any(|peer| peer.min_ttl.is_some() || peer.max_ttl.is_some());
            table.flag("check-source", *check_source, limited);
        }
    }
    table.flag("old-unicast-checksum", !instance.checksum.never_old_unicast, true);
}

fn peer(peer: &Peer) -> String {
    let address = quoted(&peer.address.to_string());
    if *peer == Peer::new(peer.address) {
        return address;
    }
    let mut table = Table::default();
    table.set("address", address);
    table.number_if("min-ttl", peer.min_ttl);
    table.number_if("max-ttl", peer.max_ttl);
    table.inline()
}

fn authentication(table: &mut Table, authentication: &Authentication) {
    match authentication {
        Authentication::None => {}
        Authentication::Password(password) => table.text("password", &passphrase(password.bytes())),
        Authentication::Header(key) => {
            table.text("password", &passphrase(key.bytes()));
            table.text("authentication", "header");
        }
    }
}

/// Text whose first eight bytes are these. A password that was cut off inside a character ends with one that begins as that
/// did.
fn passphrase(bytes: &[u8]) -> String {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let bytes = bytes.get(..used).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        // No text is no password.
        Ok("") => "\0".to_owned(),
        Ok(text) => text.to_owned(),
        Err(error) => {
            let (whole, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
            let mut text = String::from_utf8_lossy(whole).into_owned();
            text.extend(begins_with(rest));
            text
        }
    }
}

/// The first character whose UTF-8 begins with these bytes.
fn begins_with(bytes: &[u8]) -> Option<char> {
    ('\u{80}'..=char::MAX).find(|c| c.encode_utf8(&mut [0; 4]).as_bytes().starts_with(bytes))
}

fn notify(notify: &Notify, told: bool) -> Table {
    let mut table = Table::default();
    let Notify { master, backup, fault, stop, deleted, tell_deleted, lower_priority, any, priority_changes } = notify;
    let commands = [("master", master), ("backup", backup), ("fault", fault), ("stop", stop), ("deleted", deleted)];
    for (key, one) in commands {
        if let Some(one) = one {
            table.set(key, command(one));
        }
    }
    if *tell_deleted && deleted.is_none() {
        table.number("deleted", true);
    }
    for (key, one) in [("lower-priority", lower_priority), ("any", any)] {
        if let Some(one) = one {
            table.set(key, command(one));
        }
    }
    table.flag("priority-changes", *priority_changes, told);
    table
}

#[cfg(test)]
mod tests {
    use super::passphrase;
    use crate::model::Password;

    #[test]
    fn passwords_travel_as_they_did() {
        for text in ["1111", "a", "", "12345678", "a\0b", "密码密码", "äöüäöü", "x\u{10ffff}y\u{10ffff}", "é234567é"]
        {
            let password = Password::new(text);
            let written = passphrase(password.bytes());
            assert!(!written.is_empty());
            assert_eq!(Password::new(&written), password, "{text} {written:?}");
        }
    }
}
