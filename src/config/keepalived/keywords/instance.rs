//! Words of `vrrp_instance`.

use super::Kind::Flag;
use super::Takes::{Any, Block, Either, Nothing, One, Optional, Several};
use super::kind::{COMMAND, I32, INTERFACE, IP, NAME, measured, seconds, text, whole};
use super::{Keyword, Kind, Place, Takes, idle, ours, refused, soon, yes};

const NO_MAIL: &str = "no mail is sent; `notify` scripts can";
const NO_HMAC: &str = "adverts are neither signed nor checked, so the router is left out";
const NOTHING: &str = "keepalived does nothing with it either";
const TIME: Kind = seconds("a time", 0.0, 86_400.0);
const DELAY: Takes = One(TIME);
const REPEAT: Takes = One(whole("a count", 1, 1_000));
const GLOBAL: &str = "as in `global_defs`, with `vrrp_` before the word";

pub(super) const INSTANCE: &[&[Keyword]] =
    &[IDENTITY, TRANSPORT, ADDRESSES, ELECTION, TRACKS, ANNOUNCEMENTS, NOTIFICATION, WITHOUT_EFFECT];

const IDENTITY: &[Keyword] = &[
    yes("state", One(Kind::Choice(&["MASTER", "BACKUP"])))
        .first_counts()
        .default("BACKUP")
        .means("What it starts as; with priority 255 a MASTER is active at once.")
        .toml("instance.start"),
    yes("interface", One(INTERFACE))
        .means("The interface that it speaks on and puts its addresses on; required, but with unicast.")
        .toml("instance.interface"),
    yes("virtual_router_id", One(whole("a virtual router id", 1, 255)))
        .means("The router's number, the same on all its hosts; required.")
        .toml("instance.vrid"),
    yes("priority", One(whole("a priority", 1, 255)))
        .otherwise("100, or 255 where `state` is MASTER")
        .means("The highest of all its hosts holds the addresses; 255 owns them.")
        .toml("instance.priority"),
    yes("advert_int", One(seconds("the time between adverts", 0.01, 255.0)))
        .default("1")
        .means("Time between adverts: whole seconds in version 2, hundredths up to 40.95 in version 3.")
        .toml("instance.advert-interval"),
    yes("version", One(Kind::Choice(&["2", "3"])))
        .otherwise("`vrrp_version`; IPv6 is always 3")
        .means("The version of VRRP.")
        .toml("instance.version"),
    yes("strict_mode", Optional(Flag))
        .otherwise("`vrrp_strict`")
        .means("Keep to the letter of the RFC.")
        .toml("instance.strict"),
    yes("authentication", Block)
        .means("A password or an authentication header, with version 2.")
        .opens(Place::Authentication)
        .toml("instance.password"),
    refused("auth_hmac", Block, NO_HMAC)
        .means("Adverts that are signed, as keepalived 2.4 does it.")
        .opens(Place::AuthHmac),
];

const TRANSPORT: &[Keyword] = &[
    yes("vrf", One(INTERFACE))
        .otherwise("none")
        .means("The VRF that adverts travel in, where there is no `interface`.")
        .toml("instance.vrf"),
    yes("unicast_src_ip", One(IP))
        .otherwise("the interface's first address")
        .means("Where unicast adverts come from.")
        .toml("instance.source"),
    yes("unicast_peer", Block)
        .means("Adverts go to these hosts, one on each line, and not to a group.")
        .opens(Place::Peer)
        .toml("instance.peers"),
    yes("unicast_ttl", One(whole("a time to live", 0, 255)))
        .default("255")
        .means("Time to live of unicast adverts.")
        .toml("instance.ttl"),
    yes("unicast_fault_no_peer", Nothing)
        .otherwise("multicast")
        .means("An empty list of peers is a fault.")
        .toml("instance.fault-without-peers"),
    yes("check_unicast_src", Nothing)
        .otherwise("`vrrp_check_unicast_src`")
        .means("Adverts of others than the peers are dropped.")
        .toml("instance.check-source"),
    yes("old_unicast_checksum", Optional(Kind::Choice(&["never"])))
        .otherwise("what the peer does is found out")
        .means("Compute checksums as keepalived 1.3.6 did, or `never` try to.")
        .toml("instance.old-unicast-checksum"),
    yes("mcast_src_ip", One(IP))
        .otherwise("the interface's first address")
        .means("Where multicast adverts come from.")
        .toml("instance.source"),
    yes("mcast_dst_ip", One(IP))
        .otherwise("`vrrp_mcast_group4` or `vrrp_mcast_group6`")
        .means("The group that adverts go to.")
        .toml("instance.group"),
    yes("track_src_ip", Nothing)
        .otherwise("off")
        .means("The loss of the source address is a fault.")
        .toml("instance.track-source"),
    yes("v3_checksum_as_v2", Optional(Flag))
        .otherwise("that of `global_defs`")
        .means("Over IPv4, version 3's checksum leaves out the addresses, as some vendors have it.")
        .toml("instance.checksum-without-pseudo-header"),
    yes("kernel_rx_buf_size", One(measured("a number of bytes", 0, I32, "bytes")))
        .otherwise("enough")
        .means("The buffer for adverts.")
        .toml("instance.receive-buffer"),
];

