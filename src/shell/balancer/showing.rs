//! A view of everything, made piece by piece.
//!
//! A hundred thousand servers with their checks, reasons and counters take the better part of a second to be read and written
//! up. In one turn that would make as many checks late as are due in that time. So a view is made service by service, each with
//! what the kernel shows of it at that moment: a moment of work, then whatever else is due, and again. Only the first and the last
//! service of a large view are not of quite the same instant.
//!
//! A configuration that comes in between has it begin anew. Whoever asked does not wait for ever: a view that takes long
//! because the loop is busy is hurried up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use ipvs_sys::ServiceEntry;

use super::kernel::{Kernel, Listing, Unread};
use super::translate;
use super::view::{self, Found, LoopState, Moment};
use crate::api::{BalancerView, ServiceView};
use crate::balance::{Balancer, KernelState};
use crate::model::{Config, ServiceKey};

/// Work at a time.
const PIECE: Duration = Duration::from_millis(2);
/// While other things are due, a piece is followed by a pause that is so many times as long.
const PAUSES: u32 = 2;
/// After this time there is no pause any more: whoever has asked waits for five seconds.
const LONG: Duration = Duration::from_secs(2);

/// A view that is being made.
pub(super) struct Showing {
    reply: Sender<BalancerView>,
    asked_at: Instant,
    /// Other things come first until then.
    go_on_at: Instant,
    config: Arc<Config>,
    /// `None`: the kernel is not needed.
    listing: Option<Result<Listing, Unread>>,
    /// Services of the kernel that were not shown yet, with their places in its listing.
    found: BTreeMap<ServiceKey, (u32, ServiceEntry)>,
    /// Those that have no name here.
    odd: Vec<(u32, ServiceEntry)>,
    /// The next service of the configuration.
    next: usize,
    services: Vec<ServiceView>,
    foreign: usize,
}

/// What a piece of work came to.
enum Step {
    More,
    Done,
}

impl Showing {
    /// Begins.
    pub(super) fn new(reply: Sender<BalancerView>, balancer: &Balancer, kernel: &mut Kernel, now: Instant) -> Self {
        let mut showing = Self {
            reply,
            asked_at: now,
            go_on_at: now,
            config: Arc::clone(balancer.config()),
            listing: None,
            found: BTreeMap::new(),
            odd: Vec::new(),
            next: 0,
            services: Vec::new(),
            foreign: 0,
        };
        showing.begin(
            balancer,
            match balancer.kernel_state() {
                KernelState::Unneeded => None,
                KernelState::Available | KernelState::Away(_) => Some(kernel.listing()),
            },
        );
        showing
    }

    fn begin(&mut self, balancer: &Balancer, listing: Option<Result<Listing, Unread>>) {
        self.config = Arc::clone(balancer.config());
        (self.next, self.foreign) = (0, 0);
        self.services = Vec::with_capacity(self.config.services.len());
        self.found.clear();
        self.odd.clear();
        let entries = listing.iter().flatten().flat_map(|listing| &listing.services);
        for (position, entry) in (0..).zip(entries) {
            match translate::service_key(&entry.id) {
                Some(key) => {
                    self.found.insert(key, (position, entry.clone()));
                }
                None => self.odd.push((position, entry.clone())),
            }
        }
        self.listing = listing;
    }

    /// When it is to go on, if nothing is due at `due_at` or before.
    pub(super) fn go_on_at(&self, due_at: Option<Instant>, now: Instant) -> Instant {
        if due_at.is_none_or(|due_at| due_at > now) { now } else { self.go_on_at }
    }

    /// Goes on for a moment. Gives itself back if there is more to do.
    pub(super) fn go_on(mut self, balancer: &Balancer, state: &LoopState, kernel: &mut Kernel) -> Option<Self> {
        let started = Instant::now();
        if !Arc::ptr_eq(&self.config, balancer.config()) {
            let listing = self.listing.is_some().then(|| kernel.listing());
            self.begin(balancer, listing);
        }
        loop {
            match self.step(balancer, kernel, started) {
                Ok(Step::More) => {}
                Ok(Step::Done) => {
                    let view = self.view(balancer, state, kernel);
                    // Whoever is gone did not want to wait any longer.
                    let _ = self.reply.send(view);
                    return None;
                }
                // Then it is shown without the kernel, and why.
                Err(unread) => self.begin(balancer, Some(Err(unread))),
            }
            let (now, took) = (Instant::now(), started.elapsed());
            if took >= PIECE {
                let pause =
                    if now.saturating_duration_since(self.asked_at) < LONG { took * PAUSES } else { Duration::ZERO };
                self.go_on_at = now + pause;
                return Some(self);
            }
        }
    }

    /// Shows one more service.
    fn step(&mut self, balancer: &Balancer, kernel: &mut Kernel, now: Instant) -> Result<Step, Unread> {
        let clients_return = self.listing.iter().flatten().next().is_none_or(|listing| listing.clients_return);
        let moment = Moment { now, clients_return, counted: balancer.look_interval() };
        if let Some(service) = self.config.services.get(self.next) {
            for key in service.keys() {
                let entry = self.found.get(&key);
                let servers = entry.map(|(_, entry)| kernel.servers(entry)).transpose()?.unwrap_or_default();
                let found = entry.map(|(position, entry)| Found { position: *position, entry, servers: &servers });
                let shown = view::configured(balancer, (self.next, service, key), found, moment);
                self.services.push(view::leaving(balancer, key, shown, moment));
                self.found.remove(&key);
            }
            self.next += 1;
        } else if let Some((key, (position, entry))) = self.found.pop_first() {
            let servers = kernel.servers(&entry)?;
            let found = Found { position, entry: &entry, servers: &servers };
            let shown = view::of_others(balancer, key, found, moment);
            self.foreign += usize::from(!shown.ours);
            self.services.push(shown);
        } else if let Some((position, entry)) = self.odd.pop() {
            let servers = kernel.servers(&entry)?;
            self.services.push(view::not_configured(Found { position, entry: &entry, servers: &servers }, false));
            self.foreign += 1;
        } else {
            return Ok(Step::Done);
        }
        Ok(Step::More)
    }

    fn view(&mut self, balancer: &Balancer, state: &LoopState, kernel: &Kernel) -> BalancerView {
        let listing = self.listing.as_ref().map(Result::as_ref);
        let daemons = listing.and_then(Result::ok).map(|listing| listing.daemons.as_slice()).unwrap_or_default();
        BalancerView {
            kernel: view::kernel(balancer, listing.map(|listing| listing.map(|_| ())), kernel.info),
            sync_daemons: view::sync_daemons(balancer, daemons),
            services: std::mem::take(&mut self.services),
            foreign_services: u32::try_from(self.foreign).unwrap_or(u32::MAX),
            ..view::brief(balancer, state, kernel.info)
        }
    }
}
