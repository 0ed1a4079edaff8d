//! Defaults of all virtual routers, and what concerns them together.

use super::super::Kind::Flag;
use super::super::Takes::{Nothing, One, Optional, Several};
use super::super::kind::{COMMAND, IP, LONGEST_SPACING, NAME, U32, seconds, text, whole};
use super::super::{Kind, Takes};
use super::{Keyword, idle, ours, yes};

const ENOUGH: &str = "buffers are sized as needed, and lost messages are found and repaired";
const DELAY: Takes = One(seconds("a delay", 0.0, 86_400.0));
const TIME: Kind = seconds("a time", 0.0, 86_400.0);
const SPACING: Takes = One(seconds("a time between announcements", 0.000_001, LONGEST_SPACING));
const REPEAT: Kind = whole("a count", 1, 1_000);
const FIFO: Takes = Several(text("PATH [USER [GROUP]]", "a FIFO's path"));

pub(in crate::config::keepalived::keywords) const ROUTER: &[Keyword] = &[
    yes("vrrp_version", One(Kind::Choice(&["2", "3"])))
        .default("2")
        .means("The version of VRRP over IPv4; over IPv6 it is always 3.")
        .toml("instance.version"),
    yes("vrrp_mcast_group4", One(IP))
        .default("224.0.0.18")
        .means("Where adverts over IPv4 go to.")
        .toml("instance.group"),
    yes("vrrp_mcast_group6", One(IP))
        .default("ff02::12")
        .means("Where adverts over IPv6 go to.")
        .toml("instance.group"),
    yes("vrrp_down_timer_adverts", One(whole("a number of adverts", 1, 100)))
        .default("3")
        .means("So many missed adverts before the master counts as gone.")
        .toml("instance.down-timer-adverts"),
    yes("vrrp_lower_prio_no_advert", Optional(Flag))
        .otherwise("off; on in strict mode")
        .means("Adverts of a lower priority are not answered at once.")
        .toml("instance.lower-priority-no-advert"),
    yes("vrrp_higher_prio_send_advert", Optional(Flag))
        .default("on")
        .means("One more advert when giving way, so that the winner hears its rival.")
        .toml("instance.higher-priority-send-advert"),
    yes("vrrp_check_unicast_src", Nothing)
        .otherwise("off")
        .means("Unicast adverts of others than the peers are dropped.")
        .toml("instance.check-source"),
    yes("vrrp_skip_check_adv_addr", Nothing)
        .otherwise("off")
        .means("The addresses in adverts of one master are compared once only.")
        .toml("instance.skip-address-check"),
    yes("vrrp_strict", Nothing)
        .otherwise("off")
        .means("Keep to the letter of the RFC: no passwords, no unicast, no packets for addresses not owned.")
        .toml("instance.strict"),
    yes("v3_checksum_as_v2", Optional(Flag))
        .default("off")
        .means("Over IPv4, version 3's checksum leaves out the addresses, as some vendors have it.")
        .toml("instance.checksum-without-pseudo-header"),
    yes("vrrp_owner_ignore_adverts", Nothing)
        .otherwise("off")
        .means("With priority 255, drop what others say.")
        .toml("instance.owner-ignores-adverts"),
    yes("disable_local_igmp", Nothing)
        .otherwise("off")
        .means("The kernel does not report the groups of 224.0.0.0/24 that it has joined.")
        .toml("router.igmp"),
    ours("vrrp_wait_for_checks", Optional(Flag))
        .default("off")
        .means("Routers take over only after every check of theirs has succeeded once.")
        .toml("instance.wait-for-checks"),
    ours("vrrp_watch_rivals", Optional(Flag))
        .default("on")
        .means("Answer other hosts that tell the neighbours that they have a router's addresses.")
        .toml("instance.announce.watch-rivals"),
    ours("vrrp_lateness_warning", One(seconds("a time", 0.001, 255.0)))
        .otherwise("half of the shortest advert interval, 0.1 at most")
        .means("The log warns when the thread of the routers is later than this.")
        .toml("router.scheduling.lateness-warning"),
    yes("vrrp_startup_delay", DELAY)
        .default("0")
        .means("Routers start this long after the daemon.")
        .toml("router.startup-delay"),
    yes("vrrp_delay_after_boot", DELAY)
        .default("0")
        .means("Routers start this long after the host; of two delays the longer one counts.")
        .toml("router.delay-after-boot"),
    yes("log_unknown_vrids", Nothing)
        .otherwise("off")
        .means("Say so when a router is heard that is not here.")
        .toml("router.log-unknown-vrids"),
    yes("vmac_prefix", One(NAME)).default("vrrp").means("How names of interfaces that `use_vmac` makes begin."),
    yes("vmac_addr_prefix", One(NAME))
        .otherwise("as `vmac_prefix`")
        .means("The same for those that single addresses get by their `use_vmac`."),
    yes("vrrp_rx_bufs_policy", One(text("MTU|ADVERT|BYTES", "`MTU`, `ADVERT`, or bytes")))
        .otherwise("enough")
        .means("How large the buffers for adverts are.")
        .toml("instance.receive-buffer"),
    idle("vrrp_rx_bufs_multiplier", One(whole("a number", 1, U32)), ENOUGH)
        .default("3")
        .means("So many packets of the policy's size."),
    yes("vrrp_notify_priority_changes", Optional(Flag))
        .default("off")
        .means("The FIFOs are told of changed priorities too.")
        .toml("instance.notify.priority-changes"),
    yes("fifo_write_vrrp_states_on_reload", Nothing)
        .otherwise("off")
        .means("Write all states to the FIFOs at a reload.")
        .toml("router.fifo-states-on-reload"),
    yes("notify_fifo", FIFO)
        .form("PATH [USER [GROUP]]")
        .means("A FIFO that is told of every change of state.")
        .toml("router.notify-fifo"),
    yes("notify_fifo_script", Several(COMMAND))
        .means("Started to read that FIFO, whose path is its last argument.")
        .toml("router.notify-fifo.script"),
    yes("vrrp_notify_fifo", FIFO)
        .form("PATH [USER [GROUP]]")
        .means("A FIFO that is told of every change of state of routers and groups.")
        .toml("router.router-fifo"),
    yes("vrrp_notify_fifo_script", Several(COMMAND))
        .means("Started to read that FIFO, whose path is its last argument.")
        .toml("router.router-fifo.script"),
];

