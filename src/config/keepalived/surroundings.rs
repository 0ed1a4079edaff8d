//! What concerns all virtual routers: words of `global_defs`, and the small blocks outside all others.

use super::keywords::Place;
use super::tree::{Statement, Value};
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use super::{addresses, announce, routes};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{FifoDraft, GroupDraft, SyncOfRouter};
use crate::config::source::Spanned;
use crate::model::{Command, GarpGroup, InterfaceDelay, SyncDaemon};

/// One of the blocks; false: it is none of them.
pub(super) fn block(walk: &mut Walk<'_>, statement: Statement<'_>) -> bool {
    let children = statement.children();
    match statement.name() {
        "static_ipaddress" => {
            let found = addresses::list(walk, children);
            walk.draft.surroundings.addresses.extend(found);
        }
        "static_routes" => {
            let found = routes::routes(walk, children);
            walk.draft.surroundings.routes.extend(found);
        }
        "static_rules" => {
            let found = routes::rules(walk, children);
            walk.draft.surroundings.rules.extend(found);
        }
        "garp_group" => {
            let mut group =
                GarpGroup { arp_interval: Default::default(), na_interval: Default::default(), interfaces: Vec::new() };
            walk.block(children, Place::GarpGroup, &mut group, garp_group);
            match (group.interfaces.is_empty(), statement.span()) {
                (true, Some(span)) => walk.say(
                    Diagnostic::warning(Code::Idle, span, "this group names no interface")
                        .help("left out, as in keepalived"),
                ),
                (_, _) => walk.draft.surroundings.settings.garp_groups.push(group),
            }
        }
        "track_group" => {
            let Some(name) = statement.word(1) else { return true };
            let mut group = GroupDraft::new(name.to_owned());
            walk.block(children, Place::TrackGroup, &mut group, |_, group, statement| {
                group.members.extend(statement.children().flat_map(Statement::words).map(Value::to_owned));
                true
            });
            walk.draft.surroundings.track_groups.push(group);
        }
        "interface_up_down_delays" => {
            for line in children {
                let delay = delay(walk, line);
                walk.draft.surroundings.settings.interface_delays.extend(delay);
            }
        }
        _ => return false,
    }
    true
}

fn garp_group(walk: &mut Walk<'_>, group: &mut GarpGroup, statement: Statement<'_>) -> bool {
    const UNSPACED: Instead = Instead("announcements on it are not spaced out by this group");
    match statement.name() {
        "garp_interval" => group.arp_interval = announce::interval(walk, statement).unwrap_or_default(),
        "gna_interval" => group.na_interval = announce::interval(walk, statement).unwrap_or_default(),
        "interface" => {
            let name = statement.word(1).and_then(|name| walk.interface(name, UNSPACED));
            group.interfaces.extend(name);
        }
        "interfaces" => {
            for name in statement.children().flat_map(Statement::words) {
                let name = walk.interface(name, UNSPACED);
                group.interfaces.extend(name);
            }
        }
        _ => return false,
    }
    true
}

/// `INTERFACE DOWN [UP]`.
fn delay(walk: &mut Walk<'_>, line: Statement<'_>) -> Option<InterfaceDelay> {
    const AT_ONCE: Instead = Instead("changes of this interface count at once");
    let name = line.word(0)?;
    let interface = walk.interface(name, AT_ONCE)?;
    let Some(down) = line.word(1) else {
        walk.say(
            Diagnostic::warning(Code::MissingValue, name.span, format!("`{interface}` lacks its delay"))
                .help(AT_ONCE.0),
        );
        return None;
    };
    let down = walk.seconds(down, 0.0..=255.0, "a delay", AT_ONCE)?;
    let up = match line.word(2) {
        Some(up) => walk.seconds(up, 0.0..=255.0, "a delay", AT_ONCE)?,
        None => down,
    };
    Some(InterfaceDelay { interface, down, up })
}

