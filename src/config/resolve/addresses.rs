//! The addresses of a router.

use std::net::{IpAddr, Ipv4Addr};

use super::Resolver;
use super::instance::{Basics, Unable};
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{InstanceDraft, LinkKind};
use crate::config::source::{Span, Spanned};
use crate::model::{Family, Transport, VirtualAddress, VrrpVersion};

/// As many addresses as an advert can number (RFC 9568 section 5.2.5).
const MOST: usize = 255;
/// As many addresses of IPv6 as go into 1,500 bytes. Links can carry more or less: the router that runs looks at its own.
const USUAL_MOST_V6: usize = 89;

/// Those that adverts carry, and those that they do not.
type Addresses = (Vec<VirtualAddress>, Vec<VirtualAddress>);

impl Resolver<'_> {
    /// The addresses of a router, which otherwise could run or not; none when all that were asked for are unusable.
    pub(super) fn addresses(
        &mut self,
        draft: &mut InstanceDraft,
        interface: Option<&str>,
        basics: Basics,
        runs: bool,
    ) -> Result<Addresses, Unable> {
        let name = draft.name.clone();
        let onto = self.macvlan_base(draft, interface);
        let mut addresses: Vec<VirtualAddress> = Vec::new();
        let mut places: Vec<Span> = Vec::new();
        let mut doubled = Vec::new();
        for Spanned { value, span } in std::mem::take(&mut draft.addresses) {
            if Family::of(value.address) != basics.family {
                self.mixed(value, span, basics.family);
                continue;
            }
            self.nobodys(&value, span);
            self.only_static(value.track_group.as_ref(), span);
            let value = self.onto_macvlan(VirtualAddress { track_group: None, ..value }, onto, span);
            let before =
                addresses.iter().position(|other| other.address == value.address && other.interface == value.interface);
            match before.and_then(|index| places.get(index)) {
                Some(before) => doubled.push((value.address, span, *before)),
                None => {
                    addresses.push(value);
                    places.push(span);
                }
            }
        }
        let empty = addresses.is_empty() && draft.excluded.is_empty();
        if empty && draft.addresses_at.is_some() && (!runs || !self.goes_without()) {
            return Err(Unable);
        }
        self.nameless(&name, basics.version, addresses.is_empty(), empty);
        for (address, span, before) in doubled {
            self.say(
                Diagnostic::warning(Code::Duplicate, span, format!("{address} is listed twice"))
                    .and(before, "here")
                    .help("the second is ignored"),
            );
        }
        let mut excluded = addresses.split_off(addresses.len().min(MOST));
        self.too_many(draft.addresses_at, &addresses, &excluded, basics.family);
        for Spanned { value, span } in std::mem::take(&mut draft.excluded) {
            self.nobodys(&value, span);
            excluded.push(self.onto_macvlan(value, onto, span));
        }
        Ok((addresses, excluded))
    }

    /// Whether a router of whose addresses none can be read is run without, as keepalived does, rather than let its slip stop
    /// all that the file has beside it. A template, and a file of which nothing would be left to move, are told so instead.
    fn goes_without(&self) -> bool {
        self.language == Language::Keepalived && !self.alone && !self.is_unfilled()
    }

    /// The interface below a router's macvlan, where its name after an address means the macvlan.
    fn macvlan_base<'i>(&self, draft: &InstanceDraft, interface: Option<&'i str>) -> Option<&'i str> {
        let is_vmac = draft.link.as_ref().is_some_and(|link| matches!(link.kind, LinkKind::Vmac(_)));
        interface.filter(|_| self.language == Language::Keepalived && is_vmac)
    }

    /// keepalived takes the interface's name for whatever the router has on it.
    fn onto_macvlan(&mut self, address: VirtualAddress, base: Option<&str>, span: Span) -> VirtualAddress {
        if base.is_none() || address.interface.as_deref() != base {
            return address;
        }
        let message = format!("`dev` names the interface below the router's own, where {} will be", address.address);
        let help = format!("it is put on the router's own interface{}; leave out `dev`", self.words.there);
        self.say(Diagnostic::note(Code::Combination, span, message).help(help));
        VirtualAddress { interface: None, on_virtual_link: false, ..address }
    }

    /// More addresses than an advert names, or than it is likely to.
    fn too_many(&mut self, at: Option<Span>, addresses: &[VirtualAddress], more: &[VirtualAddress], family: Family) {
        let Some(at) = at else { return };
        let usual = match family {
            Family::V4 => MOST,
            Family::V6 => USUAL_MOST_V6,
        };
        let unnamed = |first: &VirtualAddress| {
            format!("{} and those after it move too, but adverts do not name them", first.address)
        };
        let (message, help) = match (more.first(), addresses.get(usual)) {
            (Some(first), _) => (format!("an advert names {MOST} addresses at most"), unnamed(first)),
            (None, Some(first)) => (
                format!("an advert of 1,500 bytes names {usual} {family} addresses at most"),
                format!("unless its interface has a larger MTU, {}", unnamed(first)),
            ),
            (None, None) => return,
        };
        self.say(Diagnostic::note(Code::Combination, at, message).help(help));
    }

    /// A router whose adverts name no address. Version 3 does not allow such adverts (RFC 9568 section 5.2.5).
    fn nameless(&mut self, name: &Spanned<String>, version: VrrpVersion, nameless: bool, empty: bool) {
        let help = match (version, empty) {
            (VrrpVersion::V2, true) => format!("it elects a master and moves nothing{}", self.words.there),
            (VrrpVersion::V3, true) => {
                "it elects a master among routers like it and moves nothing; version 3 wants an \
                 address in every advert, others ignore those without, and keepalived does not start with such a router"
                    .to_owned()
            }
            (VrrpVersion::V3, false) if nameless => {
                "its adverts name no address: version 3 wants one in each, others ignore those without, and keepalived \
                 does not start with such a router; let adverts name one"
                    .to_owned()
            }
            (VrrpVersion::V2 | VrrpVersion::V3, false) => return,
        };
        let message = format!("router `{}` has no `{}`", name.value, self.words.addresses);
        self.say(Diagnostic::warning(Code::Required, name.span, message).help(help));
    }

    /// An address that no host can have. A file of keepalived's keeps it, since the others count the addresses of adverts.
    fn nobodys(&mut self, address: &VirtualAddress, span: Span) {
        let Some(what) = nobodys(address) else { return };
        let message = format!("{} cannot move between hosts: {what}", address.address);
        let diagnostic = self
            .slip(Code::BadValue, span, message)
            .help("clients cannot reach a service there; write the address that they call");
        self.say(diagnostic);
    }

    /// An address of the other family: adverts carry one family alone (RFC 9568 section 5.2.9).
    fn mixed(&mut self, address: VirtualAddress, span: Span, family: Family) {
        let message = format!("{} is not {family}, as the first address is", address.address);
        let diagnostic = self.slip(Code::Combination, span, message).mark("a router's adverts carry one family").help(
            format!("left out{}: put it into `{}`, or into a router of its own", self.words.there, self.words.excluded),
        );
        self.say(diagnostic);
    }

    /// What strict mode asks of the addresses; false: the router cannot run.
    pub(super) fn strict_addresses(
        &mut self,
        name: &Spanned<String>,
        addresses: &[VirtualAddress],
        transport: &Transport,
        family: Family,
    ) -> bool {
        let Some(first) = addresses.first() else {
            self.say(
                Diagnostic::error(
                    Code::Strict,
                    name.span,
                    format!("router `{}` has no `{}`", name.value, self.words.addresses),
                )
                .mark("in strict mode it needs one")
                .help("without it the router cannot run; adverts must name an address"),
            );
            return false;
        };
        let link_local = matches!(first.address, IpAddr::V6(address) if address.is_unicast_link_local());
        if family == Family::V6 && !link_local && matches!(transport, Transport::Multicast { .. }) {
            self.say(
                Diagnostic::warning(Code::Strict, name.span, format!("the first address of `{}` is not link-local", name.value))
                    .help("adverts carry it as written; RFC 9568 section 5.2.9 wants the link-local address of the virtual router first"),
            );
        }
        true
    }
}

/// What an address is instead of a host's.
fn nobodys(address: &VirtualAddress) -> Option<&'static str> {
    let ip = address.address;
    let edge = |ip: Ipv4Addr| {
        let host = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
        // Networks of 31 and 32 bits have no number and no broadcast address (RFC 3021).
        (host > 1).then(|| u32::from(ip) & host).map(|own| (own == 0, own == host))
    };
    match ip {
        _ if ip.is_unspecified() => Some("it stands for any address"),
        _ if ip.is_multicast() => Some("it is the address of a multicast group"),
        _ if ip.is_loopback() => Some("each host has it for itself"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("it is everybody's"),
        IpAddr::V4(ip) => match edge(ip) {
            Some((true, _)) => Some("with this prefix it is the number of its network"),
            Some((_, true)) => Some("with this prefix it is the broadcast address of its network"),
            Some((false, false)) | None => None,
        },
        IpAddr::V6(_) => None,
    }
}
