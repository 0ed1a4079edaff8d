//! A [`Firewall`] as tables, sets, chains and rules of nf_tables (include/uapi/linux/netfilter/nf_tables.h).
//!
//! What `nft list ruleset` shows for IPv4, in short:
//!
//! ```text
//! table ip keepalived {
//!     map vmacs { vrrp.51 : eth0 }
//!     set vips { 192.0.2.1 }
//!     chain out { hook output  ip protocol igmp dup to ip daddr device oif map @vmacs drop; ip saddr @vips drop }
//!     chain in  { hook input   ip daddr @vips drop }
//! }
//! ```

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};

use super::batch::{Attributes, Batch};
use crate::vrrp::engine::Firewall;

// include/uapi/linux/netfilter.h
pub(super) const NFPROTO_IPV4: u8 = 2;
pub(super) const NFPROTO_IPV6: u8 = 10;
const NF_INET_LOCAL_IN: u32 = 1;
const NF_INET_LOCAL_OUT: u32 = 3;
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;

const NFT_MSG_NEWTABLE: u16 = 0;
pub(super) const NFT_MSG_DELTABLE: u16 = 2;
const NFT_MSG_NEWCHAIN: u16 = 3;
const NFT_MSG_NEWRULE: u16 = 6;
const NFT_MSG_NEWSET: u16 = 9;
const NFT_MSG_NEWSETELEM: u16 = 12;

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_FLAGS: u16 = 2;
const NFT_TABLE_F_OWNER: u32 = 2;

const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;

const NFTA_SET_TABLE: u16 = 1;
const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_SET_KEY_LEN: u16 = 5;
const NFTA_SET_DATA_TYPE: u16 = 6;
const NFTA_SET_DATA_LEN: u16 = 7;
const NFTA_SET_ID: u16 = 10;
const NFTA_SET_USERDATA: u16 = 13;
/// For nft(8): keys and data are numbers in the host's byte order (`NFTNL_UDATA_SET_KEYBYTEORDER` and `DATABYTEORDER`, each a
/// type, a length and a value of four bytes).
const HOST_ORDER: [u8; 2] = [0, 1];
const NFT_SET_MAP: u32 = 8;
const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_DATA: u16 = 2;

const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFT_META_MARK: u32 = 3;
const NFT_META_IIF: u32 = 4;
const NFT_META_OIF: u32 = 5;
const NFT_META_L4PROTO: u32 = 16;
const NFT_PAYLOAD_NETWORK_HEADER: u32 = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER: u32 = 2;
/// Where a verdict goes, and two registers of 16 bytes, one after the other.
const NFT_REG_VERDICT: u32 = 0;
const NFT_REG_1: u32 = 1;
const NFT_REG_2: u32 = 2;
/// Registers of 4 bytes lie in those of 16: this is the second of the first.
const NFT_REG32_01: u32 = 9;

/// What nft(8) calls the types of keys: for people who list the table.
const TYPE_IPV4: u32 = 7;
const TYPE_IPV6: u32 = 8;
const TYPE_IFINDEX: u32 = 20;
const TYPE_ICMPV6: u32 = 29;
const TYPE_SERVICE: u32 = 13;
const TYPE_MARK: u32 = 19;
/// Types of a concatenation stand six bits apart.
const TYPE_IPV6_AND_IFINDEX: u32 = TYPE_IPV6 << 6 | TYPE_IFINDEX;

const PROTOCOL_IGMP: u8 = 2;
const PROTOCOL_ICMPV6: u8 = 58;
/// Multicast listener query answers (RFC 2710, RFC 3810): report, done, report of version 2.
const REPORTS: [u8; 3] = [131, 132, 143];
/// Neighbour solicitation and advertisement (RFC 4861).
const NEIGHBOUR_DISCOVERY: [u8; 2] = [135, 136];
/// Elements in one message, whose attributes' lengths are 16-bit numbers.
const ELEMENTS: usize = 500;

/// Adds a table that may be there already.
pub(super) fn ensure(batch: &mut Batch, family: u8, table: &str) {
    batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, family, &Attributes::new().text(NFTA_TABLE_NAME, table));
}

/// Families that have a table.
pub(super) const FAMILIES: [u8; 2] = [NFPROTO_IPV4, NFPROTO_IPV6];