pub(in crate::config::keepalived::keywords) const ANNOUNCEMENTS: &[Keyword] = &[
    yes("vrrp_garp_master_delay", DELAY)
        .default("5")
        .means("How long after becoming master the addresses are announced once more; 0: not.")
        .toml("instance.announce.delay"),
    yes("vrrp_garp_master_repeat", One(REPEAT))
        .default("5")
        .means("So many announcements of each address on becoming master.")
        .toml("instance.announce.repeat"),
    yes("vrrp_garp_master_refresh", DELAY)
        .default("0")
        .means("Announce the addresses again and again, this long apart; 0: not.")
        .toml("instance.announce.refresh"),
    yes("vrrp_garp_master_refresh_repeat", One(REPEAT))
        .default("1")
        .means("So many announcements of each address each time.")
        .toml("instance.announce.refresh-repeat"),
    yes("vrrp_garp_lower_prio_delay", DELAY)
        .otherwise("as `vrrp_garp_master_delay`")
        .means("The second announcement after a router of lower priority was heard.")
        .toml("instance.announce.lower-priority-delay"),
    yes("vrrp_garp_lower_prio_repeat", One(whole("a count", 0, 1_000)))
        .otherwise("as `vrrp_garp_master_repeat`")
        .means("So many announcements after a router of lower priority was heard.")
        .toml("instance.announce.lower-priority-repeat"),
    yes("vrrp_garp_interval", SPACING)
        .otherwise("no time between them")
        .means("Least time between two gratuitous ARPs on one interface.")
        .toml("instance.announce.arp-interval"),
    yes("vrrp_gna_interval", SPACING)
        .otherwise("no time between them")
        .means("Least time between two unsolicited neighbour advertisements on one interface.")
        .toml("instance.announce.na-interval"),
    yes("vrrp_min_garp", Optional(Flag))
        .default("off")
        .means("Announce each address only once, and not a second time.")
        .toml("instance.announce.repeat"),
    yes("vrrp_garp_extra_if", Several(TIME))
        .also(&["vrrp_vmac_garp_intvl"])
        .form("[all] SECONDS")
        .default("0")
        .means(
            "Announce addresses again and again that are on a VMAC of another interface, or with `all` on any other.",
        )
        .toml("instance.announce.elsewhere"),
];
