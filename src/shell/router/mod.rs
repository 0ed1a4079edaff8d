//! The router loop: [`vrrp::Router`](crate::vrrp::Router) on a thread of its own, with the sockets that it needs.
//!
//! ```text
//!   raw sockets --.                                                  .--> raw sockets (adverts)
//!   rtnetlink -----+--> epoll --> Router::handle --> poll_output ---+---> rtnetlink (addresses)
//!   timerfd ------'        ^                                         +--> packet sockets (gratuitous ARP)
//!   inbox + eventfd ------'                                          +--> hands' thread (links, settings, packet filter, sockets that hear claims)
//!     ^-- trackers' threads, balancer loop                           +--> scripts' thread
//!                                                                      `--> record's thread (which routes and rules are ours)
//! ```
//!
//! The thread never waits for a file, a child process, a lookup of a user, a client of the API or whoever reads the log:
//! scripts are started and reaped by a thread of their own (`scripts`), processes, files and checks are watched by others
//! ([`trackers`](crate::shell::trackers)), what the kernel takes its time over is done by another (`hands`), which routes
//! and rules are ours is written down by another (`record`), log lines by another still, and everything else comes through the inbox.
//!
//! What it waits for beside epoll is the kernel's lock on the network's configuration (RTNL), and nothing else: when it adds,
//! changes or removes an address, a route or a rule, and when it reads all links and addresses after news were lost. Each is
//! microseconds unless somebody else holds that lock, and then as long as it is held: the kernel answers while it is asked.
//! (An answer that is lost is given up after a second.) Sockets for adverts are opened here too, when a configuration or a
//! new link asks for them: to join a group and to list the host's interfaces takes the same lock. A master whose addresses
//! are on, and whose configuration stays, asks for nothing.
//!
//! Each source gets so much of a turn and no more: a flood of packets, news, facts or questions delays a deadline by the
//! time that a few dozen of them take.
//!
//! Packets that no router here can believe come in on other sockets than adverts do, and are read now and then; those of the
//! masters that are followed, and of unicast peers, on sockets that no flood of others fills (`sockets`).
//! Who else claims a virtual address is heard on sockets of their own (`claims`), which the hands open.
//!
//! What the sockets hold is read before deadlines are looked at. A process that was stopped for ten seconds then hears the
//! adverts that came meanwhile before it concludes that there were none.

mod claims;
mod forwarding;
mod hands;
mod lateness;
mod links;
pub(in crate::shell) mod netlink;
pub(in crate::shell) mod program;
mod record;
pub mod script_files;
mod sockets;
mod turn;
mod view;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::api::{InstanceView, LatenessView};
use crate::model::{Config, ScriptLook, ScriptOutcome};
use crate::shell::outbox::Outbox;
use crate::shell::scripts;
use crate::shell::service_board::ServiceBoard;
use crate::shell::trackers::Trackers;
use crate::vrrp::engine::Fact;
use crate::vrrp::machine::Role;

/// Facts that may wait for the loop: what it takes in a turn. Who has another one waits too.
const MOST_FACTS: usize = 64;

/// What the loop starts with.
#[derive(Debug)]
pub struct Options {
    /// The first configuration.
    pub config: Arc<Config>,
    /// Where it tells what happens. Never waited for.
    pub events: Outbox<RouterEvent>,
    /// Where it reads how the services stand that routers watch.
    pub services: Arc<ServiceBoard>,
    /// The daemon starts: tracked files get their initial values. Not so where the loop is started again.
    pub fresh: bool,
}

/// What the supervisor is told.
#[derive(Debug, Clone, PartialEq)]
pub enum RouterEvent {
    /// Links and addresses are known, sockets are open, the configuration is in force.
    Ready,
    /// A virtual router changed its state.
    StateChanged {
        /// Its name.
        instance: String,
        /// From.
        from: Role,
        /// To.
        to: Role,
        /// Why, as a sentence.
        reason: String,
    },
    /// The loop has ended, as it was told to, or because the kernel refused it something without which it cannot go on
    /// (which the log names).
    Stopped,
    /// The loop has panicked, with this message. Addresses are as they were.
    Panicked(String),
}

/// What the loop is told.
#[derive(Debug)]
enum Message {
    Configure(Arc<Config>, Sender<Result<(), String>>),
    Snapshot(Sender<Vec<InstanceView>>),
    Ping(Sender<()>),
    Stop(Sender<()>),
    ScriptDone { run: u64, outcome: ScriptOutcome },
    ScriptsSeen(Vec<(ScriptLook, Result<(), String>)>),
    Done(hands::Done),
    Recorded(u64),
}

/// The inbox's entrance: a message, then a knock.
#[derive(Debug, Clone)]
struct Mailbox {
    messages: Sender<Message>,
    knock: Arc<EventFd>,
}

impl Mailbox {
    /// Says nothing if the loop is gone: whoever waits for an answer learns it from the closed channel.
    fn post(&self, message: Message) {
        if self.messages.send(message).is_ok() {
            // It fails only where 2^64 knocks are unheard, and then one more is not needed.
            let _ = self.knock.write(1);
        }
    }
}

