//! What the kernel tells of links, addresses, routes and rules.

use std::time::Instant;

use nix::sys::epoll::{EpollEvent, EpollFlags};
use tracing::{error, warn};

use super::super::netlink::{Change, SteeringMonitor};
use super::{Loop, NEWS_A_TURN, RETRY, STEERING};
use crate::vrrp::engine::{Input, SteeringWatch};

/// More news than fit into the kernel's buffer.
const STALE_NEWS: usize = 16_384;

impl Loop {
    /// Reads news of links and addresses; what is left is there in the next turn.
    pub(super) fn read_monitor(&mut self) {
        for _ in 0..NEWS_A_TURN {
            match self.monitor.read(&mut self.buffer) {
                Ok(None) => return,
                Ok(Some(changes)) => {
                    let now = Instant::now();
                    for change in changes {
                        self.router.handle(
                            match change {
                                Change::Link(link) => Input::Link(link),
                                Change::LinkGone { index } => Input::LinkGone { index },
                                Change::Address(address) => Input::Address(address),
                                Change::AddressGone(address) => Input::AddressGone(address),
                            },
                            now,
                        );
                    }
                }
                Err(error) => {
                    warn!("news of links and addresses were lost ({error}); reading all of them anew");
                    // What is left is older than what was lost: it must not be taken for news once all has been read.
                    for _ in 0..STALE_NEWS {
                        if let Ok(None) = self.monitor.read(&mut self.buffer) {
                            break;
                        }
                    }
                    self.resync();
                    return;
                }
            }
        }
    }

    /// Listens for news of routes and rules, through a filter that fits those that are ours.
    pub(super) fn watch_steering(&mut self, watch: &SteeringWatch) {
        if let Some(old) = self.steering.take() {
            let _ = self.epoll.delete(old.as_fd());
        }
        if *watch == SteeringWatch::default() {
            return;
        }
        let opened = SteeringMonitor::open(watch).and_then(|monitor| {
            self.epoll.add(monitor.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, STEERING))?;
            Ok(monitor)
        });
        match opened {
            Ok(monitor) => self.steering = Some(monitor),
            Err(error) => {
                error!("cannot listen for changes of routes and rules ({error}); one that is removed is not put back");
            }
        }
    }

    /// Reads news of routes and rules; what is left is there in the next turn.
    pub(super) fn read_steering(&mut self) {
        for _ in 0..NEWS_A_TURN {
            let Some(monitor) = &self.steering else { return };
            let input = match monitor.read(&mut self.buffer) {
                Ok(None) => return,
                Ok(Some(news)) => {
                    let now = Instant::now();
                    for news in news {
                        self.router.handle(Input::SteeringNews(news), now);
                    }
                    continue;
                }
                Err(error) => {
                    warn!("news of routes and rules were lost ({error}); asking for each of ours again");
                    Input::SteeringNewsLost
                }
            };
            self.router.handle(input, Instant::now());
            return;
        }
    }

    /// Reads all links and addresses; again in a second where that fails, for what is not known now nobody tells again.
    pub(super) fn resync(&mut self) {
        let now = Instant::now();
        self.resync_at = None;
        match self.requests.links().and_then(|links| Ok((links, self.requests.addresses()?))) {
            Ok((links, addresses)) => {
                self.router.handle(Input::Links(links), now);
                self.router.handle(Input::Addresses(addresses), now);
                self.router.handle(Input::SteeringNewsLost, now);
            }
            Err(error) => {
                error!("cannot read the host's links and addresses: {error}; trying again in a second");
                self.resync_at = Some(now + RETRY);
            }
        }
    }

    /// Reads which interfaces forward IPv6 packets.
    pub(super) fn read_forwarding(&mut self) {
        let now = Instant::now();
        for (index, on) in self.forwarding.read(&mut self.buffer) {
            self.router.handle(Input::Forwarding { index, on }, now);
        }
    }
}
