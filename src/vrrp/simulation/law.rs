//! What must hold.
//!
//! Always, after each thing that a host did:
//! - only a master advertises, but for the priority 0 with which it leaves;
//! - nobody has a virtual address in BACKUP, FAULT or INIT, but what a killed process left and no other master has claimed;
//! - nobody announces an address that it has not;
//! - a master gives way to a better one only: of higher priority, or as high and with the higher address.
//!
//! At rest, a bounded time after the last deed, on each switch and for each virtual router:
//! - exactly one master, if anybody there is well, and it is well itself;
//! - it is the best there, where everybody takes over from those that are worse;
//! - it has all virtual addresses, and neighbours find them there, if masters refresh what neighbours know;
//! - nothing changes any more.
//!
//! Hosts of which some speak version 2 and some version 3 cannot hear each other: nothing in RFC 9568 has a router of one
//! version make sense of adverts of the other, and keepalived drops them too. So there is one master for each version, both have
//! the addresses, and each host has counted what it could not hear.
//!
//! At the end, one master is killed or stopped: the next one is there within the protocol's own bound. It is the best of the
//! others, and they do not stir: the skew is what lets it speak first.

use std::collections::BTreeSet;
use std::time::Duration;

use super::history::{History, VirtualRouter, own_address};
use super::host::Host;
use super::world::World;
use crate::model::{Family, Instance, VrrpVersion};
use crate::vrrp::machine::Role;
use crate::vrrp::reason::Reason;
use crate::vrrp::receive::Drop;

/// Time on the way while the network is calm, generously.
const SLACK: Duration = Duration::from_millis(1);

/// What holds for a host at any time.
pub(super) fn always(host: &Host) -> Result<(), String> {
    if !host.runs() || host.paused_until.is_some() {
        return Ok(());
    }
    for instance in &host.config.instances {
        let role = host.roles.get(&instance.name);
        if role == Some(&Role::Active) || host.inherits.contains(&instance.name) {
            continue;
        }
        if let Some(address) = held(host, instance).find(|address| !host.permanent.contains(address)) {
            return Err(format!("{} on host {} is {role:?} and has {address}", instance.name, host.number));
        }
    }
    Ok(())
}

/// Virtual addresses that the kernel has.
fn held<'a>(host: &'a Host, instance: &'a Instance) -> impl Iterator<Item = std::net::IpAddr> + 'a {
    instance.addresses.iter().map(|address| address.address).filter(|address| host.has(*address))
}

/// Its process runs, its link is up, and the script that it cannot run without succeeds.
fn is_well(host: &Host, history: &History) -> bool {
    let weight = history.hosts.get(host.number).and_then(|setup| setup.script_weight);
    host.runs() && host.link_up && (host.script_ok || weight != Some(0))
}

/// To whom a master gives way.
pub(super) fn yielding(host: usize, reason: &Reason) -> Result<(), String> {
    let Reason::Outbid { by, theirs, ours } = reason else { return Ok(()) };
    let better = theirs > ours || theirs == ours && *by > own_address(Family::of(*by), host);
    if better { Ok(()) } else { Err(format!("host {host} of priority {ours} gives way to {by} of priority {theirs}")) }
}

/// What holds a bounded time after the last deed.
pub(super) fn at_rest(world: &World, history: &History) -> Result<(), String> {
    let sides: BTreeSet<u8> = world.hosts.iter().map(|host| host.side).collect();
    for side in sides {
        for router in &history.routers {
            for version in [VrrpVersion::V2, VrrpVersion::V3] {
                one_master(world, history, side, VirtualRouter { version, ..*router })?;
            }
        }
    }
    Ok(())
}

/// A host speaks this version to the virtual router's others.
fn speaks(history: &History, host: &Host, router: VirtualRouter) -> bool {
    let told = history.routers.iter().find(|told| told.vrid == router.vrid);
    told.is_some_and(|told| history.version(host.number, *told) == router.version)
}

/// Whoever is well has counted the adverts of a master of another version.
fn others_are_counted(world: &World, name: &str, deaf: &[&Host]) -> Result<(), String> {
    for host in deaf {
        let statuses = host.router.as_ref().map(|router| router.status(world.now)).unwrap_or_default();
        let status = statuses.into_iter().find(|status| status.config.name == name);
        let counted = status.is_some_and(|status| status.dropped.iter().any(|(drop, _)| *drop == Drop::Version));
        if !counted {
            return Err(format!("{name}: host {} has counted no advert of the other version", host.number));
        }
    }
    Ok(())
}

