//! A configuration in another language to one in our own that means the same.
//!
//! The text is written from what was understood, so all defaults of the other language are in it; what was said of the source
//! stands as comments at the part that it is about. Then the text is read back: what does not come out the same, or would be
//! refused, is not passed off as a conversion.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::keepalived::{self, Block};
use super::report::Report;
use super::source::{Sources, Span};
use super::toml::write::{self, Comments, Object};
use super::{Context, Diagnostic, Language, Loaded, Severity, resolve, resolved, toml};
use crate::model::{Config, ServiceKey, Watched};

/// What came of a conversion.
#[derive(Debug, Clone)]
pub struct Converted {
    /// What the source means, and what there is to say about it.
    pub loaded: Loaded,
    /// The document; `None` where nothing can be run of the source.
    pub text: Option<String>,
    /// What is said of the document itself when it is read.
    pub remarks: Report,
    /// What the document does not say, or says otherwise. Empty, unless something is wrong with the conversion itself.
    pub lost: Vec<String>,
}

impl Converted {
    /// The document means what the source means, and a daemon would start with it.
    #[must_use]
    pub fn is_faithful(&self) -> bool {
        self.text.is_some() && self.lost.is_empty() && self.remarks.worst() != Some(Severity::Error)
    }
}

/// Reads a configuration with all that it includes, and writes it in our own language.
#[must_use]
pub fn convert(path: &Path, language: Language, sources: &dyn Sources, context: &Context) -> Converted {
    let mut report = Report::default();
    let resolved = resolved(path, language, sources, context, &mut report);
    report.sort();
    let mut converted =
        Converted { loaded: Loaded { config: None, report }, text: None, remarks: Report::default(), lost: Vec::new() };
    let Some(resolved) = resolved else { return converted };
    let report = &converted.loaded.report;
    let blocks = match language {
        Language::Keepalived => {
            // The reader looks at the first text alone, and adds what it includes in the order of the first time.
            let mut again = report.first_text(resolved.file);
            keepalived::outline(path, resolved.file, sources, context, &mut again)
        }
        Language::Toml => Vec::new(),
    };
    let comments = comments(path, &resolved.config, &resolved.services, &blocks, report);
    let written = write::write(&resolved.config, language, &comments);
    let (again, remarks) = read_back(&written.text, sources);
    converted.lost = written.unsaid;
    converted.lost.extend(differences(&resolved.config, &again));
    converted.remarks = remarks;
    let config = resolved.config;
    let left = converted.loaded.report.worst() != Some(Severity::Error)
        || !config.instances.is_empty()
        || !config.services.is_empty();
    if left {
        converted.loaded.config = Some(config);
        converted.text = Some(written.text);
    }
    converted
}

/// What a document means.
fn read_back(text: &str, sources: &dyn Sources) -> (Config, Report) {
    let mut report = Report::default();
    let id = report.files_mut().add(Path::new("converted.toml"), Arc::new(text.to_owned()));
    let draft = toml::draft(id, sources, &mut report);
    let (config, _) = resolve::config(draft, Language::Toml, &mut report);
    report.sort();
    (config, report)
}

/// The parts of two configurations that are not the same.
fn differences(source: &Config, document: &Config) -> Vec<String> {
    let Config {
        global,
        router,
        scripts,
        processes,
        files,
        watched_services,
        checks,
        instances,
        sync_groups,
        services,
        sysctls,
    } = source;
    let mut lost = Vec::new();
    let mut compare = |same: bool, what: String| {
        if !same {
            lost.push(what);
        }
    };
    compare(*global == document.global, "the global settings".to_owned());
    compare(*router == document.router, "what concerns all routers".to_owned());
    compare(*sysctls == document.sysctls, "the kernel's settings".to_owned());
    compare(*scripts == document.scripts, "a script".to_owned());
    compare(*processes == document.processes, "a watched process".to_owned());
    compare(*files == document.files, "a watched file".to_owned());
    compare(*watched_services == document.watched_services, "a watched service".to_owned());
    compare(*checks == document.checks, "a watched check".to_owned());
    compare(*sync_groups == document.sync_groups, "a sync group".to_owned());
    compare(instances.len() == document.instances.len(), "the number of routers".to_owned());
    for (one, other) in instances.iter().zip(&document.instances) {
        compare(one == other, format!("the router `{}`", one.name));
    }
    compare(services.len() == document.services.len(), "the number of services".to_owned());
    for (one, other) in services.iter().zip(&document.services) {
        compare(one == other, format!("the service {}", one.key));
    }
    lost
}

