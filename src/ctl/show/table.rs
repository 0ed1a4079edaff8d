//! `show -o table` and `-o wide`: the daemon, what is wrong, the virtual routers, the services, the kernel settings.
//!
//! Whoever opens this at three in the morning reads from the top: one line that says what runs, then each problem with a `!`, then
//! the parts. Wide has the same parts with more columns and lines; it hides nothing and moves nothing.

use super::{daemons, services};
use crate::api::{
    AddressView, BalancerView, DaemonView, InstanceView, LoopView, ReloadView, RivalView, Snapshot, SysctlState,
    SysctlView, TrackView, UnreadView, WatchState,
};
use crate::ctl::render::{Cell, Page, Side, Tone, age, bytes, cell, count, plain};

/// Others who claim an address, of one router, that are shown one by one.
const RIVALS: usize = 4;
/// Addresses of a virtual router that a table names; wide names all.
const ADDRESSES: usize = 4;

/// Everything that the daemon knows.
pub(super) fn snapshot(snapshot: &Snapshot, wide: bool) -> Page {
    let mut page = Page::default();
    head(&mut page, snapshot);
    problems(&mut page, snapshot);
    if !snapshot.instances.is_empty() {
        page.gap();
        instances(&mut page, &snapshot.instances, wide);
    }
    if !snapshot.balancer.services.is_empty() {
        page.gap();
        services::with_health(&mut page, &snapshot.balancer, wide);
    }
    if !snapshot.balancer.sync_daemons.is_empty() {
        page.gap();
        daemons::table(&mut page, &snapshot.balancer.sync_daemons, wide);
    }
    if wide && !snapshot.sysctls.is_empty() {
        page.gap();
        sysctls(&mut page, &snapshot.sysctls);
    }
    page
}

/// What the kernel alone knows.
pub(super) fn kernel(balancer: &BalancerView, wide: bool) -> Page {
    let mut page = Page::default();
    let version = balancer.kernel.version.as_deref().unwrap_or("unknown");
    let size = balancer.kernel.connection_table_size.unwrap_or_default();
    let servers: usize = balancer.services.iter().map(|service| service.servers.len()).sum();
    page.text(0, format!("kernel IPVS {version}, connection table of {size} buckets"), Tone::Strong);
    page.text(
        0,
        "Read from the kernel by ipvsctl itself; the daemon was not asked, so health is not known.",
        Tone::Dim,
    );
    page.text(
        0,
        format!(
            "{}, {}",
            count(services::number(balancer.services.len()), "service"),
            count(services::number(servers), "server")
        ),
        Tone::Plain,
    );
    if !balancer.services.is_empty() {
        page.gap();
        services::kernel_only(&mut page, balancer, wide);
    }
    if !balancer.sync_daemons.is_empty() {
        page.gap();
        daemons::table(&mut page, &balancer.sync_daemons, wide);
    }
    page
}

fn head(page: &mut Page, snapshot: &Snapshot) {
    let DaemonView { version, pid, uptime_secs, resident_bytes, .. } = &snapshot.daemon;
    let up = age(*uptime_secs);
    page.text(0, format!("ipvsd {version}, pid {pid}, up {up}, {}", bytes(*resident_bytes)), Tone::Strong);
    let config = &snapshot.config;
    let mut line = format!("{}, in force for {}", config.file, age(config.loaded_secs));
    if config.warnings > 0 {
        let warnings = count(config.warnings.into(), "warning");
        line.push_str(&format!(", {warnings} (`ipvsctl check {}` shows them)", config.file));
    }
    match config.watch {
        WatchState::Off => {}
        WatchState::Prompt => line.push_str(", watched"),
        WatchState::Polling => line.push_str(", looked at every few seconds (inotify is not to be had: see the log)"),
    }
    page.text(0, line, Tone::Plain);
    if let Some(ReloadView { ago_secs, by: _, cause, applied }) = &config.last_reload {
        let result = if *applied { "applied" } else { "refused" };
        page.text(0, format!("last reload {} ago ({cause}): {result}", age(*ago_secs)), Tone::Plain);
    }
    page.text(0, summary(snapshot), Tone::Plain);
}