/// Among those that speak one version.
fn one_master(world: &World, history: &History, side: u8, router: VirtualRouter) -> Result<(), String> {
    let name = format!("v{}", router.vrid);
    let all = || world.hosts.iter().filter(|host| host.side == side && host.runs());
    let here = || all().filter(|host| speaks(history, host, router));
    let deaf: Vec<&Host> = all().filter(|host| !speaks(history, host, router) && is_well(host, history)).collect();
    let well: Vec<&Host> = here().filter(|host| is_well(host, history)).collect();
    let masters: Vec<&Host> = here().filter(|host| host.roles.get(&name) == Some(&Role::Active)).collect();
    let numbers = |hosts: &[&Host]| hosts.iter().map(|host| host.number).collect::<Vec<_>>();
    let [master] = masters.as_slice() else {
        if masters.is_empty() && well.is_empty() {
            return Ok(());
        }
        return Err(format!(
            "on switch {side} {name} has the masters {:?}, and {:?} are well",
            numbers(&masters),
            numbers(&well)
        ));
    };
    if !is_well(master, history) {
        return Err(format!("{name}: master {} is not well", master.number));
    }
    others_are_counted(world, &name, &deaf)?;
    best_leads(world, history, &well, master, &name)?;
    let Some(instance) = master.config.instances.iter().find(|instance| instance.name == name) else { return Ok(()) };
    if held(master, instance).count() != instance.addresses.len() {
        return Err(format!("{name}: master {} has not all addresses", master.number));
    }
    let refreshes = history.hosts.get(master.number).is_some_and(|setup| setup.refresh.is_some());
    for address in instance.addresses.iter().map(|address| address.address).filter(|_| refreshes && deaf.is_empty()) {
        let known = world.neighbours.get(&(side, address));
        if known != Some(&master.number) {
            return Err(format!("{name}: neighbours find {address} at {known:?}, master is {}", master.number));
        }
    }
    Ok(())
}

/// Where everybody takes over from those that are worse, nobody that is well is better than the master. Two owners of one
/// address are left out: which of them yields depends on who heard whom.
fn best_leads(world: &World, history: &History, well: &[&Host], master: &Host, name: &str) -> Result<(), String> {
    let priority = |host: &Host| {
        let statuses = host.router.as_ref().map(|router| router.status(world.now)).unwrap_or_default();
        statuses.into_iter().find(|status| status.config.name == name).map_or(0, |status| status.effective_priority)
    };
    let preempts = |host: &Host| {
        let Some(setup) = history.hosts.get(host.number) else { return false };
        let told = host.config.instances.iter().find(|instance| instance.name == name);
        let owner = told.is_some_and(|instance| instance.priority.value() == 255);
        let takes = setup.election.preempt || setup.start_as == crate::model::StartAs::Master || owner;
        // One whose script never succeeded since it started still waits.
        takes && (!setup.election.wait_for_checks || setup.script_weight.is_none())
    };
    let owners = well.iter().filter(|host| priority(host) == 255).count();
    if owners > 1 || !well.iter().all(|host| preempts(host)) {
        return Ok(());
    }
    let best = well.iter().map(|host| priority(host)).max().unwrap_or(0);
    if priority(master) == best {
        Ok(())
    } else {
        Err(format!("{name}: master {} has priority {}, and {best} is there", master.number, priority(master)))
    }
}

/// One master goes, with a word or without: how long until the next?
pub(super) fn succession(world: &mut World, history: &History) -> Result<(), String> {
    let Some(router) = history.routers.first().copied().filter(|_| !history.grouped) else { return Ok(()) };
    let name = format!("v{}", router.vrid);
    let is_master = |host: &Host| host.roles.get(&name) == Some(&Role::Active);
    let Some((number, side)) = world.hosts.iter().find(|host| is_master(host)).map(|host| (host.number, host.side))
    else {
        return Ok(());
    };
    let router = VirtualRouter { version: history.version(number, router), ..router };
    let interval_of = |host: usize| {
        let centiseconds = history.hosts.get(host).and_then(|setup| setup.intervals.first()).copied().unwrap_or(100);
        Duration::from_millis(u64::from(centiseconds) * 10)
    };
    let interval = interval_of(number);
    let unit = match router.version {
        VrrpVersion::V2 => Duration::from_secs(1),
        VrrpVersion::V3 => interval,
    };
    let mut others: Vec<(u8, usize)> = world
        .hosts
        .iter()
        .filter(|host| host.number != number && host.side == side && is_well(host, history))
        .filter(|host| speaks(history, host, router))
        .filter_map(|host| {
            let statuses = host.router.as_ref()?.status(world.now);
            Some((statuses.first()?.effective_priority, host.number))
        })
        .collect();
    others.sort_unstable();
    // The slowest of the others decides nothing: the first whose timer runs out takes over.
    let Some((best, heir)) = others.pop() else { return Ok(()) };
    let skew = unit * (256 - u32::from(best)) / 256;
    // Equals wait equally long. An owner that yielded to another waits as one of priority 254.
    let heir_is_alone = others.last().is_none_or(|(second, _)| *second < best) && best != 255;
    let changes = |world: &World| {
        let others = world.hosts.iter().filter(|host| host.number != number && host.number != heir);
        others.map(|host| host.changes).sum::<u64>()
    };
    let before = changes(world);
    let politely = history.seed.is_multiple_of(2);
    let bound = if politely {
        world.act(number, |host, now| host.stop(now))?;
        skew
    } else {
        world.act(number, |host, _| {
            host.kill();
            Ok(Vec::new())
        })?;
        interval * u32::from(router.down_timer_adverts) + skew
    };
    world.pass(bound + SLACK)?;
    let successors = world.hosts.iter().filter(|host| host.side == side && host.number != number && is_master(host));
    let successors = successors.filter(|host| speaks(history, host, router));
    match successors.count() {
        0 => Err(format!("{name}: {bound:?} after master {number} went (politely: {politely}) nobody has followed")),
        _ if heir_is_alone && changes(world) != before => {
            Err(format!("{name}: master {number} went, {heir} is the best, and others changed their states too"))
        }
        _ => Ok(()),
    }
}