/// A running loop. Every question is answered through a channel, which is closed without an answer if the loop is gone.
#[derive(Debug)]
pub struct RouterHandle {
    mailbox: Mailbox,
    gauge: Arc<lateness::Gauge>,
    started: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RouterHandle {
    /// Puts a configuration in force. Virtual routers that stay keep their state.
    pub fn configure(&self, config: Arc<Config>) -> Receiver<Result<(), String>> {
        let (reply, answer) = mpsc::channel();
        self.mailbox.post(Message::Configure(config, reply));
        answer
    }

    /// Asks for all virtual routers, in the configuration's order.
    #[must_use]
    pub fn snapshot(&self) -> Receiver<Vec<InstanceView>> {
        let (reply, answer) = mpsc::channel();
        self.mailbox.post(Message::Snapshot(reply));
        answer
    }

    /// How late the loop has been. Read without asking it.
    #[must_use]
    pub fn lateness(&self) -> LatenessView {
        self.gauge.view()
    }

    /// The first configuration is in force. Before that the loop reads what an earlier run has left in the state directory, and
    /// answers nothing for as long as the disk takes.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// A sign of life: the answer comes at the loop's next turn.
    #[must_use]
    pub fn ping(&self) -> Receiver<()> {
        let (reply, answer) = mpsc::channel();
        self.mailbox.post(Message::Ping(reply));
        answer
    }

    /// Leaves every virtual router: when the answer comes, priority 0 has been sent, addresses are removed, and
    /// `notify_stop` scripts have run, or have had two seconds.
    #[must_use]
    pub fn stop(&self) -> Receiver<()> {
        let (reply, answer) = mpsc::channel();
        self.mailbox.post(Message::Stop(reply));
        answer
    }

    /// Waits until the thread has ended, which it does after [`stop`](Self::stop) or a panic.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // The thread catches its panics; there is nothing to learn here.
            let _ = thread.join();
        }
    }
}

/// Opens what the loop needs, in the network namespace of the calling thread, and starts it.
///
/// # Errors
/// Where sockets, epoll, a timer or a thread cannot be had; without `CAP_NET_ADMIN` and `CAP_NET_RAW` where virtual
/// routers are configured.
pub fn spawn(options: Options) -> io::Result<RouterHandle> {
    spawn_keeping(options, None)
}

/// As [`spawn`]; kernel settings of interfaces as they were before us, and which routes and rules are ours, are kept in the state
/// directory, so that a daemon that was killed and is started again still knows them. The directory is read by the loop's own
/// threads: whoever starts it waits for no disk.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_keeping(options: Options, state_dir: Option<&Path>) -> io::Result<RouterHandle> {
    if !options.config.instances.is_empty() {
        sockets::probe()?;
    }
    let knock = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
    let (messages, inbox) = mpsc::channel();
    let mailbox = Mailbox { messages, knock: Arc::clone(&knock) };
    let runner = {
        let mailbox = mailbox.clone();
        scripts::spawn(move |told| {
            mailbox.post(match told {
                scripts::Told::Done(run, outcome) => Message::ScriptDone { run, outcome },
                scripts::Told::Seen(seen) => Message::ScriptsSeen(seen),
            });
        })?
    };
    let mailbox_of_hands = mailbox.clone();
    let (tell, facts) = mpsc::sync_channel::<Fact>(MOST_FACTS);
    let trackers = {
        let knock = Arc::clone(&knock);
        Trackers::spawn(
            move |fact| {
                // It waits where the loop has not read the ones before; a loop that is gone reads nothing more.
                if tell.send(fact).is_ok() {
                    let _ = knock.write(1);
                }
            },
            options.fresh,
        )?
    };
    options.services.attach(Arc::clone(&knock));
    let events = options.events.clone();
    let mailbox_of_recorder = mailbox.clone();
    let recorder = state_dir.map(|folder| {
        record::Recorder::spawn(folder, move |number| mailbox_of_recorder.post(Message::Recorded(number)))
    });
    let memory = record::Memory { recorder: recorder.transpose()? };
    let hands = hands::Hands::spawn(state_dir, move |done| mailbox_of_hands.post(Message::Done(done)))?;
    let mut turn = turn::Loop::new(options, inbox, knock, runner, hands, turn::Eyes { trackers, facts }, memory)?;
    let (gauge, started) = (turn.gauge(), turn.started());
    let thread = thread::Builder::new().name("router".to_owned()).spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| turn.run()));
        drop(turn);
        let event = match outcome {
            Ok(()) => RouterEvent::Stopped,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                RouterEvent::Panicked(text.unwrap_or_else(|| "a panic without a message".to_owned()))
            }
        };
        events.send(event);
    })?;
    Ok(RouterHandle { mailbox, gauge, started, thread: Some(thread) })
}

#[cfg(test)]
mod tests;