const ADDRESSES: &[Keyword] = &[
    yes("virtual_ipaddress", Block)
        .form("{ IP[/LENGTH] [WORD ...] }")
        .means("The addresses that the master holds, one on each line, all of one family.")
        .opens(Place::Address)
        .toml("instance.addresses"),
    yes("virtual_ipaddress_excluded", Block)
        .form("{ IP[/LENGTH] [WORD ...] }")
        .means("Addresses that move too and are not in adverts, of either family.")
        .opens(Place::Address)
        .toml("instance.excluded-addresses"),
    idle("no_virtual_ipaddress", Nothing, "a router without addresses is remarked on all the same")
        .means("That there are no addresses is meant so."),
    yes("virtual_routes", Block)
        .means("Routes that move with the addresses, one on each line, as `ip route` takes them.")
        .opens(Place::Route)
        .toml("instance.routes"),
    yes("virtual_rules", Block)
        .means("Rules that move with the addresses, one on each line, as `ip rule` takes them.")
        .opens(Place::Rule)
        .toml("instance.rules"),
    yes("promote_secondaries", Nothing)
        .otherwise("off")
        .means("Removing the first address of a subnet leaves the others.")
        .toml("instance.promote-secondaries"),
    yes("accept", Nothing)
        .otherwise("on; off in strict mode")
        .means("The master takes packets for the addresses.")
        .toml("instance.accept"),
    yes("no_accept", Nothing)
        .otherwise("off; on in strict mode")
        .means("The master takes no packets for the addresses, but neighbour discovery, unless it owns them.")
        .toml("instance.accept"),
    yes("use_vmac", Any(text("NAME", "a name")))
        .form("[[name] NAME] [MAC] [netlink_notify_msg] [group NUMBER]")
        .means("The addresses have a MAC address of the router's own, on a macvlan.")
        .opens(Place::Vmac)
        .toml("instance.vmac"),
    yes("use_vmac_addr", Nothing)
        .means("Addresses on other interfaces get such a macvlan there, too.")
        .toml("instance.vmac.for-addresses"),
    yes("vmac_xmit_base", Nothing)
        .means("Adverts leave by the interface below the macvlan.")
        .toml("instance.vmac.send-from-base"),
    yes("use_ipvlan", Any(text("NAME", "a name")))
        .form("[[name] NAME] [IP[/LENGTH]] [bridge|private|vepa] [group NUMBER]")
        .means("The router has an ipvlan of its own, where VMACs do not work.")
        .opens(Place::Ipvlan)
        .toml("instance.ipvlan"),
];