/// Everything that was said of the source, each at the part that it is about.
fn comments(
    path: &Path,
    config: &Config,
    services: &HashMap<ServiceKey, Span>,
    blocks: &[Block],
    report: &Report,
) -> Comments {
    let mut comments = Comments::default();
    comments.head.push(format!("Converted from {} by ipvsctl convert.", path.display()));
    let folder = path.parent().map_or_else(String::new, |folder| format!("{}/", folder.display()));
    let headers: HashMap<Span, ServiceKey> = services.iter().map(|(key, span)| (*span, *key)).collect();
    for diagnostic in report.diagnostics() {
        let line = report.line(diagnostic);
        // The head has said where the file lies.
        let line = line.strip_prefix(&folder).unwrap_or(&line).to_owned();
        match object(diagnostic, blocks, &headers).filter(|object| exists(object, config)) {
            Some(object) => comments.parts.entry(object).or_default().push(line),
            None => comments.general.push(line),
        }
    }
    comments
}

/// The part that a remark is about.
fn object(diagnostic: &Diagnostic, blocks: &[Block], headers: &HashMap<Span, ServiceKey>) -> Option<Object> {
    let place = diagnostic.primary.as_ref()?.span;
    let block = blocks.iter().find(|block| block.holds(place))?;
    let tracker = |what: fn(String) -> Watched| block.name.clone().map(what).map(Object::Tracker);
    match block.keyword.as_str() {
        "global_defs" | "garp_group" | "interface_up_down_delays" => Some(Object::Global),
        "static_ipaddress" | "static_routes" | "static_rules" => Some(Object::Static),
        "track_group" => block.name.clone().map(Object::TrackGroup),
        "vrrp_script" => tracker(Watched::Script),
        "vrrp_track_process" => tracker(Watched::Process),
        "track_file" | "vrrp_track_file" => tracker(Watched::File),
        "vrrp_track_service" => tracker(Watched::Service),
        "vrrp_track_check" => tracker(Watched::Check),
        "vrrp_instance" => block.name.clone().map(Object::Instance),
        "vrrp_sync_group" => block.name.clone().map(Object::SyncGroup),
        "virtual_server" => headers.get(&block.header).copied().map(Object::Service),
        _ => None,
    }
}

/// Whether there is such a part to put a comment at.
fn exists(object: &Object, config: &Config) -> bool {
    match object {
        Object::Global | Object::Static => true,
        Object::TrackGroup(name) => config.router.track_groups.iter().any(|group| group.name == *name),
        Object::Tracker(Watched::Script(name)) => config.scripts.iter().any(|script| script.name == *name),
        Object::Tracker(Watched::Process(name)) => config.processes.iter().any(|process| process.name == *name),
        Object::Tracker(Watched::File(name)) => config.files.iter().any(|file| file.name == *name),
        Object::Tracker(Watched::Service(name)) => config.watched_services.iter().any(|one| one.name == *name),
        Object::Tracker(Watched::Check(name)) => config.checks.iter().any(|check| check.name == *name),
        Object::Tracker(Watched::Interface(_) | Watched::Bfd(_)) => false,
        Object::Instance(name) => config.instances.iter().any(|instance| instance.name == *name),
        Object::SyncGroup(name) => config.sync_groups.iter().any(|group| group.name == *name),
        // Its header was found among those of the services that there are.
        Object::Service(_) => true,
    }
}
