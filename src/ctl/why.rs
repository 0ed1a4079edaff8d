//! `ipvsctl why`: what a virtual router's state follows from.
//!
//! `show` says how things are; this says why, in the order in which one asks: the state and what brought it about, what
//! stands in the way, what is watched and what it adds up to, whom else it hears, what comes next, and what was before. It
//! fits a terminal of 80 columns.

use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::render::{Page, Side, Tone, age, cell, count, plain};
use super::show::table::{claims, effect, not_received, state_tone, verdict};
use super::{Failure, Status, colours, print, show};
use crate::api::{DeadlineView, InstanceView, PeerView, Snapshot};
use crate::shell::control::client::Client;

/// Columns of a line of text; longer ones are broken.
const WIDTH: usize = 80;
/// Names that a complaint lists.
const NAMES: usize = 10;

/// Explain a virtual router's state: faults, weights and their sum, the other router, what comes next, what was before
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Name of the virtual router; all of them if none is given
    #[arg(value_name = "INSTANCE")]
    instance: Option<String>,

    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences and tables
    Text,
    /// Everything, for programs
    Json,
}

/// What `-o json` prints: the part of a snapshot that is asked for, in its usual place.
#[derive(Debug, Serialize)]
struct Routers<'a> {
    instances: &'a [InstanceView],
}

impl Why {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        let instances = chosen(client.snapshot()?, self.instance.as_deref())?;
        let text = match self.output {
            Format::Json => show::json(&Routers { instances: &instances })?,
            Format::Text if instances.is_empty() => "No virtual routers are configured.\n".to_owned(),
            Format::Text => {
                let mut page = Page::default();
                for instance in &instances {
                    page.gap();
                    explain(&mut page, instance);
                }
                page.render(colours(&io::stdout()))
            }
        };
        print(&text)?;
        Ok(Status::Ok)
    }
}