/// What the kernel has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    /// Tables with owners.
    pub(super) owner: bool,
    /// `dup`. Without it reports are dropped, and none leaves in their place.
    pub(super) dup: bool,
}

impl Default for Means {
    fn default() -> Self {
        Self { owner: true, dup: true }
    }
}

/// Deletes a table, and all in it.
pub(super) fn delete(batch: &mut Batch, family: u8, table: &str) {
    batch.message(NFT_MSG_DELTABLE, 0, family, &Attributes::new().text(NFTA_TABLE_NAME, table));
}

/// Adds a family's table, if anything is to be dropped in it.
pub(super) fn add(batch: &mut Batch, family: u8, firewall: &Firewall, means: Means) -> bool {
    let addresses: Vec<Vec<u8>> = firewall
        .refused
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(v4) if family == NFPROTO_IPV4 => Some(v4.octets().to_vec()),
            IpAddr::V6(v6) if family == NFPROTO_IPV6 => Some(v6.octets().to_vec()),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        })
        .collect();
    let on_links: Vec<Vec<u8>> = firewall
        .refused_on
        .iter()
        .filter(|_| family == NFPROTO_IPV6)
        .map(|(address, index)| [&address.octets()[..], &index.to_ne_bytes()].concat())
        .collect();
    if addresses.is_empty() && on_links.is_empty() && firewall.quiet.is_empty() {
        return false;
    }
    let mut table = Table { batch, family, name: &firewall.table, sets: 0 };
    table.start(means.owner, firewall.priority);
    if !firewall.quiet.is_empty() {
        table.hush(firewall, means.dup);
    }
    if family == NFPROTO_IPV6 && !(addresses.is_empty() && on_links.is_empty()) {
        table.set("neighbour-discovery", TYPE_ICMPV6, 1, NEIGHBOUR_DISCOVERY.map(|kind| vec![kind]).as_slice());
        for chain in ["out", "in"] {
            table.rule(
                chain,
                &[icmpv6(), vec![transport_type(), lookup("neighbour-discovery"), verdict(NF_ACCEPT)]].concat(),
            );
        }
    }
    let fields = Fields::of(family);
    if !addresses.is_empty() {
        table.set("vips", fields.kind, fields.len, &addresses);
        table.rule("out", &[fields.load(fields.source), lookup("vips"), verdict(NF_DROP)]);
        table.rule("in", &[fields.load(fields.destination), lookup("vips"), verdict(NF_DROP)]);
    }
    if !on_links.is_empty() {
        let name = "vips-link-local";
        table.set(name, TYPE_IPV6_AND_IFINDEX, fields.len + 4, &on_links);
        let rule = |field, interface| [fields.load(field), meta(interface, NFT_REG_2), lookup(name), verdict(NF_DROP)];
        table.rule("out", &rule(fields.source, NFT_META_OIF));
        table.rule("in", &rule(fields.destination, NFT_META_IIF));
    }
    true
}

/// Where a family's header has its addresses.
struct Fields {
    kind: u32,
    len: u32,
    source: u32,
    destination: u32,
}

impl Fields {
    const fn of(family: u8) -> Self {
        match family {
            NFPROTO_IPV4 => Self { kind: TYPE_IPV4, len: 4, source: 12, destination: 16 },
            _ => Self { kind: TYPE_IPV6, len: 16, source: 8, destination: 24 },
        }
    }

    fn load(&self, offset: u32) -> Attributes {
        payload(NFT_PAYLOAD_NETWORK_HEADER, offset, self.len)
    }
}

/// A table that is being written.
pub(super) struct Table<'a> {
    batch: &'a mut Batch,
    family: u8,
    name: &'a str,
    sets: u32,
}

impl<'a> Table<'a> {
    /// One of which nothing is written yet.
    pub(super) fn new(batch: &'a mut Batch, family: u8, name: &'a str) -> Self {
        Self { batch, family, name, sets: 0 }
    }

    /// The table, which belongs to nobody, with a chain for what comes to this host.
    pub(super) fn input(&mut self, priority: i32) {
        ensure(self.batch, self.family, self.name);
        self.chain("in", NF_INET_LOCAL_IN, priority);
    }

