//! The part of the tables that is about the kernel's sync daemons.

use crate::api::SyncDaemonView;
use crate::ctl::render::{Page, Side, Tone, cell, plain};

/// One row for each; wide has the settings that are rarely looked at.
pub(super) fn table(page: &mut Page, daemons: &[SyncDaemonView], wide: bool) {
    let mut columns = vec![("SYNC DAEMON", Side::Left), ("INTERFACE", Side::Left), ("ID", Side::Right)];
    if wide {
        columns.extend([
            ("MAX LENGTH", Side::Right),
            ("PORT", Side::Right),
            ("TTL", Side::Right),
            ("GROUP", Side::Left),
        ]);
    }
    columns.push(("STATE", Side::Left));
    page.columns(&columns);
    for daemon in daemons {
        let SyncDaemonView { role, interface, id, max_length, port, ttl, group, ours, present, problem } = daemon;
        let mut cells = vec![plain(role), plain(interface), plain(id.to_string())];
        if wide {
            let number =
                |number: Option<u16>| plain(number.map_or_else(|| "-".to_owned(), |number| number.to_string()));
            cells.extend([number(*max_length), number(*port), number(ttl.map(u16::from))]);
            cells.push(plain(group.as_deref().unwrap_or("-")));
        }
        cells.push(match (present, ours) {
            (true, true) => cell("runs", Tone::Good),
            (true, false) => cell("runs, not ours", Tone::Dim),
            (false, _) => cell("DOES NOT RUN", Tone::Bad),
        });
        page.row(cells);
        if let Some(problem) = problem {
            page.problem(2, problem, Tone::Bad);
        }
    }
}

/// `sync daemon master`, for those that are ours; `None` where none is.
pub(super) fn summary(daemons: &[SyncDaemonView]) -> Option<String> {
    let ours = daemons.iter().filter(|daemon| daemon.ours);
    let words = ours.map(|daemon| {
        let down = if daemon.present { "" } else { " (does not run)" };
        format!("{}{down}", daemon.role)
    });
    let words: Vec<_> = words.collect();
    (!words.is_empty()).then(|| format!("sync daemon {}", words.join(" and ")))
}