fn chosen(snapshot: Snapshot, name: Option<&str>) -> Result<Vec<InstanceView>, Failure> {
    let Some(name) = name else { return Ok(snapshot.instances) };
    let mut names: Vec<String> = snapshot.instances.iter().map(|instance| instance.name.clone()).collect();
    let found: Vec<InstanceView> = snapshot.instances.into_iter().filter(|instance| instance.name == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let message = if names.is_empty() {
        format!("there is no virtual router {name}: none are configured")
    } else {
        let more = names.len().saturating_sub(NAMES);
        names.truncate(NAMES);
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        format!("there is no virtual router {name}; there are: {}", names.join(", "))
    };
    Err(Failure { status: Status::Usage, message })
}

fn explain(page: &mut Page, instance: &InstanceView) {
    let InstanceView { name, state, since_secs, .. } = instance;
    page.text(0, format!("{name} is {state}, for {}", age(*since_secs)), state_tone(state));
    if instance.faults.is_empty() {
        wrapped(page, 2, &format!("because {}", instance.reason), Tone::Plain);
    } else {
        obstacles(page, instance);
    }
    for what in &instance.awaited {
        page.problem(2, format!("it waits for {what} to answer for the first time"), Tone::Warn);
    }
    for what in &instance.unproven {
        page.problem(2, format!("it does not take over before {what} has succeeded once"), Tone::Warn);
    }
    for claim in claims(instance) {
        for (number, line) in lines(&claim, WIDTH - 4).into_iter().enumerate() {
            if number == 0 { page.problem(2, line, Tone::Bad) } else { page.text(4, line, Tone::Bad) }
        }
    }
    identity(page, instance);
    page.gap();
    watched(page, instance);
    wrapped(page, 2, &priority(instance), Tone::Plain);
    page.gap();
    if let Some(group) = &instance.group {
        let members: Vec<_> = group.members.iter().map(|(name, state)| format!("{name} {state}")).collect();
        wrapped(page, 2, &format!("sync group {}: {}", group.name, members.join(", ")), Tone::Plain);
    }
    wrapped(page, 2, &peer(instance), Tone::Plain);
    if instance.no_preempt && instance.state == "BACKUP" && outranked(instance) {
        wrapped(
            page,
            2,
            "it leaves that one in place all the same, while that one advertises (nopreempt)",
            Tone::Plain,
        );
    }
    for deadline in &instance.deadlines {
        wrapped(page, 2, &next(instance, deadline), Tone::Plain);
    }
    wrapped(page, 2, &adverts(instance), Tone::Plain);
    if !instance.history.is_empty() {
        page.gap();
        history(page, instance);
    }
}

/// All that keeps it from running; and the reason of its state, where that says something else.
fn obstacles(page: &mut Page, instance: &InstanceView) {
    let several = instance.faults.len() > 1;
    if several {
        page.text(2, "because of all of these:", Tone::Plain);
    }
    for fault in &instance.faults {
        for (number, line) in lines(fault, WIDTH - 4).into_iter().enumerate() {
            if number == 0 {
                page.problem(2, line, Tone::Bad);
            } else {
                page.text(4, line, Tone::Bad);
            }
        }
    }
    if !instance.faults.contains(&instance.reason) {
        wrapped(page, 2, &format!("came here because: {}", instance.reason), Tone::Plain);
    }
}

fn identity(page: &mut Page, instance: &InstanceView) {
    let place = if instance.interface.is_empty() { "unicast".to_owned() } else { instance.interface.clone() };
    let from = instance.source.as_ref().map_or_else(String::new, |source| format!(", from {source}"));
    let text = format!(
        "{place}, VRID {}, VRRPv{}, an advert every {} s{from}",
        instance.vrid, instance.version, instance.advert_interval_secs
    );
    wrapped(page, 2, &text, Tone::Dim);
}

fn watched(page: &mut Page, instance: &InstanceView) {
    if instance.tracks.is_empty() {
        page.text(2, "It watches nothing.", Tone::Plain);
        return;
    }
    page.columns(&[("  WATCHED", Side::Left), ("EFFECT", Side::Left), ("NOW", Side::Left), ("ADDS", Side::Right)]);
    for track in &instance.tracks {
        let (word, tone) = verdict(track);
        let adds = match (track.fault, track.weight) {
            (true, _) => cell("FAULT", Tone::Bad),
            (false, 0) => plain("-"),
            (false, _) => plain(format!("{:+}", track.adds)),
        };
        page.row(vec![plain(format!("  {}", track.what)), plain(effect(track)), cell(word, tone), adds]);
        let group = track.group.as_ref().map_or_else(String::new, |group| format!(" (for sync group {group})"));
        if !track.detail.is_empty() || !group.is_empty() {
            wrapped(page, 6, format!("{}{group}", track.detail).trim(), Tone::Dim);
        }
    }
}

/// `priority 96: 101 configured, -5 by what it watches`
fn priority(instance: &InstanceView) -> String {
    let InstanceView { priority: base, effective_priority: now, priority_sum: sum, .. } = instance;
    let weights = instance.tracks.iter().any(|track| track.weight != 0);
    if *base == u8::MAX {
        let ignored = if weights { "; weights do not change it" } else { "" };
        return format!("priority 255: the owner of its addresses{ignored}");
    }
    if let Some(group) = instance.group.as_ref().filter(|group| weights && !group.weighted) {
        return format!("priority {now}, as configured; members of sync group {} have no weights", group.name);
    }
    let whole = i64::from(*base) + i64::from(*sum);
    if whole == i64::from(*now) {
        return match sum {
            0 => format!("priority {now}, as configured"),
            _ => format!("priority {now}: {base} configured, {sum:+} by what it watches"),
        };
    }
    format!("priority {now}: {base} configured, {sum:+} by what it watches makes {whole}, kept within 1 to 254")
}

fn peer(instance: &InstanceView) -> String {
    let Some(PeerView { address, priority, interval_secs, ago_secs, outranks }) = &instance.peer else {
        return "no advert of another router was heard".to_owned();
    };
    let ours = instance.effective_priority;
    let ago = short(*ago_secs);
    if *priority == 0 {
        return format!("last advert of another router: {address}, {ago} ago; it said that it leaves (priority 0)");
    }
    let rank = match (outranks, *priority == ours) {
        (true, true) => format!("it outranks this one: same priority {ours}, higher address"),
        (false, true) => format!("this one outranks it: same priority {ours}, higher address"),
        (true, false) => format!("it outranks this one: {priority} > {ours}"),
        (false, false) => format!("this one outranks it: {ours} > {priority}"),
    };
    format!(
        "last advert of another router: {address}, {ago} ago; priority {priority}, one every {interval_secs} s; {rank}"
    )
}

/// The other router is there, and this one would win an election against it.
fn outranked(instance: &InstanceView) -> bool {
    instance.peer.as_ref().is_some_and(|peer| peer.priority != 0 && !peer.outranks)
}

fn next(instance: &InstanceView, deadline: &DeadlineView) -> String {
    let left = short(deadline.in_secs);
    match deadline.what.as_str() {
        "down" if instance.group.is_some() => {
            format!("in {left} it is ready to take over, if no advert counts against it before; its group decides")
        }
        "down" => format!("in {left} it takes over, if no advert counts against it before"),
        "preempt" => format!("in {left} it may take over from a master of lower priority (preempt_delay)"),
        "advert" => format!("in {left} its next advert leaves"),
        "announce" => format!("in {left} it announces its addresses once more"),
        "start" => format!("in {left} it may start: a delay is configured (startup or boot)"),
        "refresh" => format!("in {left} it refreshes what its neighbours know of its addresses"),
        other => format!("in {left}: {other}"),
    }
}

fn adverts(instance: &InstanceView) -> String {
    let mut text = format!(
        "adverts: {} sent, {} received; became master {}",
        instance.adverts_sent,
        instance.adverts_received,
        count(instance.became_master, "time")
    );
    text.push_str(&not_received(instance));
    if instance.rival_claims > 0 {
        let times = count(instance.rival_claims, "time");
        text.push_str(&format!("; others claimed its addresses {times}"));
    }
    text
}

fn history(page: &mut Page, instance: &InstanceView) {
    page.columns(&[("  BEFORE", Side::Right), ("CHANGE", Side::Left)]);
    for change in &instance.history {
        let what = format!("{} -> {}", change.from, change.to);
        page.row(vec![plain(format!("  {} ago", age(change.ago_secs))), cell(what, state_tone(&change.to))]);
        wrapped(page, 6, &change.reason, Tone::Dim);
    }
}

/// Seconds to the hundredth while that matters: `0.31 s`, `12.4 s`, `2m14s`.
fn short(secs: f64) -> String {
    if secs < 10.0 {
        format!("{secs:.2} s")
    } else if secs < 60.0 {
        format!("{secs:.1} s")
    } else {
        age(secs)
    }
}

/// Text that is broken between words; what follows is indented a little more.
fn wrapped(page: &mut Page, indent: usize, text: &str, tone: Tone) {
    for (number, line) in lines(text, WIDTH.saturating_sub(indent + 2)).into_iter().enumerate() {
        page.text(if number == 0 { indent } else { indent + 2 }, line, tone);
    }
}

fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("incomprehensibilities so", 7), ["incomprehensibilities", "so"]);
        assert_eq!(lines("", 7), [""]);
    }

    #[test]
    fn times_are_as_exact_as_they_matter() {
        assert_eq!([0.314, 12.41, 134.0].map(short), ["0.31 s", "12.4 s", "2m14s"]);
    }
}
