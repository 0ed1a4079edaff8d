//! Which addresses this host has, for services whose checks rest while theirs are elsewhere.
//!
//! The router loop hears the same from the kernel, and is not asked: it owes nobody an answer, and the balancer has to know
//! while the router is down, too. The news come by a socket of this loop's own, which is open only while somebody may rest.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::errno::Errno;

use crate::balance::Input;
use crate::model::{Config, Suspend};
use crate::shell::router::netlink::{Change, Monitor, Requests};
use crate::vrrp::engine::HostAddress;

/// After the kernel did not say which addresses there are, the time until it is asked again.
const AGAIN: Duration = Duration::from_secs(1);
use crate::shell::tokens::Source;

/// The places where one address is: index of the interface, and prefix length.
type Places = BTreeSet<(u32, u8)>;

/// What is known, and where news come from.
#[derive(Default)]
pub(super) struct Addresses {
    monitor: Option<Monitor>,
    places: BTreeMap<IpAddr, Places>,
    buffer: Vec<u8>,
    /// News were lost: when all addresses are asked for.
    ask_at: Option<Instant>,
    /// They could not be, and the log says so.
    hindered: bool,
}

impl Addresses {
    /// A configuration is in force: opens the socket if a service may rest, and closes it if none may. Gives what there is
    /// to tell the engine.
    ///
    /// # Errors
    /// Why the addresses cannot be known. Until they are, no service rests.
    pub(super) fn configure(&mut self, config: &Config, registry: &Registry) -> Result<Vec<Input>, String> {
        let rests = |suspend: &Suspend| match suspend {
            Suspend::Never => false,
            Suspend::WithoutOwn | Suspend::Without(_) => true,
        };
        match (config.services.iter().any(|service| rests(&service.rules.suspend)), &self.monitor) {
            (true, None) => {}
            (false, None) | (true, Some(_)) => return Ok(Vec::new()),
            (false, Some(monitor)) => {
                // A descriptor that is closed leaves epoll by itself.
                let _ = registry.deregister(&mut SourceFd(&monitor.as_fd().as_raw_fd()));
                self.monitor = None;
                self.ask_at = None;
                return Ok(Vec::new());
            }
        }
        let opened = Monitor::open().and_then(|monitor| {
            registry.register(
                &mut SourceFd(&monitor.as_fd().as_raw_fd()),
                Source::Addresses.token(),
                Interest::READABLE,
            )?;
            Ok(monitor)
        });
        self.monitor = Some(opened.map_err(|error| format!("the kernel does not tell of addresses: {error}"))?);
        self.buffer.resize(64 * 1024, 0);
        match all_addresses().map(|all| self.compare(all)) {
            Ok(mut told) => {
                self.ask_at = None;
                told.push(Input::AddressesKnown);
                Ok(told)
            }
            Err(problem) => {
                self.monitor = None;
                Err(problem)
            }
        }
    }

    /// What is new, and what went wrong, if that is news. Where news were lost, what was known stays until all addresses could be
    /// asked for.
    pub(super) fn read(&mut self, now: Instant) -> (Vec<Input>, Option<String>) {
        let mut told = Vec::new();
        while let Some(monitor) = &self.monitor {
            match monitor.read(&mut self.buffer) {
                Ok(None) => break,
                Ok(Some(changes)) => changes.into_iter().for_each(|change| told.extend(self.take(&change))),
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => self.ask_at = Some(now),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (told, Some(format!("the kernel does not tell of addresses: {error}"))),
            }
        }
        let problem = self.make_up(&mut told, now, all_addresses);
        (told, problem)
    }

    /// News that were lost are made up for by asking for all there is.
    fn make_up(
        &mut self,
        told: &mut Vec<Input>,
        now: Instant,
        ask: impl FnOnce() -> Result<Vec<HostAddress>, String>,
    ) -> Option<String> {
        if self.ask_at.is_none_or(|at| now < at) {
            return None;
        }
        match ask() {
            Ok(all) => {
                told.extend(self.compare(all));
                self.ask_at = None;
                self.hindered = false;
                None
            }
            Err(problem) => {
                self.ask_at = Some(now + AGAIN);
                (!std::mem::replace(&mut self.hindered, true)).then_some(problem)
            }
        }
    }

