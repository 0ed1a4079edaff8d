//! `ipvsctl completions`: what a shell needs to complete the command line.
//!
//! The script is made of the command line's own description, so a new verb or option is in it by itself; beside that it
//! holds the names that `explain` takes. It asks nobody when it runs.

use std::collections::BTreeSet;

use clap::{Arg, Args, Command, ValueEnum, ValueHint};

use super::{Failure, Status, print};
use crate::config::explain;

/// Print a script with which a shell completes verbs, options, and the words that `explain` knows
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell: `source <(ipvsctl completions bash)`, `ipvsctl completions zsh > "${fpath[1]}/_ipvsctl"`,
    /// `ipvsctl completions fish | source`
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

impl Completions {
    pub(super) fn run(self, command: &Command) -> Result<Status, Failure> {
        print(&script(self.shell, command))?;
        Ok(Status::Ok)
    }
}

fn script(shell: Shell, command: &Command) -> String {
    let line = Line::of(command);
    match shell {
        Shell::Bash => bash(&line),
        Shell::Zsh => zsh(&line),
        Shell::Fish => fish(&line),
    }
}

/// The command line, as far as it can be completed.
struct Line {
    program: String,
    global: Vec<Flag>,
    verbs: Vec<Verb>,
}

struct Verb {
    name: String,
    about: String,
    flags: Vec<Flag>,
    values: Values,
}

struct Flag {
    /// With their dashes.
    names: Vec<String>,
    about: String,
    value: Value,
}

/// What stands after an option.
enum Value {
    Nothing,
    File,
    /// What nobody can guess: a number, a name.
    Free,
    Names(Vec<String>),
}

/// What may stand after a verb beside options.
enum Values {
    Nothing,
    Files,
    Names(Vec<String>),
}

impl Line {
    fn of(command: &Command) -> Self {
        let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Verb::of);
        Self { program: command.get_name().to_owned(), global: flags(command), verbs: verbs.collect() }
    }
}

impl Verb {
    fn of(command: &Command) -> Self {
        let positional = command.get_positionals().next();
        let parts: Vec<_> = command.get_subcommands().map(|part| part.get_name().to_owned()).collect();
        let values = match (command.get_name(), positional) {
            // A shell would take `$NAME`, `~SEQ` and the like for something of its own.
            ("explain", _) => {
                Values::Names(explain::names().into_iter().filter(|name| !name.starts_with(['$', '~', '@'])).collect())
            }
            (_, None) if parts.is_empty() => Values::Nothing,
            (_, None) => Values::Names(parts),
            (_, Some(arg)) => match (choices(arg), is_file(arg)) {
                (choices, _) if !choices.is_empty() => Values::Names(choices),
                (_, true) => Values::Files,
                (_, false) => Values::Nothing,
            },
        };
        Self {
            name: command.get_name().to_owned(),
            about: command.get_about().map(ToString::to_string).unwrap_or_default(),
            flags: flags(command),
            values,
        }
    }
}

fn flags(command: &Command) -> Vec<Flag> {
    let shown = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    shown
        .map(|arg| Flag {
            names: (arg.get_long().map(|long| format!("--{long}")).into_iter())
                .chain(arg.get_short().map(|short| format!("-{short}")))
                .collect(),
            about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            value: value(arg),
        })
        .collect()
}

fn value(arg: &Arg) -> Value {
    if !arg.get_action().takes_values() {
        return Value::Nothing;
    }
    match choices(arg) {
        choices if !choices.is_empty() => Value::Names(choices),
        _ if is_file(arg) => Value::File,
        _ => Value::Free,
    }
}

fn is_file(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath)
        || names.iter().any(|name| matches!(name.as_str(), "FILE" | "PATH"))
}

fn choices(arg: &Arg) -> Vec<String> {
    arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
}

fn names(flags: &[Flag]) -> Vec<&str> {
    flags.iter().flat_map(|flag| flag.names.iter().map(String::as_str)).collect()
}

/// A text within single quotes of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn bash(line: &Line) -> String {
    let program = &line.program;
    let verbs: Vec<_> = line.verbs.iter().map(|verb| verb.name.as_str()).collect();
    let mut values = String::new();
    let mut words = String::new();
    for verb in &line.verbs {
        for flag in verb.flags.iter().chain(&line.global) {
            let patterns: Vec<_> = flag.names.iter().map(|name| format!("{}:{name}", verb.name)).collect();
            let reply = match &flag.value {
                Value::Nothing => continue,
                Value::Free => "()".to_owned(),
                Value::File => "($(compgen -f -- \"$cur\"))".to_owned(),
                Value::Names(names) => format!("($(compgen -W {} -- \"$cur\"))", quoted(&names.join(" "))),
            };
            values.push_str(&format!("        {}) COMPREPLY={reply}; return ;;\n", patterns.join("|")));
        }
        let options = [names(&verb.flags), names(&line.global), vec!["--help"]].concat().join(" ");
        let rest = match &verb.values {
            Values::Nothing => "COMPREPLY=()".to_owned(),
            Values::Files => "COMPREPLY=($(compgen -f -- \"$cur\"))".to_owned(),
            Values::Names(names) => format!("COMPREPLY=($(compgen -W {} -- \"$cur\"))", quoted(&names.join(" "))),
        };
        words.push_str(&format!(
            "        {}) if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W {} -- \"$cur\")); else {rest}; fi ;;\n",
            verb.name,
            quoted(&options)
        ));
    }
    let first = [verbs.clone(), names(&line.global), vec!["--help", "--version"]].concat().join(" ");
    format!(
        "_{program}() {{\n    \
             local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb= word\n    \
             for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n        \
                 case $word in {}) verb=$word; break ;; esac\n    \
             done\n    \
             case $verb:$prev in\n{values}    esac\n    \
             case $verb in\n{words}        \
                 *) COMPREPLY=($(compgen -W {} -- \"$cur\")) ;;\n    \
             esac\n\
         }}\n\
         complete -F _{program} {program}\n",
        verbs.join("|"),
        quoted(&first)
    )
}