/// One word of `global_defs` about all routers; false: it is none of these.
pub(super) fn word(walk: &mut Walk<'_>, statement: Statement<'_>) -> bool {
    const TODAY: Instead = Instead("ignored: the daemon runs as it was started");
    let name = statement.name();
    let value = statement.word(1);
    let delay = |walk: &mut Walk<'_>| value.and_then(|value| walk.time(value, IGNORED)).unwrap_or_default();
    match name {
        "vrrp_startup_delay" => walk.draft.surroundings.settings.startup_delay = delay(walk),
        "vrrp_delay_after_boot" => walk.draft.surroundings.settings.delay_after_boot = delay(walk),
        "log_unknown_vrids" => walk.draft.surroundings.settings.log_unknown_vrids = true,
        "disable_local_igmp" => walk.draft.surroundings.settings.no_igmp = true,
        "fifo_write_vrrp_states_on_reload" => walk.draft.surroundings.settings.fifo_states_on_reload = true,
        "vrrp_no_swap" => walk.draft.surroundings.settings.scheduling.lock_memory = true,
        "nftables" => {
            walk.draft.surroundings.settings.firewall_table =
                value.and_then(|value| table(walk, value, "taken as `keepalived`"));
        }
        "lvs_sync_daemon" => sync_daemon(walk, statement),
        "notify_fifo" | "notify_fifo_script" => {
            let mut draft = std::mem::take(&mut walk.draft.surroundings.fifo);
            fifo(walk, &mut draft, statement);
            walk.draft.surroundings.fifo = draft;
        }
        "lvs_notify_fifo" | "lvs_notify_fifo_script" => {
            let mut draft = std::mem::take(&mut walk.draft.surroundings.service_fifo);
            fifo(walk, &mut draft, statement);
            walk.draft.surroundings.service_fifo = draft;
        }
        "vrrp_notify_fifo" | "vrrp_notify_fifo_script" => {
            let mut draft = std::mem::take(&mut walk.draft.surroundings.router_fifo);
            fifo(walk, &mut draft, statement);
            walk.draft.surroundings.router_fifo = draft;
        }
        _ => {
            let Some(value) = value else { return false };
            match name {
                "default_interface" => {
                    walk.draft.surroundings.default_interface = walk.interface(value, Instead("taken as eth0"));
                }
                "nftables_priority" => {
                    let priority = walk.whole(value, IGNORED);
                    walk.draft.surroundings.settings.firewall_priority = priority;
                }
                "vrrp_priority" => {
                    walk.draft.surroundings.settings.scheduling.nice = walk.whole(value, TODAY);
                }
                "vrrp_rt_priority" => {
                    let priority = walk.whole(value, TODAY);
                    walk.draft.surroundings.settings.scheduling.realtime = priority;
                }
                "vrrp_rlimit_rttime" | "vrrp_rlimit_rtime" => {
                    let limit = walk.whole(value, TODAY);
                    walk.draft.surroundings.settings.scheduling.realtime_limit_micros = limit;
                }
                "vrrp_cpu_affinity" => {
                    for word in statement.arguments() {
                        let number: Option<u16> = walk.whole(word, TODAY);
                        walk.draft.surroundings.settings.scheduling.processors.extend(number);
                    }
                }
                "vrrp_lateness_warning" => {
                    let bound = walk.time(value, IGNORED);
                    walk.draft.surroundings.settings.scheduling.lateness_warning = bound;
                }
                "vrrp_rx_bufs_policy" => match value.text {
                    "0" => announce::no_buffer(walk, value),
                    "MTU" | "ADVERT" | "NO_SEND_RX" => walk.say(
                        Diagnostic::note(
                            Code::WithoutEffect,
                            value.span,
                            format!("`{}` has nothing to do here", value.text),
                        )
                        .help("the buffers are large enough for all adverts of an interface"),
                    ),
                    _ => {
                        walk.draft.defaults.receive_buffer =
                            walk.fits(value, 1..=i64::from(i32::MAX), "`MTU`, `ADVERT`, or bytes", IGNORED);
                    }
                },
                _ => return false,
            }
        }
    }
    true
}

/// A table's name: what `nft` takes as one.
pub(super) fn table(walk: &mut Walk<'_>, value: Value<'_>, usual: &'static str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./\\".contains(&byte);
    let starts = value.text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts && value.text.len() < 128 && value.text.bytes().all(plain) {
        return Some(value.text.to_owned());
    }
    walk.bad(value, "a table's name: letters, digits and `_`", Instead(usual));
    None
}

