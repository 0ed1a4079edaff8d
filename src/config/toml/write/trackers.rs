//! What can be watched, and what routers and groups watch.

use std::collections::HashMap;
use std::time::Duration;

use super::text::{Table, command, endpoint, list, quoted, run_as};
use super::{Difference, Object, Writer};
use crate::config::Language;
use crate::model::{
    CheckKind, Config, Connect, Family, OnMissing, ProcessArguments, Protocol, ServiceCondition, ServiceKey,
    TrackCheck, TrackFile, TrackProcess, TrackScript, TrackService, Tracked, Watched,
};

/// A second: intervals of scripts and checks unless written.
const SECOND: Duration = Duration::from_secs(1);

/// A weight, and whether it works the other way round.
type Weight = (i16, bool);

/// What a weight is unless written.
const fn usual(what: &Watched) -> Weight {
    match what {
        // A file is there for its number.
        Watched::File(_) => (1, false),
        Watched::Interface(_)
        | Watched::Script(_)
        | Watched::Process(_)
        | Watched::Service(_)
        | Watched::Check(_)
        | Watched::Bfd(_) => (0, false),
    }
}

fn weigh(table: &mut Table, (weight, reverse): Weight, usual: Weight) {
    if weight != usual.0 {
        table.number("weight", weight);
    }
    table.flag("reverse", reverse, usual.1);
}

/// The weight of each thing that all who watch it agree on, if they do: it stands with the definition.
pub(super) type Agreed<'c> = HashMap<&'c Watched, Option<Weight>>;

/// What routers and groups agree on.
pub(super) fn agreed(config: &Config) -> Agreed<'_> {
    let tracks = config.instances.iter().flat_map(|instance| &instance.tracks);
    let mut agreed = Agreed::new();
    for track in tracks.chain(config.sync_groups.iter().flat_map(|group| &group.tracks)) {
        let own = (track.weight, track.reverse);
        agreed
            .entry(&track.what)
            .and_modify(|weight| *weight = weight.filter(|weight| *weight == own))
            .or_insert(Some(own));
    }
    agreed
}

impl Writer<'_> {
    pub(super) fn trackers(&mut self) {
        let config = self.config;
        for one in &config.scripts {
            let table = self.script(one);
            self.tracker("[[script]]", table, Watched::Script(one.name.clone()));
        }
        for one in &config.processes {
            self.tracker("[[track-process]]", process(one), Watched::Process(one.name.clone()));
        }
        for one in &config.files {
            self.tracker("[[track-file]]", file(one), Watched::File(one.name.clone()));
        }
        for one in &config.watched_services {
            self.tracker("[[track-service]]", service(one), Watched::Service(one.name.clone()));
        }
        for one in &config.checks {
            let table = self.watched_check(one);
            self.tracker("[[track-check]]", table, Watched::Check(one.name.clone()));
        }
    }

    fn tracker(&mut self, header: &str, mut table: Table, what: Watched) {
        if let Some(Some(weight)) = self.agreed.get(&what) {
            weigh(&mut table, *weight, usual(&what));
        }
        self.part(header, &table, &Object::Tracker(what));
    }

    fn script(&mut self, script: &TrackScript) -> Table {
        let mut table = Table::default();
        table.text("name", &script.name);
        table.set("command", command(&script.command));
        table.time("interval", script.interval, SECOND);
        table.time("timeout", script.timeout, script.interval);
        counts(&mut table, script.rise, script.fall);
        if let Some(user) = &script.user {
            table.set("user", run_as(user));
        }
        table.flag("init-fail", script.init_fail, false);
        match script.on_missing {
            OnMissing::Fail => {}
            OnMissing::Disable => {
                table.text("on-missing", "disable");
                self.differs(&mut table, Difference::OnMissing);
            }
        }
        table
    }

    fn watched_check(&mut self, check: &TrackCheck) -> Table {
        let mut table = Table::default();
        table.text("name", &check.name);
        match &check.check.kind {
            CheckKind::Tcp(connect) => table.set("tcp", endpoint(connect.target.ip(), connect.target.port())),
            // Routers have words of their own for these, and no way to say this.
            CheckKind::Script(_) | CheckKind::File(_) | CheckKind::Path(_) => {
                self.unsaid.push(format!("{} is watched", check.check.kind))
            }
            CheckKind::Ping(connect) => table.text("ping", &connect.target.ip().to_string()),
            CheckKind::Smtp(probe) => {
                table.set("smtp", asked(&probe.connect, |table| super::checks::smtp(probe, table)));
            }
            CheckKind::Dns(probe) => table.set("dns", asked(&probe.connect, |table| super::checks::dns(probe, table))),
            CheckKind::Udp(probe) => table.set("udp", asked(&probe.connect, |table| super::checks::udp(probe, table))),
            CheckKind::Http(probe) => {
                let path = probe.pages.first().map_or("/", |page| &page.path);
                let host = probe.host.clone().unwrap_or_else(|| probe.connect.target.to_string());
                match &probe.tls {
                    None => table.text("http", &format!("http://{host}{path}")),
                    Some(tls) => {
                        table.text("https", &format!("https://{host}{path}"));
                        table.flag("verify", tls.verify, true);
                        if !tls.verify && self.language == Language::Keepalived {
                            self.differs(&mut table, Difference::Verify);
                        }
                        table.text_if("authorities", tls.authorities.as_ref());
                    }
                }
            }
        }
        let interval = check.check.interval;
        table.time("interval", interval, SECOND);
        table.time("timeout", check.check.timeout, interval);
        counts(&mut table, check.rise, check.fall);
        table
    }

    /// What a router or a group watches: one list for each kind.
    pub(super) fn tracks(&mut self, table: &mut Table, tracks: &[Tracked]) {
        let mut lists: Vec<(&'static str, Vec<String>)> = KINDS.iter().map(|key| (*key, Vec::new())).collect();
        for track in tracks {
            let Some(key) = key(&track.what) else {
                self.unsaid.push(format!("{} is watched", track.what));
                continue;
            };
            let own = (track.weight, track.reverse);
            let defined = !matches!(track.what, Watched::Interface(_))
                && self.agreed.get(&track.what).is_some_and(|weight| *weight == Some(own));
            let name = quoted(track.what.name());
            let text = if defined || own == usual(&track.what) {
                name
            } else {
                let mut one = Table::default();
                one.set("name", name);
                weigh(&mut one, own, usual(&track.what));
                one.inline()
            };
            for (_, list) in lists.iter_mut().filter(|(other, _)| *other == key) {
                list.push(text.clone());
            }
        }
        for (key, list) in lists {
            table.list(key, list);
        }
    }
}

