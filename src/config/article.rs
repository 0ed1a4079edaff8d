//! What each code of a [`Diagnostic`](super::Diagnostic) means, for people who want more than its line.

use super::Code;

/// An example of what a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// Lines of keepalived.conf that bring it about.
    Keepalived(&'static str),
    /// Lines of our own language that bring it about.
    Toml(&'static str),
    /// Lines of haproxy.cfg that bring it about when they are converted.
    Haproxy(&'static str),
    /// In words, where lines cannot show it.
    Described(&'static str),
}

/// What there is to say about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Article {
    /// What it means.
    pub meaning: &'static str,
    /// Why it matters.
    pub matters: &'static str,
    /// An example.
    pub example: Example,
    /// What to do.
    pub remedy: &'static str,
}

impl Code {
    /// What there is to say about it.
    #[must_use]
    pub const fn article(self) -> Article {
        let (meaning, matters, example, remedy) = self.texts();
        Article { meaning, matters, example, remedy }
    }

    const fn texts(self) -> (&'static str, &'static str, Example, &'static str) {
        use Example::{Described, Haproxy, Keepalived, Toml};
        match self {
            Self::Unreadable => (
                "The file, or one that it includes, cannot be read.",
                "Without it nobody knows what should run: a start is refused, and a reload keeps what runs.",
                Described("`ipvsd --config /etc/keepalived/keepalived.cnof`, a name that does not exist"),
                "Check the name, who may read the file, and who may enter the folders above it.",
            ),
            Self::Empty => (
                "There is nothing in the file.",
                "Taken at its word it would take every service and every address away, and that is hardly meant.",
                Described("a file that a template engine or a full disk left at 0 bytes"),
                "Write the file again; to run nothing, stop the daemon.",
            ),
            Self::Binary => (
                "The file is not text.",
                "It is another file than the one that was meant, or one in UTF-16.",
                Described("a file that an editor on Windows saved as \"Unicode\""),
                "Name the right file, or save it as UTF-8.",
            ),
            Self::Encoding => (
                "Some bytes of the file are not UTF-8, or it has a byte-order mark or the line ends of another system.",
                "In comments odd bytes do not matter; in a name or a password they decide whether two sides agree. A mark \
                 costs keepalived the first block, and without line feeds the whole file is one line.",
                Described("a comment with an umlaut in Latin-1"),
                "Save the file as UTF-8: `iconv -f latin1 -t utf8`.",
            ),
            Self::IncludeLoop => (
                "A file includes itself, perhaps by way of others, or includes lie too deep.",
                "It would never end. The include that closes the ring is left out.",
                Described("a.conf with `include b.conf`, and b.conf with `include a.conf`"),
                "Remove one of the includes.",
            ),
            Self::IncludeMissing => (
                "An include finds no file.",
                "Whatever should stand there is missing. After `include` that is a note where a pattern finds nothing, as a \
                 folder for additions may be empty, and a warning where a file was named; the stricter forms (`includea` and \
                 its like) make it an error.",
                Keepalived("include conf.d/*.conf\n"),
                "Check the path, which is taken from the folder of the including file on; or let it be.",
            ),
            Self::Hopeless => (
                "So much is unknown that this is no configuration in the language that it was read in.",
                "Reading on would only bury the cause under hundreds of remarks.",
                Keepalived("frontend web\nbind *:80\n"),
                "Name the right file; one in TOML ends in `.toml`, or needs `--language toml`.",
            ),
            Self::NotRead => (
                "keepalived reads no file that somebody may execute, and no folder, device, socket or pipe.",
                "An include steps over it, so that a script may lie beside the files that are meant; the stricter forms make \
                 it an error. A main file that may be executed is read here all the same: keepalived would run with nothing.",
                Described("`include conf.d/*`, where conf.d holds `notify.sh`"),
                "Take the right to execute away (`chmod a-x FILE`), or have the pattern match what is meant only.",
            ),
            Self::TomlSyntax => (
                "The file is not TOML.",
                "Nothing of it can be relied on, so nothing of it is run.",
                Toml("[[service]]\naddress = 192.0.2.1:80\n"),
                "Text stands in quotes, lists in `[ ]`, tables in `{ }`; see https://toml.io.",
            ),
            Self::Unclosed => (
                "A block is never closed, or another begins where it should have ended.",
                "What stands where is a guess from there on. Where the indentation tells which block it is, the remark \
                 shows it, and the daemon does not start on a guess.",
                Keepalived("vrrp_instance A {\n    interface eth0\n    virtual_router_id 1\n\nvrrp_instance B {\n}\n"),
                "Put the missing `}` where the remark points.",
            ),
            Self::Unopened => (
                "A `}` closes nothing.",
                "Often a `{` is missing above; then words of the block were read as something else.",
                Keepalived("global_defs {\n}\n}\n"),
                "Remove it, or add the `{` that it belongs to.",
            ),
            Self::Quote => (
                "A quote begins and does not end on its line, or a command with arguments stands without quotes.",
                "All the rest of the line was taken as one value. After a command keepalived hears a user and a group, and no \
                 arguments.",
                Keepalived("global_defs {\nrouter_id \"lb1\n}\n"),
                "Close the quote, or put the command with its arguments in quotes.",
            ),
            Self::Block => (
                "A block stands where none belongs, or none where one does.",
                "keepalived loses count of its braces here, and words below it are lost; here only the block is.",
                Keepalived("global_defs {\nrouter_id lb1 {\n}\n}\n"),
                "Remove the block, or add it.",
            ),
            Self::Lookalike => (
                "A character looks like another: a blank that is not a space, a quote that is not plain.",
                "They come with text that was copied from a page. keepalived takes them as part of the word, and then \
                 does not know it.",
                Keepalived("global_defs {\nrouter_id\u{a0}lb1\n}\n"),
                "Type it again.",
            ),
            Self::Nesting => (
                "Blocks lie so deep inside each other that this is no configuration.",
                "The language is never deeper than five.",
                Described("a hundred lines of `a {`"),
                "Look where the `}` are missing.",
            ),
            Self::Expansion => (
                "A variable contains itself, perhaps by way of others, or grows without end.",
                "Its line cannot be read and is left out.",
                Keepalived("$A=${B}\n$B=${A}\nglobal_defs {\nrouter_id ${A}\n}\n"),
                "Break the ring: one of them needs a value.",
            ),
            Self::LongLine => (
                "A line has more than 1023 bytes.",
                "keepalived cuts it there, even in a comment, and reads the rest as the next line; here it is one line.",
                Described("a line of more than 1023 bytes"),
                "Make it shorter: move a long command into a script, and break a long comment.",
            ),
            Self::UnknownWord => (
                "The language has no such word.",
                "It is a slip of the pen, or the word of a later version. keepalived logs it and goes on, so what was \
                 asked for does not happen. In TOML it is an error.",
                Keepalived("global_defs {\nruoter_id lb1\n}\n"),
                "Write the word that the remark suggests; `ipvsctl explain --list` shows all.",
            ),
            Self::Misplaced => (
                "The word is known, and has no meaning in this block.",
                "It does nothing here. Often a `}` above is missing or one too many, or a word of `global_defs` lost its \
                 `vrrp_`.",
                Keepalived("global_defs {\nvirtual_router_id 51\n}\n"),
                "Move it to where the remark says that it belongs.",
            ),
            Self::NotYet => (
                "The word is understood, and this version does not do it.",
                "The rest of the file runs, without what the word asks for; the remark says what that means.",
                Keepalived("global_defs {\nenable_traps\n}\n"),
                "Read what is said to happen instead, and see whether that will do.",
            ),
            Self::WithoutEffect => (
                "The word is accepted, and there is nothing for it to do here.",
                "What it asks for is so in any case, or has no meaning for this program. Nothing is lost.",
                Keepalived("global_defs {\nvrrp_iptables\n}\n"),
                "Nothing; remove it if keepalived does not read the file any more.",
            ),
            Self::Removed => (
                "keepalived has dropped the word.",
                "It does nothing in a current keepalived either, and its config test fails for it.",
                Keepalived("virtual_server 192.0.2.1 80 {\nnat_mask 255.255.255.0\n}\n"),
                "Do what the remark says, mostly: remove the line.",
            ),
            Self::MissingValue => (
                "The word needs a value that is not there.",
                "At most words keepalived exits at once when it meets this, also at a reload: here it is an error. Words that \
                 keepalived steps over, and words further along a line, get a warning.",
                Keepalived("global_defs {\nvrrp_version\n}\n"),
                "Write the value, or remove the word.",
            ),
            Self::ExtraValue => (
                "More stands on the line than the word takes.",
                "The rest is ignored. Two statements on one line are one for keepalived; and a password with a blank \
                 ends at it.",
                Keepalived("global_defs {\nrouter_id lb1 lb2\n}\n"),
                "One statement a line; a value with blanks stands in double quotes; comments begin with `#` or `!`.",
            ),
            Self::Repeated => (
                "The word stands twice in one block.",
                "The last one counts, and of `state` and `notify_*` the first, as in keepalived; whoever reads the other is \
                 misled.",
                Keepalived("global_defs {\nrouter_id lb1\nrouter_id lb2\n}\n"),
                "Remove one of them.",
            ),
            Self::Deprecated => (
                "The word is an old name of another.",
                "It works. keepalived says that it will be dropped.",
                Keepalived("global_defs {\nlvs_flush_onstop\nvrrp_rlimit_rtime 10000\n}\n"),
                "Write the new name.",
            ),
            Self::Foreign => (
                "The word is one of another program or version, such as DPVS.",
                "keepalived does not know it, and what it asks for does not happen.",
                Keepalived("global_defs {\nlvs_id LVS_1\n}\n"),
                "Do what the remark says; it knows the word.",
            ),
            Self::BadValue => (
                "The value cannot be what the word takes.",
                "In keepalived.conf the line counts for nothing, or as keepalived takes it: the remark says which. In TOML \
                 it is an error.",
                Keepalived("vrrp_instance A {\npriority 300\n}\n"),
                "Write a value in the range that the remark tells; `ipvsctl explain WORD` has it too.",
            ),
            Self::Placeholder => (
                "A template was never filled in.",
                "The value is a name for a value. Where it is a variable that nobody defined it is an error, as \
                 something was surely meant.",
                Keepalived("vrrp_instance A {\ninterface ${INTERFACE}\n}\n"),
                "Fill the template in, or define the variable above: `$NAME=value`.",
            ),
            Self::LongPassword => (
                "The password is longer than eight bytes.",
                "VRRP version 2 carries eight. The rest is cut off, here and in keepalived, so two passwords that begin \
                 alike are one.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\n\
                     authentication {\nauth_type PASS\nauth_pass longpassword\n}\n}\n",
                ),
                "Choose eight bytes at most; it goes over the wire in clear anyway.",
            ),
            Self::Required => (
                "Something is missing without which the thing cannot be.",
                "A router without a number or an interface, a service without an address: it is left out, and a daemon \
                 does not start without saying so.",
                Keepalived("vrrp_instance A {\ninterface eth0\n}\n"),
                "Add what the remark names.",
            ),
            Self::Expression => (
                "A regular expression is wrong, or has something that is not done here.",
                "keepalived hands expressions to PCRE2, whose worst pages take for ever. Here time is linear for what an expression \
                 usually has: literals, `.`, `|`, groups, the flags `imsxU`, `*` `+` `?` `{n,m}` and their lazy forms, classes with \
                 `[:alpha:]` and its like, `\\d \\s \\w \\h \\v \\N \\R` and their opposites, `^ $ \\A \\z \\Z \\b \\B`, `\\Q...\\E`, `\\xhh`; \
                 with the option `utf` also `\\p{...}`. What looks back or aside is tried step by step: references (`\\1`), looking \
                 ahead and behind (`(?=`, `(?!`, `(?<=`, `(?<!`), atomic groups and possessive quantifiers (`(?>`, `a++`). There a \
                 page may have 16 KiB and take 32,768 steps; past that the check fails and says so. Recursion, verbs (`(*...)`), \
                 callouts, and references with the option `match_unset_backref` are not done. With `multiline`, `^` is found behind a newline that ends the page, too. In keepalived.conf a backslash escapes what follows it before PCRE2 sees it: `\\d` is \
                 written `\\\\d`.",
                Toml(
                    "[[service]]\naddress = \"192.0.2.1:80\"\ncheck = { http = { regex = \"a(b\" } }\nserver = [{ address = \"10.0.0.1:80\" }]\n",
                ),
                "Write it without; two checks can ask for two things.",
            ),
            Self::Duplicate => (
                "Two things that must differ do not.",
                "Two routers with one number on one interface would fight; of two services on one address the kernel \
                 holds one; an address that is listed twice is one address.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n192.0.2.1\n}\n}\n",
                ),
                "Change one of them, or remove it; the remark shows both.",
            ),
            Self::UnknownName => (
                "A name is used that nothing bears.",
                "A script, group or router of that name does not exist, so it is not watched and moves nothing. keepalived \
                 also demands that it stands further up; here that is only a note.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\n\
                     track_script {\ncheck\n}\n}\n",
                ),
                "Define it, or correct the name.",
            ),
            Self::PreemptCancelled => (
                "`nopreempt` is written and does not hold.",
                "With `state MASTER`, or as an owner of the addresses, the router takes over all the same.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\npriority 255\nnopreempt\nvirtual_ipaddress {\n\
                     192.0.2.1\n}\n}\n",
                ),
                "Write `state BACKUP` on all hosts and a priority below 255, if it is meant.",
            ),
            Self::WeightMovesNothing => (
                "A weight changes the priority, and cannot move the addresses.",
                "Under `nopreempt` backups accept a master of lower priority, so however far it falls, it stays master. \
                 An owner (priority 255) ignores weights.",
                Keepalived(
                    "vrrp_script check {\nscript /bin/true\nweight -5\n}\nvrrp_instance A {\ninterface eth0\n\
                     virtual_router_id 1\nnopreempt\nvirtual_ipaddress {\n192.0.2.1\n}\ntrack_script {\ncheck\n}\n}\n",
                ),
                "Give it weight 0, so that a failure is a fault; or leave `nopreempt` away.",
            ),
            Self::WeightInGroup => (
                "A member of a sync group watches something with a weight.",
                "Members move together, so one of them alone has no changed priority: the weight does not count.",
                Keepalived(
                    "vrrp_script check {\nscript /bin/true\nweight -5\n}\nvrrp_sync_group G {\ngroup {\nA\n}\n}\n\
                     vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\n\
                     track_script {\ncheck\n}\n}\n",
                ),
                "Let the group watch it, or write `sync_group_tracking_weight` (TOML: `weighted = true`).",
            ),
            Self::PasswordVersion => (
                "A password is set, and this version of VRRP has none.",
                "Version 3 dropped them, as they go over the wire in clear. Adverts carry none.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nversion 3\nvirtual_ipaddress {\n192.0.2.1\n}\n\
                     authentication {\nauth_type PASS\nauth_pass abc\n}\n}\n",
                ),
                "Remove the password; who may speak VRRP on the wire is the firewall's matter.",
            ),
            Self::OwnInterface => (
                "The router watches its own interface, which it does anyway.",
                "Its failure is a fault already; a weight on it has no effect.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\n\
                     track_interface {\neth0\n}\n}\n",
                ),
                "Remove the line; `dont_track_primary` ends the watch.",
            ),
            Self::Defaulted => (
                "Something is not written, and its default is not what one expects.",
                "A service without `protocol` is one of UDP, and one without `lb_kind` is NAT, as in keepalived.",
                Keepalived("virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 80 {\n}\n}\n"),
                "Write the word, even to say what holds anyway.",
            ),
            Self::Unchecked => (
                "A server's check is not made.",
                "Without another check the server counts as always up: traffic goes to it when it is down.",
                Described("a `real_server` whose only check is one that this version does not make"),
                "Give it a check that is made, such as TCP_CHECK.",
            ),
            Self::Idle => (
                "A thing is there that has nothing to act on.",
                "A service without servers, a group without interfaces, a file with neither routers nor services: it \
                 runs, and does nothing.",
                Keepalived("virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_kind NAT\n}\n"),
                "Complete it, or remove it.",
            ),
            Self::ServerPort => (
                "A server's port differs from the service's, and the packets' ports are not changed.",
                "Only NAT changes ports. With direct routing and tunnels the server gets the port that the client called, \
                 so the kernel uses the service's.",
                Keepalived(
                    "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_kind DR\nreal_server 192.0.2.2 8080 {\n}\n}\n",
                ),
                "Let the server listen on the service's port, or use NAT.",
            ),
            Self::Combination => (
                "Things are written together that VRRP, IPVS or the kernel does not have together.",
                "One of them does not hold; the remark says which, and what happens instead.",
                Keepalived(
                    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n2001:db8::1 label x\n}\n}\n",
                ),
                "Decide for one of them.",
            ),
            Self::Strict => (
                "Strict mode keeps to the letter of the RFC, and this does not.",
                "Unicast, passwords and addresses that are accepted without being owned are not in it.",
                Keepalived(
                    "global_defs {\nvrrp_strict\n}\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n\
                     unicast_peer {\n192.0.2.9\n}\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n",
                ),
                "Leave strict mode (mostly it is there by accident), or do without the other.",
            ),
            Self::UnusableScript => (
                "A script's file is missing on this host, or may not be run.",
                "In keepalived's language such a script is disabled, and routers go on without it; in TOML every run of \
                 it fails.",
                Described("`script /usr/local/bin/chek.sh` where the file is called check.sh"),
                "Install it, make it executable, or correct the path.",
            ),
            Self::UnusableTls => (
                "A certificate, a key or a name that a check over TLS needs cannot be used on this host.",
                "The check cannot be made. Servers stay as they are known; one of which nothing is known stays out, since \
                 nobody says that it is well.",
                Described(
                    "`verify /etc/ssl/own-ca.pem` where there is no such file; a key under a password without `password`",
                ),
                "Correct the path, or let the daemon read the file. Certificates and keys are PEM; a key with a password has the \
                 form that `openssl pkcs8 -topk8` writes. A file that is mended is seen within half a minute, a name at a reload.",
            ),
            Self::SharedAddress => (
                "One virtual address is listed in two routers of one interface that need not move together.",
                "Each router elects a master of its own. Where those are two hosts, both have the address, and clients reach \
                 now the one and now the other.",
                Keepalived(
                    "vrrp_instance a {\n  interface eth0\n  virtual_router_id 1\n  virtual_ipaddress { 192.0.2.9 }\n}\n\
                     vrrp_instance b {\n  interface eth0\n  virtual_router_id 2\n  virtual_ipaddress { 192.0.2.9 }\n}\n",
                ),
                "List it in one of them, or put both into one `vrrp_sync_group`.",
            ),
            Self::UnownedAddress => (
                "A service has an address that no router of this file moves, while the addresses of other services move.",
                "A service is no address: whoever calls it needs a host that has it. It is well where this host has the address \
                 by other means; mostly a line of `virtual_ipaddress` is missing, or there is a slip in one of the two.",
                Keepalived(
                    "vrrp_instance a {\n  interface eth0\n  virtual_router_id 1\n  virtual_ipaddress { 192.0.2.1 }\n}\n\
                     virtual_server 192.0.2.1 80 {\n  protocol TCP\n  lb_kind NAT\n  real_server 10.0.0.1 80 {\n  }\n}\n\
                     virtual_server 192.0.2.2 80 {\n  protocol TCP\n  lb_kind NAT\n  real_server 10.0.0.1 80 {\n  }\n}\n",
                ),
                "List the address in a router, or correct the service's.",
            ),
            Self::OwnServer => (
                "A server has the address and port of its own service.",
                "The kernel hands its connections to this host itself, where the host has the address. A check of it calls the \
                 service, and any other server may answer: it says nothing of this one.",
                Keepalived(
                    "virtual_server 192.0.2.1 80 {\n  protocol TCP\n  lb_kind NAT\n  real_server 192.0.2.1 80 {\n  }\n}\n",
                ),
                "Write the server's own address; 127.0.0.1 where this host itself is meant.",
            ),
            Self::OutOfReach => (
                "Packets do not get to a server, as the routes or networks of this file and of the host tell.",
                "With direct routing a packet keeps the address of the service, so only a server on a link of this host gets it: \
                 a gateway would send it back. The networks are those of the file's addresses, and where the file is checked on its \
                 own host those of its interfaces too. What a route discards nobody gets.",
                Keepalived(
                    "static_routes {\n  10.9.0.0/24 via 192.0.2.254\n}\nvirtual_server 192.0.2.1 80 {\n  protocol TCP\n  \
                     lb_kind DR\n  real_server 10.9.0.1 80 {\n  }\n}\n",
                ),
                "Use a tunnel, or NAT; or change the route.",
            ),
            Self::Timers => (
                "A check waits for its answer longer than the time from one check to the next.",
                "The next check waits for the end of the last, so the shorter time does not hold when it matters: when a server \
                 is silent.",
                Keepalived(
                    "virtual_server 192.0.2.1 80 {\n  delay_loop 6\n  protocol TCP\n  lb_kind NAT\n  real_server 10.0.0.1 80 {\n    \
                     TCP_CHECK {\n      connect_timeout 10\n    }\n  }\n}\n",
                ),
                "Write a timeout that an answer of a healthy server needs, mostly 1 to 3 seconds.",
            ),
            Self::NoInterface => (
                "The file names an interface that the host on which it is checked does not have.",
                "It may be one that another program makes later: a daemon waits for it, and what needs it waits too, so a router on \
                 it stays in FAULT. A slip in the name looks just the same.",
                Described("`interface eth0` on a host where `ip link` shows `enp1s0`"),
                "Compare it with `ip link`. Where the file is for another host, check it with `--other-host`.",
            ),
            Self::BeyondIpvs => (
                "A line of an haproxy.cfg asks for something that IPVS cannot do.",
                "haproxy ends a connection and opens another; IPVS forwards packets and looks into none. Connections still \
                 reach the servers, and the remark says what is different.",
                Haproxy("listen web\n mode http\n bind 192.0.2.1:80\n server a 10.0.0.1:80\n"),
                "Live without it, or leave this section to haproxy: both can run on one host.",
            ),
            Self::Approximate => (
                "What a line of an haproxy.cfg asks for becomes something that is near, and not the same.",
                "On most days nobody notices; the remark says when it shows.",
                Haproxy("listen web\n bind 192.0.2.1:80\n server a 10.0.0.1:80 maxconn 100\n"),
                "Read the remark, and change the document where it does not suit you.",
            ),
            Self::Undecided => (
                "An haproxy.cfg cannot be converted before a person has decided something.",
                "It does not say which address clients call, or it refuses or directs connections by rules that IPVS does \
                 not have: without them everybody would be let in, or sent elsewhere.",
                Haproxy("listen web\n bind *:80\n server a 10.0.0.1:80\n"),
                "Do what the remark asks for: name the address (`--address`), write addresses for names, remove the rule or \
                 put it into the firewall. `--force` converts the rest without it.",
            ),
        }
    }
}