/// `2 virtual routers: 1 MASTER, 1 BACKUP; 3 services, 5 of 6 servers up`
fn summary(snapshot: &Snapshot) -> String {
    let mut parts = Vec::new();
    if !snapshot.instances.is_empty() {
        let mut states: Vec<(&str, usize)> = Vec::new();
        for instance in &snapshot.instances {
            match states.iter_mut().find(|(state, _)| *state == instance.state) {
                Some((_, count)) => *count += 1,
                None => states.push((&instance.state, 1)),
            }
        }
        let states: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        parts.push(format!(
            "{}: {}",
            count(services::number(snapshot.instances.len()), "virtual router"),
            states.join(", ")
        ));
    }
    if !snapshot.balancer.services.is_empty() {
        parts.push(services::summary(&snapshot.balancer));
    }
    parts.extend(daemons::summary(&snapshot.balancer.sync_daemons));
    if parts.is_empty() { "nothing is configured".to_owned() } else { parts.join("; ") }
}

fn problems(page: &mut Page, snapshot: &Snapshot) {
    if let Some(refused) = &snapshot.config.refused {
        page.problem(0, format!("the last reload was refused, and nothing was changed: {refused}"), Tone::Bad);
    }
    for (name, LoopView { running, restarts, last_panic, lateness }) in
        [("router", &snapshot.daemon.router), ("balancer", &snapshot.daemon.balancer)]
    {
        let panic = last_panic.as_ref().map_or_else(String::new, |panic| format!(" (its last panic: {panic})"));
        if !running {
            page.problem(0, format!("the {name} loop does not run{panic}; see the log"), Tone::Bad);
        } else if *restarts > 0 {
            let times = count((*restarts).into(), "time");
            page.problem(0, format!("the {name} loop was restarted {times}{panic}; please report it"), Tone::Warn);
        }
        if let Some(lateness) = lateness.filter(|lateness| lateness.late > 0) {
            let (worst, bound) = (lateness.worst_secs * 1000.0, lateness.bound_secs * 1000.0);
            let times = count(lateness.late, "time");
            let text =
                format!("the {name} loop was over {bound:.0} ms late {times} since the start, at worst {worst:.0} ms");
            page.problem(0, text, Tone::Warn);
        }
    }
    let balancer = &snapshot.balancer;
    if let Some(problem) = &balancer.kernel.problem {
        page.problem(0, problem, if balancer.services.is_empty() { Tone::Warn } else { Tone::Bad });
    }
    if balancer.steps_failed > 0 {
        let (failed, all) = (balancer.steps_failed, balancer.steps_applied);
        page.problem(0, format!("the kernel refused {failed} of {all} steps since the start"), Tone::Warn);
    }
    if balancer.drift_repairs > 0 {
        let times = count(balancer.drift_repairs, "time");
        let text = format!("somebody else edited the kernel's table; it was put right {times} since the start");
        page.problem(0, text, Tone::Warn);
    }
    if balancer.held_checks > 0 {
        let checks = count(balancer.held_checks, "check");
        let text = format!(
            "servers fall silent and none answers, as if this host had no network; what {checks} said is held until a second \
             look"
        );
        page.problem(0, text, Tone::Bad);
    }
    for sysctl in &snapshot.sysctls {
        if let Some(problem) = &sysctl.problem {
            page.problem(0, format!("{}: {problem}", sysctl.name), sysctl_tone(sysctl.state));
        }
    }
}

fn instances(page: &mut Page, instances: &[InstanceView], wide: bool) {
    page.columns(&[
        ("VIRTUAL ROUTER", Side::Left),
        ("STATE", Side::Left),
        ("SINCE", Side::Right),
        ("PRIORITY", Side::Right),
        ("INTERFACE", Side::Left),
        ("VRID", Side::Right),
        ("MASTER", Side::Left),
        ("ADDRESSES", Side::Left),
    ]);
    for instance in instances {
        let master = match (&instance.master, instance.state.as_str()) {
            (Some(master), _) => plain(master),
            (None, "MASTER") => plain("this host"),
            (None, _) => plain("-"),
        };
        page.row(vec![
            plain(&instance.name),
            cell(&instance.state, state_tone(&instance.state)),
            plain(age(instance.since_secs)),
            priority(instance),
            plain(&instance.interface),
            plain(instance.vrid.to_string()),
            master,
            plain(addresses(&instance.addresses, wide)),
        ]);
        let broken = !matches!(instance.state.as_str(), "MASTER" | "BACKUP");
        if broken {
            page.problem(2, &instance.reason, state_tone(&instance.state));
            // The reason is one of them, or what came with it.
            for fault in instance.faults.iter().filter(|fault| !instance.reason.starts_with(fault.as_str())) {
                page.problem(2, fault, state_tone(&instance.state));
            }
        } else if wide {
            page.text(2, &instance.reason, Tone::Dim);
        }
        misplaced(page, instance);
        for claim in claims(instance) {
            page.problem(2, claim, Tone::Bad);
        }
        tracks(page, instance, wide);
        if wide {
            adverts(page, instance);
        }
    }
}

