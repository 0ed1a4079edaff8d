//! The scripts of a configuration that this host cannot run, for whoever looks at a file before a daemon does.

use std::collections::{BTreeSet, HashSet};

use nix::unistd::{Gid, Uid};

use crate::model::{
    CheckKind, Command, Config, Notify, OnMissing, RunAs, ScriptOutcome, ScriptProbe, Tracked, Watched,
};
use crate::shell::scripts::child::{self, Users};

/// A script that cannot be run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableScript {
    /// Its file, as the configuration names it; none where it is the user of all scripts that there is not.
    pub program: String,
    /// Who is to run it, if that is said of it alone.
    pub user: Option<RunAs>,
    /// Which one, and why: a sentence without an end.
    pub problem: String,
    /// What a daemon will make of it: a sentence without an end.
    pub consequence: &'static str,
}

/// Looks at the files of all scripts that are tracked, check servers or are called at a change of state, as a daemon of root's would; in the
/// configuration's order, each file once for each use.
#[must_use]
pub fn unusable(config: &Config) -> Vec<UnusableScript> {
    let mut found = Vec::new();
    let tracked: BTreeSet<&str> = config
        .instances
        .iter()
        .flat_map(|instance| &instance.tracks)
        .chain(config.sync_groups.iter().flat_map(|group| &group.tracks))
        .filter_map(script_of)
        .collect();
    for script in &config.scripts {
        if !tracked.contains(script.name.as_str()) {
            continue;
        }
        if let Err(why) = look(config, &script.command, script.user.as_ref()) {
            let consequence = match script.on_missing {
                OnMissing::Disable => {
                    "it will be disabled: routers that track it run on as if it were not there, as with keepalived, until a \
                     reload finds the file"
                }
                OnMissing::Fail => {
                    "every run of it will fail: a router that tracks it without a weight stays in FAULT, one that does with a \
                     weight counts it as failed"
                }
            };
            let program = script.command.first().cloned().unwrap_or_default();
            found.push(UnusableScript {
                program,
                user: script.user.clone(),
                problem: format!("the script `{}`: {why}", script.name),
                consequence,
            });
        }
    }
    checks_of_servers(config, &mut found);
    let mut seen: BTreeSet<(&str, Option<&str>)> = BTreeSet::new();
    let of_routers = config
        .instances
        .iter()
        .map(|instance| &instance.notify)
        .chain(config.sync_groups.iter().map(|group| &group.notify))
        .flat_map(called)
        .map(|command| (command, "it will not be called; routers run on, and the log says so at each change of state"));
    let of_services = config
        .services
        .iter()
        .flat_map(|service| {
            let own = [&service.rules.notify].into_iter();
            own.chain(service.servers.iter().filter_map(|server| server.notify.as_deref()))
                .flat_map(|scripts| [&scripts.up, &scripts.down].into_iter().flatten())
        })
        .map(|command| (command, "it will not be called; services go on, and the log says so at each change"));
    for (command, consequence) in of_routers.chain(of_services) {
        let Some(program) = command.words.first() else { continue };
        if !seen.insert((program, command.user.as_ref().map(|user| user.user.as_str()))) {
            continue;
        }
        if let Err(why) = look(config, &command.words, command.user.as_ref()) {
            found.push(UnusableScript {
                program: program.clone(),
                user: command.user.clone(),
                problem: format!("the notify script `{program}`: {why}"),
                consequence,
            });
        }
    }
    let fifos = config.router.notify_fifo.iter().chain(&config.router.router_fifo).chain(&config.global.service_fifo);
    for command in fifos.filter_map(|fifo| fifo.script.as_ref()) {
        if let Err(why) = look(config, &command.words, command.user.as_ref()) {
            let program = command.words.first().map_or("", String::as_str);
            found.push(UnusableScript {
                program: program.to_owned(),
                user: command.user.clone(),
                problem: format!("the notify_fifo script `{program}`: {why}"),
                consequence: "it will not be started; unless something else reads the pipe, nobody is told",
            });
        }
    }
    if let Some(user) = &config.global.script_user
        && let Err(ScriptOutcome::NotRunnable(_, why)) = child::identify(user)
    {
        found.push(UnusableScript {
            program: String::new(),
            user: Some(user.clone()),
            problem: format!("nobody can run scripts as `{}`: {why}", user.user),
            consequence: "scripts that name no user of their own are not run",
        });
    }
    found
}

/// The scripts of checks, each once.
fn checks_of_servers(config: &Config, found: &mut Vec<UnusableScript>) {
    let mut seen: HashSet<&ScriptProbe> = HashSet::new();
    let checks = config.services.iter().flat_map(|service| &service.servers).flat_map(|server| &server.checks);
    for check in checks {
        let CheckKind::Script(probe) = &check.kind else { continue };
        if !seen.insert(probe) {
            continue;
        }
        if let Err(why) = look(config, &probe.command, probe.user.as_ref()) {
            let program = probe.command.first().cloned().unwrap_or_default();
            found.push(UnusableScript {
                problem: format!("the script `{program}` of a check: {why}"),
                program,
                user: probe.user.clone(),
                consequence: match probe.on_missing {
                    OnMissing::Disable => {
                        "the check counts for nothing until it can be run, as with keepalived: its servers are up unless \
                         another check says otherwise"
                    }
                    OnMissing::Fail => "the check fails: its servers stay out",
                },
            });
        }
    }
}

fn script_of(tracked: &Tracked) -> Option<&str> {
    match &tracked.what {
        Watched::Script(name) => Some(name),
        Watched::Interface(_)
        | Watched::Process(_)
        | Watched::File(_)
        | Watched::Service(_)
        | Watched::Check(_)
        | Watched::Bfd(_) => None,
    }
}

fn look(config: &Config, words: &[String], user: Option<&RunAs>) -> Result<(), String> {
    let user = user.or(config.global.script_user.as_ref());
    child::look(words, user, config.global.script_security, (Uid::from_raw(0), Gid::from_raw(0)), &mut Users::default())
}

fn called(notify: &Notify) -> impl Iterator<Item = &Command> {
    let Notify { master, backup, fault, stop, deleted, lower_priority, any, tell_deleted: _, priority_changes: _ } =
        notify;
    [master, backup, fault, stop, deleted, lower_priority, any].into_iter().flatten()
}
