//! `keepalived.conf`, as it stands in the wild.
//!
//! ```text
//! files -> lines -> words and braces -> statements -> drafts
//!          read     lexer, expand       tree          walk (led by the table in keywords), one module per block
//! ```
//!
//! An unknown word is a warning, as in keepalived, and never swallows what follows it. A value that makes no sense is a
//! warning too, and says what holds instead; it is an error only where a router or a service cannot be without it.

mod addresses;
mod announce;
mod checks;
mod command;
mod expand;
mod global;
mod group;
mod hint;
mod http;
mod include;
mod instance;
pub(super) mod keywords;
mod lexer;
mod nesting;
mod outline;
mod read;
mod routes;
mod sequence;
mod service;
mod statements;
mod surroundings;
mod traced;
mod trackers;
mod tree;
mod unheeded;
mod values;
mod walk;

use std::path::Path;

use super::diagnostic::{Code, Diagnostic, Severity};
use super::draft::{Definition, Draft, Field, GroupDraft, InstanceDraft};
use super::report::Report;
use super::source::{FileId, Sources, Spanned};
use super::{Context, Language, is_namespace, resolve};
pub(super) use lexer::command;
pub(super) use outline::{Block, outline};
pub(super) use values::placeholder;

use keywords::Place;
use tree::Statement;
use walk::Walk;

/// Everything that a file and its includes say.
pub(super) fn draft(path: &Path, id: FileId, sources: &dyn Sources, context: &Context, report: &mut Report) -> Draft {
    if sources.is_executable(path) {
        let message = format!("{} may be executed, and keepalived reads no such file", path.display());
        report.add(
            Diagnostic::placeless(Severity::Warning, Code::NotRead, message)
                .help("read here all the same; keepalived would run with nothing, and say so in one line")
                .help("take the right to execute it away: `chmod a-x`"),
        );
    }
    let tree = read::read(path, id, sources, context, report);
    // Where reading was given up, that is said already.
    let given_up = report.diagnostics().iter().any(|said| said.code == Code::Hopeless);
    // What stands for blocks and comes too late is spoken of where it stands.
    let late = |name: &str| name.strip_prefix('$').is_some_and(|name| report.definition(name).is_some());
    let known =
        |statement: Statement<'_>| keywords::find(Place::Root, statement.name()).is_some() || late(statement.name());
    if !given_up && !tree.root().any(|statement| known(statement) || walk::holds_blocks(Place::Root, statement)) {
        let shown = path.display();
        let message = match tree.root().next() {
            None if includes(report.files().text(id)) => {
                format!("{shown} holds nothing but `include`, and what it includes is empty or not there")
            }
            None => format!("{shown} holds nothing but comments"),
            Some(_) => format!("{shown} has no word of a keepalived.conf outside its blocks"),
        };
        // To reload such a file would take every service and address away; keepalived does so.
        report.add(
            Diagnostic::placeless(Severity::Error, Code::Hopeless, message)
                .help("check that the right file was named; a TOML file must end in `.toml`")
                .help("keepalived would run with nothing, and at a reload take all services and addresses away"),
        );
    }
    let mut globals = tree.root().filter(|statement| statement.name() == "global_defs").flat_map(Statement::children);
    if globals.any(|statement| statement.name() == "dynamic_interfaces") {
        report.expect_interfaces_later();
    }
    let mut walk = Walk::new(report, sources);
    walk.block(tree.root(), Place::Root, &mut (), root);
    surroundings::sync_of_routers(&mut walk);
    resolve::waiting_services(&mut walk.draft.services, walk.report);
    resolve::client(&mut walk.draft);
    walk.draft
}

/// Whether a text includes others.
fn includes(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("include"))
}

fn root(walk: &mut Walk<'_>, _: &mut (), statement: Statement<'_>) -> bool {
    let children = statement.children();
    let name = statement.word(1).map(|value| Spanned::new(value.text.to_owned(), value.span));
    match (statement.name(), name) {
        ("global_defs", _) => walk.block(children, Place::Global, &mut (), global::word),
        ("virtual_server", _) => {
            walk.draft.services_asked_for += 1;
            if let Some((mut service, group)) = service::header(walk, statement) {
                // keepalived steps over the block of a service that it leaves out.
                if matches!(service.listen, Field::Bad) {
                    walk.unheeded(statement, Place::Service, unheeded::Fate::LeftOut);
                } else {
                    walk.block(children, Place::Service, &mut service, service::word);
                }
                let table = &mut walk.draft.services;
                match group {
                    None => resolve::service(service, Language::Keepalived, table, walk.report),
                    Some(group) => resolve::service_of_group(group, service, table, walk.report),
                }
            }
        }
        ("SSL", _) => http::client(walk, statement),
        ("virtual_server_group", Some(name)) => group::block(walk, name, children),
        // Done while the file was read.
        (include, _) if include.starts_with("include") => {}
        _ if surroundings::block(walk, statement) => {}
        // Without a name: the namespace that the daemon is started in, where it is anyway.
        ("net_namespace_ipvs", None) => walk.draft.global.ipvs_namespace = None,
        ("net_namespace_ipvs", Some(namespace)) => {
            if is_namespace(&namespace.value) {
                walk.draft.global.ipvs_namespace = Some(namespace.value);
            } else if let Some(value) = statement.word(1) {
                walk.bad(value, "the name of a network namespace, as `ip netns list` shows it", values::IGNORED);
            }
        }
        (_, None) => {}
        ("vrrp_script", Some(name)) => {
            let mut draft = Definition::new(name);
            walk.block(children, Place::Script, &mut draft, trackers::script);
            walk.draft.trackers.scripts.push(draft);
        }
        ("vrrp_track_process", Some(name)) => {
            let mut draft = Definition::new(name);
            walk.block(children, Place::TrackProcess, &mut draft, trackers::process);
            walk.draft.trackers.processes.push(draft);
        }
        ("track_file" | "vrrp_track_file", Some(name)) => {
            let mut draft = Definition::new(name);
            walk.block(children, Place::TrackFile, &mut draft, trackers::file);
            walk.draft.trackers.files.push(draft);
        }
        ("vrrp_track_service", Some(name)) => {
            let mut draft = Definition::new(name);
            walk.block(children, Place::TrackService, &mut draft, trackers::service);
            walk.draft.trackers.services.push(draft);
        }
        ("vrrp_track_check", Some(name)) => {
            let mut draft = Definition::new(name);
            walk.block(children, Place::TrackCheck, &mut draft, trackers::check);
            walk.draft.trackers.checks.push(draft);
        }
        ("vrrp_instance", Some(name)) => {
            let mut instance = InstanceDraft::new(name);
            walk.block(children, Place::Instance, &mut instance, instance::word);
            walk.draft.add_router(instance, walk.report);
        }
        ("vrrp_sync_group", Some(name)) => {
            let mut group = GroupDraft::new(name);
            walk.block(children, Place::SyncGroup, &mut group, instance::group_word);
            walk.draft.groups.push(group);
        }
        _ => return false,
    }
    true
}