    fn take(&mut self, change: &Change) -> Option<Input> {
        match change {
            Change::Link(_) | Change::LinkGone { .. } => None,
            Change::Address(at) => {
                let places = self.places.entry(at.address).or_default();
                let new = places.is_empty();
                places.insert((at.index, at.prefix_len));
                new.then_some(Input::Address { address: at.address, here: true })
            }
            Change::AddressGone(at) => {
                let places = self.places.get_mut(&at.address)?;
                places.remove(&(at.index, at.prefix_len));
                if !places.is_empty() {
                    return None;
                }
                self.places.remove(&at.address);
                Some(Input::Address { address: at.address, here: false })
            }
        }
    }

    /// All of them: gives what is different.
    fn compare(&mut self, all: Vec<HostAddress>) -> Vec<Input> {
        let mut places: BTreeMap<IpAddr, Places> = BTreeMap::new();
        for at in all {
            places.entry(at.address).or_default().insert((at.index, at.prefix_len));
        }
        let before = std::mem::replace(&mut self.places, places);
        let gone = before.keys().filter(|address| !self.places.contains_key(*address));
        let gone = gone.map(|address| Input::Address { address: *address, here: false });
        let come = self.places.keys().filter(|address| !before.contains_key(*address));
        let come = come.map(|address| Input::Address { address: *address, here: true });
        gone.chain(come).collect()
    }
}

/// Asks the kernel for all of them.
fn all_addresses() -> Result<Vec<HostAddress>, String> {
    let all = Requests::open()
        .map_err(|error| error.to_string())
        .and_then(|mut requests| requests.addresses().map_err(|refused| refused.to_string()));
    all.map_err(|problem| format!("this host's addresses cannot be read: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_on_two_interfaces_is_gone_when_it_has_left_both() {
        let mut addresses = Addresses::default();
        let at = |index| HostAddress { index, address: [192, 0, 2, 1].into(), prefix_len: 32 };
        let told = |input: Option<Input>| match input {
            Some(Input::Address { here, .. }) => Some(here),
            Some(other) => panic!("{other:?}"),
            None => None,
        };
        assert_eq!(told(addresses.take(&Change::Address(at(1)))), Some(true));
        assert_eq!(told(addresses.take(&Change::Address(at(2)))), None);
        assert_eq!(told(addresses.take(&Change::Address(at(2)))), None, "told again");
        assert_eq!(told(addresses.take(&Change::AddressGone(at(1)))), None);
        assert_eq!(told(addresses.take(&Change::AddressGone(at(2)))), Some(false));
        assert_eq!(told(addresses.take(&Change::AddressGone(at(2)))), None);
    }

    #[test]
    fn what_was_told_before_news_were_lost_is_told_and_what_was_lost_is_made_up_for() {
        let mut addresses = Addresses::default();
        let at = |n: u8| HostAddress { index: 1, address: [192, 0, 2, n].into(), prefix_len: 32 };
        let start = Instant::now();
        let told = |told: Vec<Input>| {
            let tell = |input| {
                let Input::Address { address, here } = input else { panic!("{input:?}") };
                format!("{address} {here}")
            };
            told.into_iter().map(tell).collect::<Vec<_>>()
        };
        let first: Vec<_> = addresses.take(&Change::Address(at(1))).into_iter().collect();
        addresses.ask_at = Some(start);
        let mut inputs = first;
        let problem = addresses.make_up(&mut inputs, start, || Err("busy".to_owned()));
        assert_eq!((told(inputs), problem.as_deref()), (vec!["192.0.2.1 true".to_owned()], Some("busy")));

        let mut inputs = Vec::new();
        let early = addresses.make_up(&mut inputs, start + AGAIN / 2, || panic!("too early"));
        let again = addresses.make_up(&mut inputs, start + AGAIN, || Err("busy".to_owned()));
        assert_eq!((early, again), (None, None), "said once");
        let later = start + AGAIN * 2;
        assert_eq!(addresses.make_up(&mut inputs, later, || Ok(vec![at(2)])), None);
        assert_eq!(told(inputs), ["192.0.2.1 false", "192.0.2.2 true"]);
        let mut inputs = Vec::new();
        assert_eq!(addresses.make_up(&mut inputs, later, || panic!("nothing was lost")), None);
        assert_eq!(told(inputs), Vec::<String>::new());
    }
}
