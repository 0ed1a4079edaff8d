//! Addresses that stay on the host, whatever its routers do: put on at start, put back when lost, taken off at the end
//! unless they were there before us. Routes and rules that stay are in [`steering`](super::steering).

use std::sync::Arc;
use std::time::Instant;

use super::{ADDRESS_RETRY, Event, HostAddress, Output, Router};
use crate::model::VirtualAddress;

/// In place of a router's name, the one that static addresses are put on for.
const NOBODY: &str = "";

/// A static address.
#[derive(Debug)]
pub(super) struct Static {
    address: VirtualAddress,
    /// Where we put it.
    ours: Option<HostAddress>,
    /// Where it was before us.
    found: Option<HostAddress>,
    problem: Option<String>,
    retry_at: Option<Instant>,
    put_back_at: Option<Instant>,
}

impl Router {
    /// Takes the static addresses of a new configuration. Those that are gone, and those that are to be another way, are
    /// taken off first: the kernel has no address twice on a link.
    pub(super) fn configure_statics(&mut self) {
        let mut before = std::mem::take(&mut self.statics);
        let wished = self.config.router.statics.addresses.clone();
        for address in wished {
            let same = before.iter().position(|old| old.address == address);
            self.statics.push(match same {
                Some(at) => before.swap_remove(at),
                None => Static { address, ours: None, found: None, problem: None, retry_at: None, put_back_at: None },
            });
        }
        for place in before.into_iter().filter_map(|old| old.ours) {
            let none = self.instances.len();
            if self.is_present(&place) && (self.is_static(&place) || !self.is_wished(&place, none)) {
                self.remove(place);
            }
        }
    }

    fn static_place(&self, address: &VirtualAddress) -> Option<HostAddress> {
        let index = self.link(address.interface.as_deref()?)?.index;
        Some(HostAddress { index, address: address.address, prefix_len: address.prefix_len })
    }

    /// Whether an address stays on the host.
    pub(super) fn is_static(&self, place: &HostAddress) -> bool {
        !self.leaving
            && self.statics.iter().any(|entry| {
                entry.address.address == place.address && self.static_place(&entry.address) == Some(*place)
            })
    }

    /// Adds what is missing.
    pub(super) fn reconcile_statics(&mut self) {
        for at in 0..self.statics.len() {
            let Some(entry) = self.statics.get(at) else { continue };
            let place = self.static_place(&entry.address);
            let present = place.is_some_and(|place| self.is_present(&place));
            let waits = entry.retry_at.is_some();
            match place {
                None => {
                    let name = entry.address.interface.clone().unwrap_or_default();
                    let problem = format!("interface {name} does not exist; waiting for it to appear");
                    self.static_problem(at, problem);
                }
                Some(place) if present => {
                    // A router may have put it on, and have it no more; or a predecessor did.
                    let ours = entry.ours == Some(place)
                        || self.left.contains(&place)
                        || self.instances.iter().any(|entry| entry.added.contains(&place));
                    if let Some(entry) = self.statics.get_mut(at) {
                        entry.ours = ours.then_some(place);
                        entry.found = (!ours).then_some(place);
                        entry.problem = None;
                    }
                }
                Some(_) if waits => {}
                Some(place) => {
                    self.insert_address(place);
                    let Some(entry) = self.statics.get_mut(at) else { continue };
                    // What was there before us and was lost is ours from now on.
                    entry.ours = Some(place);
                    entry.found = None;
                    let address = super::addresses::without_detection(&entry.address);
                    let instance = Arc::from(NOBODY);
                    self.outputs.push_back(Output::AddAddress { instance, index: place.index, address });
                }
            }
        }
    }

    fn static_problem(&mut self, at: usize, error: String) {
        let Some(entry) = self.statics.get_mut(at) else { return };
        if entry.problem.as_ref() != Some(&error) {
            entry.problem = Some(error.clone());
            let (address, prefix_len) = (entry.address.address, entry.address.prefix_len);
            let what = format!("{address}/{prefix_len}");
            let owner = Arc::from("static_ipaddress");
            self.outputs.push_back(Output::Event(Event::SteeringFailed { owner, what, error }));
        }
    }

    /// The kernel refused one.
    pub(super) fn static_failed(&mut self, place: &HostAddress, error: &str, now: Instant) {
        // Asked for before it was heard that the link is gone, which is told by itself.
        let is_gone = !self.links.contains_key(&place.index);
        for at in 0..self.statics.len() {
            let Some(entry) = self.statics.get_mut(at).filter(|entry| entry.ours == Some(*place)) else { continue };
            entry.ours = None;
            if is_gone {
                continue;
            }
            entry.retry_at = Some(now + ADDRESS_RETRY);
            self.static_problem(at, error.to_owned());
        }
    }

    /// The kernel has told one back.
    pub(super) fn static_confirmed(&mut self, place: &HostAddress) {
        for entry in self.statics.iter_mut().filter(|entry| entry.ours == Some(*place)) {
            entry.problem = None;
        }
    }

    /// Somebody took one off. It is put back when addresses are worked out next.
    pub(super) fn static_gone(&mut self, place: &HostAddress, link_is_up: bool, now: Instant) {
        for entry in self.statics.iter_mut().filter(|entry| entry.ours == Some(*place) || entry.found == Some(*place)) {
            entry.found = None;
            if !link_is_up {
                continue;
            }
            let before = entry.put_back_at.replace(now);
            if before.is_some_and(|last| now < last + ADDRESS_RETRY) {
                entry.retry_at = Some(now + ADDRESS_RETRY);
            } else {
                let owner = Arc::from("static_ipaddress");
                let what = format!("{}/{}", place.address, place.prefix_len);
                self.outputs.push_back(Output::Event(Event::SteeringPutBack { owner, what }));
            }
        }
    }

    /// Nothing that was in the way of addresses on a link is in their way on one of the same name that is new.
    pub(super) fn statics_link_gone(&mut self, index: u32) {
        for entry in self.statics.iter_mut().filter(|entry| entry.ours.is_some_and(|place| place.index == index)) {
            entry.ours = None;
            entry.retry_at = None;
            entry.put_back_at = None;
        }
    }

    /// When one is to be tried again.
    pub(super) fn statics_timeout(&self) -> Option<Instant> {
        self.statics.iter().filter_map(|entry| entry.retry_at).min()
    }

    /// Tries those that are due.
    pub(super) fn statics_deadline(&mut self, now: Instant) {
        let mut due = false;
        for entry in self.statics.iter_mut().filter(|entry| entry.retry_at.is_some_and(|at| at <= now)) {
            entry.retry_at = None;
            due = true;
        }
        if due {
            self.reconcile_statics();
        }
    }

    /// The end: what we put on goes, in the reverse order.
    pub(super) fn leave_statics(&mut self) {
        for entry in std::mem::take(&mut self.statics).into_iter().rev() {
            if let Some(place) = entry.ours.filter(|place| self.is_present(place)) {
                self.remove(place);
            }
        }
    }
}
