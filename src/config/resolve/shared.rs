//! Addresses that more than one router moves.
//!
//! Each router elects its own master. Where those are different hosts, both have the address. Members of one sync group always
//! have the same master, so they may share what they like. keepalived says nothing of it, and the file runs as it does there.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Resolver;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{GroupDraft, InstanceDraft};
use crate::config::source::Span;

/// An address where it is written, and the interface that it goes on.
type Written = (IpAddr, Option<String>, Span);

/// Addresses of routers that run, by the routers' names.
#[derive(Debug, Default)]
pub(super) struct Addresses(Vec<(String, Vec<Written>)>);

impl Addresses {
    /// Those that a router's draft lists.
    pub(super) fn written(draft: &InstanceDraft) -> Vec<Written> {
        let own = draft.interface.get().map(|interface| interface.value.clone());
        let all = draft.addresses.iter().chain(&draft.excluded);
        all.map(|written| {
            let address = &written.value;
            (address.address, address.interface.clone().or_else(|| own.clone()), written.span)
        })
        .collect()
    }

    /// The router runs.
    pub(super) fn add(&mut self, name: String, written: Vec<Written>) {
        self.0.push((name, written));
    }
}

impl Resolver<'_> {
    /// Tells of addresses that two routers share, once for each two.
    pub(super) fn shared_addresses(&mut self, addresses: &Addresses, groups: &[GroupDraft]) {
        // A router moves with the first group that lists it.
        let mut of: HashMap<&str, usize> = HashMap::new();
        for (at, group) in groups.iter().enumerate() {
            for member in &group.members {
                of.entry(&member.value).or_insert(at);
            }
        }
        let together = |one: &str, two: &str| of.get(one).is_some_and(|group| of.get(two) == Some(group));
        let mut first: HashMap<(IpAddr, Option<&str>), (&str, Span)> = HashMap::new();
        let mut told: HashMap<(&str, &str), Span> = HashMap::new();
        for (name, written) in &addresses.0 {
            for (address, interface, span) in written {
                let (other, before) = *first.entry((*address, interface.as_deref())).or_insert((name, *span));
                if other == name || together(other, name) || told.insert((other, name), *span).is_some() {
                    continue;
                }
                let message = format!("{address} is an address of `{other}` and of `{name}`");
                self.say(Diagnostic::note(Code::SharedAddress, *span, message).and(before, "here").help(
                    "each of the two has a master of its own, and where those are two hosts, both have the address; \
                         list it in one of them, or let them move together in one sync group",
                ));
            }
        }
    }
}
