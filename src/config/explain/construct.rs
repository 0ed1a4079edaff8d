//! What keepalived.conf has beside words: variables, repetitions, and lines for one instance alone. They begin with a sign,
//! may stand anywhere, and so have no row in the table of words.

use serde::Serialize;

/// Something that the language has beside words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Construct {
    /// What it is called: `~SEQ`, `_PWD`.
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Lines that use it.
    pub example: &'static str,
}

const ALL: &[Construct] = &[
    Construct {
        name: "$NAME",
        form: "$NAME=VALUE, then $NAME or ${NAME}",
        meaning: "A variable. A line `$NAME=VALUE` defines it, `$NAME` before a blank or `${NAME}` anywhere stands for its \
                  value from there on. Where a line of the value ends in a backslash the next one belongs to it, and each \
                  is a line of its own where the variable is used. What is not defined stands for itself.",
        example: "$VIP=192.0.2.1\nvirtual_ipaddress {\n${VIP}/24\n}",
    },
    Construct {
        name: "@id",
        form: "@ID LINE, or @^ID LINE",
        meaning: "A line for one host alone: `@ID` counts where the ID is the host's name up to its first dot, `@^ID` \
                  everywhere else. `ipvsctl check --config-id ID` reads a file as another host does.",
        example: "@lb1 priority 150\n@^lb1 priority 100",
    },
    Construct {
        name: "~SEQ",
        form: "~SEQ(NAME, [START, [STEP,]] END) LINE",
        meaning: "Repeats the rest of its line with each number from START (1 unless it is written) to END; the line uses \
                  it as `$NAME` or `${NAME}`. Several may stand on one line, the later within the earlier.",
        example: "virtual_ipaddress {\n~SEQ(N, 11, 13) 192.0.2.${N}/24\n}",
    },
    Construct {
        name: "~SEQx",
        form: "~SEQx(NAME, [START, [STEP,]] END) LINE",
        meaning: "As `~SEQ`, and the numbers are written in hexadecimal, as groups of an IPv6 address are.",
        example: "~SEQx(N, 9, 11) virtual_server 2001:db8::${N} 80",
    },
    Construct {
        name: "~LST",
        form: "~LST(NAME, VALUE, ...) LINE, or ~LST({NAME, NAME}, {VALUE, VALUE}, ...) LINE",
        meaning: "Repeats the rest of its line with each value of a list, or with each group of values.",
        example: "~LST({IP, W}, {10.0.0.1, 1}, {10.0.0.2, 5}) $BACKEND",
    },
    Construct {
        name: "_PWD",
        form: "${_PWD}",
        meaning: "The folder of the file that it stands in, also where another file includes that one.",
        example: "script \"${_PWD}/check.sh\"",
    },
    Construct {
        name: "_INSTANCE",
        form: "${_INSTANCE}",
        meaning: "The ID that lines with `@ID` are compared with.",
        example: "router_id ${_INSTANCE}",
    },
    Construct {
        name: "_RANDOM",
        form: "${_RANDOM [LEAST [MOST]]}",
        meaning: "A number by chance, another at each use: from LEAST (0 unless it is written) to MOST (32767). \
                  `random_seed` makes them the same each time that the file is read.",
        example: "delay_before_retry ${_RANDOM 1 5}",
    },
    Construct {
        name: "_ENV",
        form: "${_ENV NAME}",
        meaning: "The value of a variable of the daemon's environment.",
        example: "auth_pass ${_ENV VRRP_PASS}",
    },
    Construct {
        name: "_HASH",
        form: "${_HASH}",
        meaning: "A `#` that begins no comment.",
        example: "auth_pass ab${_HASH}cd",
    },
    Construct {
        name: "_BANG",
        form: "${_BANG}",
        meaning: "A `!` that begins no comment.",
        example: "auth_pass ab${_BANG}cd",
    },
];

impl Construct {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    /// What is written so, with its braces or without, and with whatever name or ID somebody uses.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let find = |name: &str| Self::all().find(|construct| construct.name == name);
        if let Some(found) = find(name) {
            return Some(found);
        }
        match name.chars().next() {
            Some('@') => find("@id"),
            Some('~') => find(name.split_once('(').map_or(name, |(head, _)| head).trim_end()),
            Some('$') => {
                let bare = name.trim_start_matches(['$', '{']).trim_end_matches('}');
                find(bare.split_whitespace().next().unwrap_or(bare)).or_else(|| find("$NAME"))
            }
            Some(_) | None => None,
        }
    }
}