    /// Marks packets of a protocol by a map from their address, with their port behind it or without.
    pub(super) fn mark(&mut self, name: &str, protocol: u8, port: bool, pairs: &[(Vec<u8>, Vec<u8>)]) {
        let fields = Fields::of(self.family);
        let (kind, len) =
            if port { (fields.kind << 6 | TYPE_SERVICE, fields.len + 4) } else { (fields.kind, fields.len) };
        self.map_of(name, (kind, len), TYPE_MARK, pairs);
        let mut expressions =
            vec![meta(NFT_META_L4PROTO, NFT_REG_1), equals(protocol), fields.load(fields.destination)];
        if port {
            // The register of four bytes, or of sixteen, that is next to where the address ends.
            let next = if self.family == NFPROTO_IPV4 { NFT_REG32_01 } else { NFT_REG_2 };
            let destination = Attributes::new().number(1, next).number(2, NFT_PAYLOAD_TRANSPORT_HEADER);
            expressions.push(expression("payload", &destination.number(3, 2).number(4, 2)));
        }
        let map = Attributes::new().text(1, name).number(2, NFT_REG_1).number(3, NFT_REG_1);
        expressions.push(expression("lookup", &map));
        expressions.push(expression("meta", &Attributes::new().number(2, NFT_META_MARK).number(3, NFT_REG_1)));
        self.rule("in", &expressions);
    }

    fn start(&mut self, owner: bool, priority: i32) {
        let flags = if owner { NFT_TABLE_F_OWNER } else { 0 };
        let table = Attributes::new().text(NFTA_TABLE_NAME, self.name).number(NFTA_TABLE_FLAGS, flags);
        self.batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, self.family, &table);
        for (name, hook) in [("out", NF_INET_LOCAL_OUT), ("in", NF_INET_LOCAL_IN)] {
            self.chain(name, hook, priority);
        }
    }

    fn chain(&mut self, name: &str, hook: u32, priority: i32) {
        let hook = Attributes::new().number(NFTA_HOOK_HOOKNUM, hook).bytes(NFTA_HOOK_PRIORITY, &priority.to_be_bytes());
        let chain = Attributes::new()
            .text(NFTA_CHAIN_TABLE, self.name)
            .text(NFTA_CHAIN_NAME, name)
            .nested(NFTA_CHAIN_HOOK, &hook)
            .number(NFTA_CHAIN_POLICY, NF_ACCEPT)
            .text(NFTA_CHAIN_TYPE, "filter");
        self.batch.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, self.family, &chain);
    }

    /// Reports of group membership through a macvlan leave through its base, or not at all.
    fn hush(&mut self, firewall: &Firewall, dup: bool) {
        let links: Vec<(Vec<u8>, Vec<u8>)> = firewall
            .quiet
            .iter()
            .map(|(link, base)| (link.to_ne_bytes().to_vec(), base.to_ne_bytes().to_vec()))
            .collect();
        self.map("vmacs", TYPE_IFINDEX, &links);
        let mut expressions = if self.family == NFPROTO_IPV4 {
            vec![payload(NFT_PAYLOAD_NETWORK_HEADER, 9, 1), equals(PROTOCOL_IGMP)]
        } else {
            self.set("reports", TYPE_ICMPV6, 1, REPORTS.map(|kind| vec![kind]).as_slice());
            [icmpv6(), vec![transport_type(), lookup("reports")]].concat()
        };
        let fields = Fields::of(self.family);
        expressions.push(meta(NFT_META_OIF, NFT_REG_2));
        let base = Attributes::new().text(1, "vmacs").number(2, NFT_REG_2).number(3, NFT_REG_2);
        expressions.push(expression("lookup", &base));
        if dup {
            expressions.push(fields.load(fields.destination));
            expressions.push(expression("dup", &Attributes::new().number(1, NFT_REG_1).number(2, NFT_REG_2)));
        }
        expressions.push(verdict(NF_DROP));
        self.rule("out", &expressions);
    }

    fn set(&mut self, name: &str, kind: u32, len: u32, keys: &[Vec<u8>]) {
        let elements: Vec<Attributes> =
            keys.iter().map(|key| Attributes::new().nested(NFTA_SET_ELEM_KEY, &value(key))).collect();
        self.elements(
            name,
            &Attributes::new().number(NFTA_SET_KEY_TYPE, kind).number(NFTA_SET_KEY_LEN, len),
            &elements,
        );
    }

    /// From an interface's number to another's.
    fn map(&mut self, name: &str, kind: u32, pairs: &[(Vec<u8>, Vec<u8>)]) {
        self.map_of(name, (kind, 4), kind, pairs);
    }

    /// From keys of a type and length to numbers of four bytes.
    fn map_of(&mut self, name: &str, key: (u32, u32), data: u32, pairs: &[(Vec<u8>, Vec<u8>)]) {
        let elements: Vec<Attributes> = pairs
            .iter()
            .map(|(key, data)| {
                Attributes::new().nested(NFTA_SET_ELEM_KEY, &value(key)).nested(NFTA_SET_ELEM_DATA, &value(data))
            })
            .collect();
        // Addresses and ports are big-endian; numbers of interfaces and marks are not.
        let orders: Vec<_> =
            HOST_ORDER.into_iter().filter(|what| *what == 1 || data == key.0).map(host_order).collect();
        let form = Attributes::new()
            .number(NFTA_SET_FLAGS, NFT_SET_MAP)
            .number(NFTA_SET_KEY_TYPE, key.0)
            .number(NFTA_SET_KEY_LEN, key.1)
            .number(NFTA_SET_DATA_TYPE, data)
            .number(NFTA_SET_DATA_LEN, 4)
            .bytes(NFTA_SET_USERDATA, &orders.concat());
        self.elements(name, &form, &elements);
    }

    fn elements(&mut self, name: &str, form: &Attributes, elements: &[Attributes]) {
        self.sets += 1;
        let set = form.clone().text(NFTA_SET_TABLE, self.name).text(NFTA_SET_NAME, name).number(NFTA_SET_ID, self.sets);
        self.batch.message(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, self.family, &set);
        for some in elements.chunks(ELEMENTS) {
            let list = some.iter().fold(Attributes::new(), |list, element| list.nested(NFTA_LIST_ELEM, element));
            let message = Attributes::new()
                .text(NFTA_SET_ELEM_LIST_TABLE, self.name)
                .text(NFTA_SET_ELEM_LIST_SET, name)
                .nested(NFTA_SET_ELEM_LIST_ELEMENTS, &list);
            self.batch.message(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, self.family, &message);
        }
    }

    fn rule(&mut self, chain: &str, expressions: &[Attributes]) {
        let list =
            expressions.iter().fold(Attributes::new(), |list, expression| list.nested(NFTA_LIST_ELEM, expression));
        let rule = Attributes::new()
            .text(NFTA_RULE_TABLE, self.name)
            .text(NFTA_RULE_CHAIN, chain)
            .nested(NFTA_RULE_EXPRESSIONS, &list);
        self.batch.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, self.family, &rule);
    }
}