const ELECTION: &[Keyword] = &[
    yes("nopreempt", Nothing)
        .otherwise("off")
        .means("Do not take over from a router of lower priority.")
        .toml("instance.preempt"),
    yes("preempt", Nothing)
        .otherwise("on")
        .means("Take over from a router of lower priority.")
        .toml("instance.preempt"),
    yes("preempt_delay", One(seconds("a delay", 0.0, 1_000.0)))
        .default("0")
        .means("Take over only so long after the first advert of the other.")
        .toml("instance.preempt-delay"),
    yes("skip_check_adv_addr", Optional(Flag))
        .otherwise("`vrrp_skip_check_adv_addr`")
        .means("The addresses in adverts of one master are compared once only.")
        .toml("instance.skip-address-check"),
    yes("down_timer_adverts", One(whole("a number of adverts", 1, 100)))
        .default("3")
        .means("So many missed adverts before the master counts as gone.")
        .toml("instance.down-timer-adverts"),
    yes("lower_prio_no_advert", Optional(Flag))
        .otherwise(GLOBAL)
        .means("Adverts of a lower priority are not answered at once.")
        .toml("instance.lower-priority-no-advert"),
    yes("higher_prio_send_advert", Optional(Flag))
        .otherwise(GLOBAL)
        .means("One more advert when giving way, so that the winner hears its rival.")
        .toml("instance.higher-priority-send-advert"),
    yes("owner_ignore_adverts", Nothing)
        .otherwise(GLOBAL)
        .means("With priority 255, drop what others say.")
        .toml("instance.owner-ignores-adverts"),
    yes("timer_expired_backup", Optional(whole("a priority", 1, 254)))
        .also(&["thread_timer_expired"])
        .otherwise("a late loop trusts what it did not hear")
        .means("After its loop was late, a master waits as a backup as if another had this priority: 254 unless said.")
        .toml("instance.timer-expired-backup"),
    ours("wait_for_checks", Optional(Flag))
        .otherwise(GLOBAL)
        .means("Take over only after every check of its own has succeeded once.")
        .toml("instance.wait-for-checks"),
];

const TRACKS: &[Keyword] = &[
    yes("track_interface", Block)
        .form("{ INTERFACE [weight NUMBER [reverse]] }")
        .means("Interfaces that it watches, one on each line; its own it watches anyway.")
        .opens(Place::Track)
        .toml("instance.track-interfaces"),
    yes("track_script", Block)
        .form("{ NAME [weight NUMBER [reverse|noreverse]] }")
        .means("Scripts that it watches, one on each line.")
        .opens(Place::Track)
        .toml("instance.track-scripts"),
    yes("track_file", Block)
        .form("{ NAME [weight NUMBER [reverse|noreverse]] }")
        .means("Files that it watches, one on each line.")
        .opens(Place::Track)
        .toml("instance.track-files"),
    yes("track_process", Block)
        .form("{ NAME [weight NUMBER [reverse|noreverse]] }")
        .means("Processes that it watches, one on each line.")
        .opens(Place::Track)
        .toml("instance.track-processes"),
    ours("track_service", Either(NAME))
        .means("Services that it watches.")
        .opens(Place::Track)
        .toml("instance.track-services"),
    ours("track_check", Either(NAME))
        .means("Checks that it watches.")
        .opens(Place::Track)
        .toml("instance.track-checks"),
    soon("track_bfd", Block, "nobody watches it")
        .form("{ NAME [weight NUMBER [reverse]] }")
        .means("BFD sessions that it watches, one on each line."),
    yes("dont_track_primary", Nothing)
        .otherwise("its failure is a fault")
        .means("Its own interface may be down.")
        .toml("instance.track-primary"),
];

const ANNOUNCEMENTS: &[Keyword] = &[
    yes("garp_master_delay", DELAY)
        .otherwise(GLOBAL)
        .means("How long after becoming master the addresses are announced once more; 0: not.")
        .toml("instance.announce.delay"),
    yes("garp_master_repeat", REPEAT)
        .otherwise(GLOBAL)
        .means("So many announcements of each address on becoming master.")
        .toml("instance.announce.repeat"),
    yes("garp_master_refresh", DELAY)
        .otherwise(GLOBAL)
        .means("Announce the addresses again and again, this long apart; 0: not.")
        .toml("instance.announce.refresh"),
    yes("garp_master_refresh_repeat", REPEAT)
        .otherwise(GLOBAL)
        .means("So many announcements of each address each time.")
        .toml("instance.announce.refresh-repeat"),
    yes("garp_lower_prio_delay", DELAY)
        .otherwise("as `garp_master_delay`")
        .means("The second announcement after a router of lower priority was heard.")
        .toml("instance.announce.lower-priority-delay"),
    yes("garp_lower_prio_repeat", One(whole("a count", 0, 1_000)))
        .otherwise("as `garp_master_repeat`")
        .means("So many announcements after a router of lower priority was heard.")
        .toml("instance.announce.lower-priority-repeat"),
    yes("garp_extra_if", Several(TIME))
        .also(&["vmac_garp_intvl"])
        .form("[all] SECONDS")
        .otherwise(GLOBAL)
        .means(
            "Announce addresses again and again that are on a VMAC of another interface, or with `all` on any other.",
        )
        .toml("instance.announce.elsewhere"),
    ours("watch_rivals", Optional(Flag))
        .otherwise(GLOBAL)
        .means("Answer other hosts that tell the neighbours that they have the router's addresses.")
        .toml("instance.announce.watch-rivals"),
];

