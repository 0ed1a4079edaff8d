//! Whether two routers of one number, interface and family can both run.
//!
//! They can where the way of each advert tells whom it is for (the group or the address that it is sent to, or the peer that it
//! comes from), and where each has a hardware address of its own or none. keepalived 2.2 refuses the rest: what cannot be told
//! apart at start, and of two with one virtual hardware address it never lets the second run. A network has one way to such an
//! address, and each router may have another master.

use std::collections::BTreeSet;

use super::Resolver;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::source::Span;
use crate::model::{Instance, VirtualLink};

/// A router that is there already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Where it is in the list.
    pub(super) place: usize,
    /// Where its number stands.
    pub(super) at: Span,
}

/// What two routers share that they must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shared {
    /// The way of their adverts.
    Way,
    /// A virtual hardware address on one interface.
    HardwareAddress,
}

impl Resolver<'_> {
    /// True: it can run beside those of the same interface, number and family. If not, that is said.
    pub(super) fn is_another_router(
        &mut self,
        instance: &Instance,
        at: Span,
        others: &[Placed],
        instances: &[Instance],
    ) -> bool {
        for placed in others {
            let Some(other) = instances.get(placed.place) else { continue };
            if let Some(shared) = shared(other, instance) {
                self.same_router(instance, at, (&other.name, placed.at), shared);
                return false;
            }
        }
        true
    }

    /// Says that a router is one that is there already, and what becomes of it.
    fn same_router(&mut self, instance: &Instance, at: Span, (other, before): (&str, Span), shared: Shared) {
        let (name, id) = (&instance.name, &instance.id);
        let on = id.interface.as_ref().map_or("no interface", |interface| interface);
        let left_out = format!("`{name}` is left out, and nobody owns its addresses");
        let (message, why, there) = match shared {
            Shared::Way => (
                format!("`{other}` and `{name}` are the same virtual router: number {} on {on}", id.vrid),
                "routers of one number on one interface need another group, another source, or other peers to be told apart",
                "keepalived 2.2 exits at start with this",
            ),
            Shared::HardwareAddress => (
                format!("`{other}` and `{name}` have the same virtual MAC address: number {} on {on}", id.vrid),
                "a network knows one way to a MAC address, and each of the two may have another master",
                "keepalived 2.2 leaves it out too",
            ),
        };
        let diagnostic = match self.language {
            // Files like this are about: what can be run of them is.
            Language::Keepalived => {
                Diagnostic::warning(Code::Duplicate, at, message).help(format!("{left_out}; {there}")).help(why)
            }
            Language::Toml => Diagnostic::error(Code::Duplicate, at, message).help(why),
        };
        let advice = format!("give `{name}` another number (on all its hosts), or list its addresses in `{other}`");
        self.say(
            diagnostic
                .mark(format!("`{name}` again"))
                .and(before, format!("`{other}` has this number already"))
                .help(advice),
        );
    }
}

/// What stands in the way of two routers with one interface, number and family.
fn shared(one: &Instance, two: &Instance) -> Option<Shared> {
    if one.vrf == two.vrf && !one.transport.is_told_from(&two.transport) {
        return Some(Shared::Way);
    }
    (!hardware_addresses(one).is_disjoint(&hardware_addresses(two))).then_some(Shared::HardwareAddress)
}

/// The hardware addresses that a router brings along, each with the interface that it is on.
fn hardware_addresses(instance: &Instance) -> BTreeSet<(&str, [u8; 6])> {
    let own = instance.id.interface.as_deref().unwrap_or_default();
    let (mac, everywhere) = match &instance.virtual_link {
        Some(VirtualLink::Vmac(vmac)) => (vmac.mac.unwrap_or_else(|| instance.id.mac()), vmac.for_addresses),
        Some(VirtualLink::Ipvlan(_)) | None => (instance.id.mac(), false),
    };
    let on_own = matches!(instance.virtual_link, Some(VirtualLink::Vmac(_))).then_some((own, mac));
    let addresses = instance.addresses.iter().chain(&instance.excluded_addresses);
    let elsewhere = addresses.filter_map(|address| {
        let dev = address.interface.as_deref().filter(|dev| *dev != own)?;
        (everywhere || address.on_virtual_link).then_some((dev, mac))
    });
    on_own.into_iter().chain(elsewhere).collect()
}