/// `101`, or `96/101` where weights changed it.
fn priority(instance: &InstanceView) -> Cell {
    if instance.effective_priority == instance.priority {
        plain(instance.priority.to_string())
    } else {
        cell(format!("{}/{}", instance.effective_priority, instance.priority), Tone::Warn)
    }
}

fn addresses(addresses: &[AddressView], wide: bool) -> String {
    let shown = if wide { addresses.len() } else { ADDRESSES };
    let mut text = addresses.iter().take(shown).map(|address| address.address.as_str()).collect::<Vec<_>>().join(", ");
    if addresses.len() > shown {
        text.push_str(&format!(" and {} more", addresses.len() - shown));
    }
    text
}

/// Addresses that are missing from a master, or still on a host that is none.
fn misplaced(page: &mut Page, instance: &InstanceView) {
    let master = instance.state == "MASTER";
    let wrong: Vec<_> =
        instance.addresses.iter().filter(|address| address.present != master).map(|a| a.address.as_str()).collect();
    if !wrong.is_empty() {
        let what =
            if master { "not on this host though it is master" } else { "still on this host though it is not master" };
        page.problem(2, format!("{what}: {}", wrong.join(", ")), Tone::Bad);
    }
}

fn tracks(page: &mut Page, instance: &InstanceView, wide: bool) {
    for track in &instance.tracks {
        let (verdict, tone) = verdict(track);
        let effect = effect(track);
        let detail = if track.detail.is_empty() { String::new() } else { format!(": {}", track.detail) };
        let text = format!("{} {verdict} ({effect}){detail}", track.what);
        if tone != Tone::Dim {
            page.problem(2, text, tone);
        } else if wide {
            page.text(2, text, tone);
        }
    }
}

/// What a weight means.
pub(in crate::ctl) fn effect(track: &TrackView) -> String {
    match (track.weight, track.reverse) {
        (0, false) if track.kind == "file" => "fault unless 0".to_owned(),
        (0, true) if track.kind == "file" => "fault when 0".to_owned(),
        (0, false) if track.kind == "interface" => "fault when down".to_owned(),
        (0, true) if track.kind == "interface" => "fault when up".to_owned(),
        (0, false) => "fault when it fails".to_owned(),
        (0, true) => "fault when it is well".to_owned(),
        (weight, false) => format!("weight {weight:+}"),
        (weight, true) => format!("weight {weight:+} reverse"),
    }
}

/// How something watched is, in a word.
pub(in crate::ctl) fn verdict(track: &TrackView) -> (&'static str, Tone) {
    let well = if track.ok == Some(true) { "ok" } else { "FAILED" };
    match track.ok {
        None if track.disabled => ("DISABLED", Tone::Warn),
        None => ("not known yet", Tone::Warn),
        Some(_) if track.fault => (well, Tone::Bad),
        // A file's number may be any; only one that cannot be read is amiss.
        Some(ok) if ok != (track.reverse && track.kind != "file") => (well, Tone::Dim),
        Some(_) => (well, Tone::Warn),
    }
}

/// Others who claim addresses, and what is done about it; a few of them stand for all.
pub(in crate::ctl) fn claims(instance: &InstanceView) -> Vec<String> {
    let told = instance.rivals.iter().take(RIVALS).map(|rival| {
        let RivalView { address, mac, interface, claims, ago_secs, .. } = rival;
        let (times, ago) = (count(*claims, "time"), age(*ago_secs));
        format!(
            "{mac} on {interface} says that it has {address}: {times}, the last {ago} ago; announcing it again until it is \
             silent"
        )
    });
    let left = instance.rivals.len().saturating_sub(RIVALS);
    told.chain((left > 0).then(|| format!("so it is with {left} more of its addresses"))).collect()
}