/// `notify_fifo PATH [USER [GROUP]]`, and the script that reads it.
fn fifo(walk: &mut Walk<'_>, draft: &mut FifoDraft, statement: Statement<'_>) {
    let Some(value) = statement.word(1) else { return };
    if statement.name().ends_with("_script") {
        let (words, user) = walk.command(statement);
        if words.first().is_some_and(|word| !word.is_empty()) {
            draft.script = Some(Spanned::new(Command { words, user }, value.span));
        }
        return;
    }
    if !value.text.starts_with('/') {
        walk.bad(value, "a FIFO\'s whole path, from `/` on", Instead("nothing is written to it"));
        return;
    }
    draft.path = Some(value.to_owned());
    draft.owner = statement.word(2).map(|user| walk.who(user, statement.word(3)));
}

/// `lvs_sync_daemon INTERFACE [[inst] ROUTER] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]`.
fn sync_daemon(walk: &mut Walk<'_>, statement: Statement<'_>) {
    const NOT_COPIED: Instead = Instead("connections are not copied to the other director");
    let (Some(first), Some(span)) = (statement.word(1), statement.line()) else { return };
    let Some(interface) = walk.interface(first, NOT_COPIED) else { return };
    let mut daemon =
        SyncDaemon { interface, instance: None, id: None, max_len: None, port: None, ttl: None, group: None };
    let mut words = statement.arguments().skip(1);
    let mut at_first = true;
    while let Some(word) = words.next() {
        let known = matches!(word.text, "inst" | "id" | "maxlen" | "port" | "ttl" | "group");
        if !known {
            if at_first {
                daemon.instance = Some(word.text.to_owned());
                walk.draft.surroundings.sync_instance = Some(word.span);
            } else {
                walk.bad(word, "`id`, `maxlen`, `port`, `ttl` or `group`", Instead("the word is ignored"));
            }
            at_first = false;
            continue;
        }
        at_first = false;
        let Some(value) = words.next() else {
            walk.say(
                Diagnostic::warning(Code::MissingValue, word.span, format!("`{}` lacks its value", word.text))
                    .help("the kernel\'s own holds"),
            );
            break;
        };
        match word.text {
            "inst" => {
                daemon.instance = Some(value.text.to_owned());
                walk.draft.surroundings.sync_instance = Some(value.span);
            }
            "id" => daemon.id = walk.fits(value, 0..=255, "a number", IGNORED),
            "maxlen" => daemon.max_len = walk.fits(value, 1..=65_507, "a length", IGNORED),
            "port" => daemon.port = walk.port(value, IGNORED),
            "ttl" => daemon.ttl = walk.fits(value, 1..=255, "a time to live", IGNORED),
            _ => daemon.group = walk.multicast(value),
        }
    }
    walk.draft.surroundings.sync_daemon = Some(Spanned::new(daemon, span));
}

/// What routers say of the synchronization daemon, once all is read: `global_defs` goes before them wherever it stands, and
/// of the routers the first.
pub(super) fn sync_of_routers(walk: &mut Walk<'_>) {
    for SyncOfRouter { router, interface } in std::mem::take(&mut walk.draft.surroundings.sync_of_routers) {
        let Spanned { value: interface, span } = interface;
        // A second router of one name is left out with all that it says.
        let first = walk.draft.instances.iter().find(|other| other.name.value == router.value);
        if first.is_some_and(|first| first.name.span != router.span) {
            continue;
        }
        let message = "`lvs_sync_daemon_interface` in a router is an old word";
        let said = Diagnostic::warning(Code::Deprecated, span, message);
        if let Some(before) = &walk.draft.surroundings.sync_daemon {
            let before = before.span;
            walk.say(said.mark("ignored, as in keepalived").and(before, "this one counts").help("remove the line"));
            continue;
        }
        walk.say(
            said.mark(format!("connections are copied over `{interface}` as `{}` is master or backup", router.value))
                .help(format!("write `lvs_sync_daemon {interface} {}` in `global_defs`", router.value)),
        );
        let instance = Some(router.value);
        let daemon = SyncDaemon { interface, instance, id: None, max_len: None, port: None, ttl: None, group: None };
        walk.draft.surroundings.sync_instance = Some(router.span);
        walk.draft.surroundings.sync_daemon = Some(Spanned::new(daemon, span));
    }
}