const KINDS: [&str; 6] =
    ["track-interfaces", "track-scripts", "track-processes", "track-files", "track-services", "track-checks"];

const fn key(what: &Watched) -> Option<&'static str> {
    match what {
        Watched::Interface(_) => Some("track-interfaces"),
        Watched::Script(_) => Some("track-scripts"),
        Watched::Process(_) => Some("track-processes"),
        Watched::File(_) => Some("track-files"),
        Watched::Service(_) => Some("track-services"),
        Watched::Check(_) => Some("track-checks"),
        Watched::Bfd(_) => None,
    }
}

fn counts(table: &mut Table, rise: u32, fall: u32) {
    table.number_if("rise", Some(rise).filter(|rise| *rise != 1));
    table.number_if("fall", Some(fall).filter(|fall| *fall != 1));
}

fn process(process: &TrackProcess) -> Table {
    let mut table = Table::default();
    table.text("name", &process.name);
    let further: &[String] = match &process.arguments {
        None => &[],
        Some(ProcessArguments::Exact(words) | ProcessArguments::Initial(words) | ProcessArguments::Partial(words)) => {
            words
        }
    };
    if further.is_empty() {
        table.text("process", &process.program);
    } else {
        table.set("process", list(std::iter::once(&process.program).chain(further).map(|word| quoted(word))));
    }
    match &process.arguments {
        None => table.flag("full-command", process.full_command, false),
        // Written arguments are compared exactly.
        Some(ProcessArguments::Exact(words)) if !words.is_empty() => {}
        Some(ProcessArguments::Exact(_)) => table.text("arguments", "exact"),
        Some(ProcessArguments::Initial(_)) => table.text("arguments", "initial"),
        Some(ProcessArguments::Partial(_)) => table.text("arguments", "partial"),
    }
    // At most none: none has to be there.
    table.number_if("quorum", Some(process.quorum).filter(|quorum| *quorum != 1 && process.quorum_max != Some(0)));
    table.number_if("quorum-max", process.quorum_max);
    table.time("fork-delay", process.fork_delay, Duration::ZERO);
    table.time("terminate-delay", process.terminate_delay, Duration::ZERO);
    table
}

/// An address, or a table where there is more to say.
fn asked(connect: &Connect, more: impl Fn(Table) -> Table) -> String {
    let address = endpoint(connect.target.ip(), connect.target.port());
    if more(Table::default()).is_empty() {
        return address;
    }
    let mut table = Table::default();
    table.set("address", address);
    more(table).inline()
}

fn file(file: &TrackFile) -> Table {
    let mut table = Table::default();
    table.text("name", &file.name);
    table.text("path", &file.path);
    if let Some(start) = file.start {
        table.number("initial", start.value);
        table.flag("overwrite", start.overwrite, false);
    }
    table
}

fn service(service: &TrackService) -> Table {
    let mut table = Table::default();
    table.text("name", &service.name);
    match service.service {
        ServiceKey::Address { protocol, address, port } => {
            table.set("service", endpoint(address, port));
            if protocol != Protocol::Tcp {
                table.text("protocol", &protocol.to_string());
            }
        }
        ServiceKey::Fwmark { family, mark } => {
            table.number("fwmark", mark);
            match family {
                Family::V4 => {}
                Family::V6 => table.text("family", "ipv6"),
            }
        }
    }
    match service.condition {
        ServiceCondition::AnyUp => {}
        ServiceCondition::Quorum => table.text("condition", "quorum"),
        ServiceCondition::Share(share) => table.text("condition", &format!("{share}%")),
    }
    table
}