/// What follows the number of adverts received: those that were dropped, by reason; and what was not even read.
pub(in crate::ctl) fn not_received(instance: &InstanceView) -> String {
    let dropped = instance.adverts_dropped.iter().map(|(why, number)| (*number, format!("{number} {why}")));
    let UnreadView { adverts, rest } = instance.unread;
    let unread = [
        (adverts, count(adverts, "advert")),
        (rest, format!("{} that no router here would accept", count(rest, "packet"))),
    ];
    listed("; dropped: ", dropped) + &listed("; lost unread in a flood on its interface: ", unread.into_iter())
}

/// What there is any of, behind these words; nothing if there is none.
fn listed(words: &str, counts: impl Iterator<Item = (u64, String)>) -> String {
    let told: Vec<_> = counts.filter(|(number, _)| *number > 0).map(|(_, told)| told).collect();
    if told.is_empty() { String::new() } else { format!("{words}{}", told.join(", ")) }
}

fn adverts(page: &mut Page, instance: &InstanceView) {
    let mut text = format!(
        "VRRPv{}, an advert every {} s; became master {}; adverts: {} sent, {} received",
        instance.version,
        instance.advert_interval_secs,
        count(instance.became_master, "time"),
        instance.adverts_sent,
        instance.adverts_received
    );
    text.push_str(&not_received(instance));
    page.text(2, text, Tone::Dim);
    if let Some(last) = &instance.last_advert {
        page.text(2, format!("last advert from elsewhere: {last}"), Tone::Dim);
    }
}

fn sysctls(page: &mut Page, sysctls: &[SysctlView]) {
    page.columns(&[
        ("KERNEL SETTING", Side::Left),
        ("WANTED", Side::Right),
        ("ACTUAL", Side::Right),
        ("BEFORE", Side::Right),
        ("STATE", Side::Left),
    ]);
    for sysctl in sysctls {
        let state = match sysctl.state {
            SysctlState::AlreadyRight => "was right already",
            SysctlState::Set => "set",
            SysctlState::Drifted => "CHANGED by somebody else",
            SysctlState::Failed => "FAILED",
        };
        page.row(vec![
            plain(&sysctl.name),
            plain(&sysctl.wanted),
            plain(sysctl.actual.as_deref().unwrap_or("-")),
            plain(sysctl.original.as_deref().unwrap_or("-")),
            cell(state, sysctl_tone(sysctl.state)),
        ]);
    }
}

fn sysctl_tone(state: SysctlState) -> Tone {
    match state {
        SysctlState::AlreadyRight => Tone::Plain,
        SysctlState::Set => Tone::Good,
        SysctlState::Drifted => Tone::Warn,
        SysctlState::Failed => Tone::Bad,
    }
}

pub(in crate::ctl) fn state_tone(state: &str) -> Tone {
    match state {
        "MASTER" => Tone::Good,
        "BACKUP" => Tone::Plain,
        "FAULT" => Tone::Bad,
        _ => Tone::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_weight_means_and_how_it_went() {
        for (kind, weight, reverse, ok, fault, says, tone) in [
            ("interface", 0, false, Some(true), false, "fault when down", Tone::Dim),
            ("interface", 0, true, Some(true), true, "fault when up", Tone::Bad),
            ("interface", 0, true, Some(false), false, "fault when up", Tone::Dim),
            ("script", 0, false, Some(false), true, "fault when it fails", Tone::Bad),
            ("script", 0, true, Some(true), true, "fault when it is well", Tone::Bad),
            ("check", -5, false, Some(false), false, "weight -5", Tone::Warn),
            ("check", 5, true, Some(true), false, "weight +5 reverse", Tone::Warn),
            ("check", 5, true, Some(false), false, "weight +5 reverse", Tone::Dim),
            ("file", 2, true, Some(true), false, "weight +2 reverse", Tone::Dim),
            ("file", 0, false, Some(true), true, "fault unless 0", Tone::Bad),
            ("file", 0, true, Some(true), true, "fault when 0", Tone::Bad),
            ("file", 1, false, Some(false), false, "weight +1", Tone::Warn),
            ("service", -5, false, None, false, "weight -5", Tone::Warn),
        ] {
            let track = TrackView {
                what: format!("{kind} x"),
                kind: kind.to_owned(),
                name: "x".to_owned(),
                ok,
                weight,
                reverse,
                adds: 0,
                fault,
                group: None,
                detail: String::new(),
                disabled: false,
            };
            assert_eq!((effect(&track).as_str(), verdict(&track).1), (says, tone), "{track:?}");
        }
    }
}