fn zsh(line: &Line) -> String {
    let program = &line.program;
    // `_describe` and `_arguments` part names from remarks by a colon.
    let plain = |text: &str| text.replace('\\', "").replace(':', "\\:").replace('[', "(").replace(']', ")");
    let flag = |flag: &Flag| -> Vec<String> {
        let value = match &flag.value {
            Value::Nothing => None,
            Value::Free => Some(":value: ".to_owned()),
            Value::File => Some(":value:_files".to_owned()),
            Value::Names(names) => Some(format!(":value:({})", names.join(" "))),
        };
        // `--name=` takes its value after a blank and after `=`.
        let joint = |name: &str| if value.is_some() && name.starts_with("--") { "=" } else { "" };
        let after = value.as_deref().unwrap_or_default();
        (flag.names.iter())
            .map(|name| quoted(&format!("{name}{}[{}]{after}", joint(name), plain(&flag.about))))
            .collect()
    };
    let global: Vec<_> = line.global.iter().flat_map(flag).collect();
    let mut verbs = String::new();
    let mut cases = String::new();
    for verb in &line.verbs {
        verbs.push_str(&format!("        {}\n", quoted(&format!("{}:{}", verb.name, plain(&verb.about)))));
        let mut arguments: Vec<_> = verb.flags.iter().flat_map(flag).chain(global.iter().cloned()).collect();
        match &verb.values {
            Values::Nothing => {}
            Values::Files => arguments.push(quoted("1:file:_files")),
            Values::Names(names) => arguments.push(quoted(&format!("1:name:({})", names.join(" ")))),
        }
        cases.push_str(&format!("        {}) _arguments {} ;;\n", verb.name, arguments.join(" ")));
    }
    format!(
        "#compdef {program}\n\
         _{program}() {{\n    \
             local context state line\n    \
             local -a verbs\n    \
             verbs=(\n{verbs}    )\n    \
             _arguments -C {} '1:verb:->verb' '*::rest:->rest'\n    \
             case $state in\n        \
                 verb) _describe verb verbs ;;\n        \
                 rest) case $line[1] in\n{cases}        esac ;;\n    \
             esac\n\
         }}\n\
         if [ \"$funcstack[1]\" = \"_{program}\" ]; then _{program} \"$@\"; else compdef _{program} {program}; fi\n",
        global.join(" ")
    )
}

fn fish(line: &Line) -> String {
    let program = &line.program;
    let mut out = format!("complete -c {program} -f\n");
    let mut flag = |condition: &str, flag: &Flag| {
        let mut text = format!("complete -c {program}{condition}");
        for name in &flag.names {
            match name.strip_prefix("--") {
                Some(long) => text.push_str(&format!(" -l {long}")),
                None => text.push_str(&format!(" -s {}", name.trim_start_matches('-'))),
            }
        }
        match &flag.value {
            Value::Nothing => {}
            Value::Free => text.push_str(" -x"),
            Value::File => text.push_str(" -r -F"),
            Value::Names(names) => text.push_str(&format!(" -x -a {}", quoted(&names.join(" ")))),
        }
        out.push_str(&format!("{text} -d {}\n", quoted(&flag.about)));
    };
    for global in &line.global {
        flag("", global);
    }
    for verb in &line.verbs {
        for own in &verb.flags {
            flag(&format!(" -n '__fish_seen_subcommand_from {}'", verb.name), own);
        }
    }
    let seen: BTreeSet<_> = line.verbs.iter().map(|verb| verb.name.as_str()).collect();
    for verb in &line.verbs {
        let name = &verb.name;
        out.push_str(&format!(
            "complete -c {program} -n '__fish_use_subcommand' -a {name} -d {}\n",
            quoted(&verb.about)
        ));
        let after = format!("complete -c {program} -n '__fish_seen_subcommand_from {name}'");
        match &verb.values {
            Values::Nothing => {}
            Values::Files => out.push_str(&format!("{after} -F\n")),
            Values::Names(names) => {
                let names: Vec<_> =
                    names.iter().filter(|name| !seen.contains(name.as_str())).map(String::as_str).collect();
                out.push_str(&format!("{after} -a {}\n", quoted(&names.join(" "))));
            }
        }
    }
    out
}