fn host_order(what: u8) -> Vec<u8> {
    [&[what, 4][..], &1_u32.to_ne_bytes()].concat()
}

fn expression(name: &str, data: &Attributes) -> Attributes {
    Attributes::new().text(NFTA_EXPR_NAME, name).nested(NFTA_EXPR_DATA, data)
}

fn value(bytes: &[u8]) -> Attributes {
    Attributes::new().bytes(NFTA_DATA_VALUE, bytes)
}

/// A field of the packet goes to register 1.
fn payload(base: u32, offset: u32, len: u32) -> Attributes {
    expression("payload", &Attributes::new().number(1, NFT_REG_1).number(2, base).number(3, offset).number(4, len))
}

/// The first byte behind the IP headers.
fn transport_type() -> Attributes {
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1)
}

/// The packet is ICMPv6, whatever extension headers are in between.
fn icmpv6() -> Vec<Attributes> {
    vec![meta(NFT_META_L4PROTO, NFT_REG_1), equals(PROTOCOL_ICMPV6)]
}

fn meta(key: u32, register: u32) -> Attributes {
    expression("meta", &Attributes::new().number(1, register).number(2, key))
}

/// Goes on if register 1 is this byte.
fn equals(byte: u8) -> Attributes {
    expression("cmp", &Attributes::new().number(1, NFT_REG_1).number(2, 0).nested(3, &value(&[byte])))
}

/// Goes on if register 1, with what follows it, is in the set.
fn lookup(set: &str) -> Attributes {
    expression("lookup", &Attributes::new().text(1, set).number(2, NFT_REG_1))
}

fn verdict(code: u32) -> Attributes {
    let verdict = Attributes::new().number(NFTA_VERDICT_CODE, code);
    let data = Attributes::new().nested(NFTA_DATA_VERDICT, &verdict);
    expression("immediate", &Attributes::new().number(1, NFT_REG_VERDICT).nested(2, &data))
}
