//! Interfaces that a router makes for itself.

use super::Resolver;
use super::instance::Basics;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{InstanceDraft, LinkKind};
use crate::model::{Family, Ipvlan, Transport, VirtualLink, Vmac, Vrid};

impl Resolver<'_> {
    pub(super) fn virtual_link(
        &mut self,
        draft: &mut InstanceDraft,
        vrid: Option<Vrid>,
        transport: &Transport,
        basics: Basics,
    ) -> Option<VirtualLink> {
        let (from_base, for_addresses) = (draft.send_from_base, draft.link_for_addresses);
        let Some(link) = draft.link.take() else {
            for (span, what) in [(from_base, "adverts"), (for_addresses, "addresses")] {
                let Some(span) = span else { continue };
                self.say(
                    Diagnostic::warning(
                        Code::Idle,
                        span,
                        "this does nothing without a MAC address of the router's own",
                    )
                    .help(format!("its {what} use the interface itself; write `{}` too", self.words.vmac)),
                );
            }
            return None;
        };
        let name = link.name;
        match link.kind {
            LinkKind::Vmac(mac) => {
                let mac = mac.and_then(|mut bytes| {
                    if bytes.len() == 5 {
                        bytes.extend(vrid.map(Vrid::value));
                    }
                    <[u8; 6]>::try_from(bytes).ok()
                });
                if mac.is_some() && basics.strict {
                    self.say(
                        Diagnostic::warning(Code::Strict, link.span, "strict mode wants the MAC address of the RFC")
                            .help(format!("the one that is written is ignored{}", self.words.there)),
                    );
                }
                if let (true, Some(span)) = (basics.strict, from_base) {
                    self.say(
                        Diagnostic::warning(
                            Code::Strict,
                            span,
                            "strict mode sends adverts from the router's own MAC address",
                        )
                        .help(format!("ignored{}", self.words.there)),
                    );
                }
                let unicast = matches!(transport, Transport::Unicast { .. });
                if unicast && from_base.is_none() {
                    self.say(
                        Diagnostic::note(
                            Code::Combination,
                            link.span,
                            "unicast adverts leave through the interface itself",
                        )
                        .help(format!(
                            "the address that they come from is there; write `{}` too",
                            self.words.from_base
                        )),
                    );
                }
                Some(VirtualLink::Vmac(Vmac {
                    name,
                    mac: mac.filter(|_| !basics.strict),
                    send_from_base: unicast || (from_base.is_some() && !basics.strict),
                    for_addresses: for_addresses.is_some(),
                    group: link.group,
                }))
            }
            LinkKind::Ipvlan(address, flag) => {
                if address.is_none() && basics.family == Family::V4 {
                    self.say(
                        Diagnostic::note(Code::Combination, link.span, "this ipvlan has no address of its own").help(
                            "its adverts come from the router's source address, or else the interface's; keepalived keeps \
                             such a router in FAULT",
                        ),
                    );
                }
                Some(VirtualLink::Ipvlan(Ipvlan { name, address, flag, group: link.group }))
            }
        }
    }
}