const NOTIFICATION: &[Keyword] = &[
    yes("notify_master", Several(COMMAND))
        .first_counts()
        .means("Run when it becomes master.")
        .toml("instance.notify.master"),
    yes("notify_backup", Several(COMMAND))
        .first_counts()
        .means("Run when it becomes backup.")
        .toml("instance.notify.backup"),
    yes("notify_fault", Several(COMMAND))
        .first_counts()
        .means("Run when it is in fault.")
        .toml("instance.notify.fault"),
    yes("notify_stop", Several(COMMAND)).first_counts().means("Run at a stop.").toml("instance.notify.stop"),
    yes("notify_deleted", Any(COMMAND))
        .first_counts()
        .otherwise("told as a fault")
        .means("Run when a reload took the router away.")
        .toml("instance.notify.deleted"),
    yes("notify", Several(COMMAND))
        .first_counts()
        .means("Run at every change, with INSTANCE, the name, the state and the priority as arguments.")
        .toml("instance.notify.any"),
    yes("notify_master_rx_lower_pri", Several(COMMAND))
        .first_counts()
        .means("Run when a master hears a router of lower priority.")
        .toml("instance.notify.lower-priority"),
    yes("notify_priority_changes", Optional(Flag))
        .otherwise("as `vrrp_notify_priority_changes`")
        .means("The FIFOs are told of changed priorities too.")
        .toml("instance.notify.priority-changes"),
    soon("smtp_alert", Optional(Flag), NO_MAIL).default("off").means("Send mail at every change."),
];

/// Words that keepalived still takes and does nothing with, or advises against.
const WITHOUT_EFFECT: &[Keyword] = &[
    idle("native_ipv6", Nothing, "the addresses tell the family")
        .deprecated("the addresses tell the family")
        .means("The router is one of IPv6."),
    idle("linkbeat_use_polling", Nothing, "link states come from netlink at once")
        .deprecated("`linkbeat_interfaces` outside all blocks")
        .means("Ask the driver of its interface for the link state again and again."),
    yes("lvs_sync_daemon_interface", One(INTERFACE))
        .deprecated("`lvs_sync_daemon` in `global_defs`")
        .otherwise("connections are not copied")
        .first_counts()
        .means("Connections are copied over this interface as the router is master or backup.")
        .toml("global.sync-daemon"),
    idle("debug", One(whole("a level", 0, 4)), NOTHING).deprecated("it has no effect").means("How much is logged."),
];

pub(super) const AUTHENTICATION: &[Keyword] = &[
    yes("auth_type", One(Kind::Choice(&["PASS", "AH"])))
        .otherwise("none, and `auth_pass` does nothing")
        .means("PASS: a password in clear in each advert; AH: IPsec's authentication header (IPv4).")
        .toml("instance.authentication"),
    yes("auth_pass", Several(text("PASSWORD", "a password")))
        .form("PASSWORD")
        .means("The password, or the key of the header; 8 bytes count.")
        .toml("instance.password"),
];

pub(super) const AUTH_HMAC: &[Keyword] = &[
    soon("key", Several(text("NUMBER", "a key's number")), NO_HMAC)
        .form("NUMBER KEY|hex:DIGITS|file:PATH")
        .means("A key by its number; several may be there while they are being changed."),
    soon("active_key", One(text("NUMBER", "a key's number")), NO_HMAC).means("The key that adverts are signed with."),
    soon("anti_replay", One(Kind::Choice(&["time", "monotonic"])), NO_HMAC)
        .default("time")
        .means("How an old advert that somebody sends again is told: by the clock, or by counting."),
    soon("time_window", One(seconds("a time", 1.0, 300.0)), NO_HMAC)
        .otherwise("three times `advert_int`, 5 at least")
        .means("How far clocks may be apart."),
    soon("mode", One(Kind::Choice(&["enforce", "permissive", "receive-only"])), NO_HMAC)
        .default("enforce")
        .means("Whether adverts without a signature count, and whether one's own have it."),
];
