//! The balancer's loop: a thread that lends the engine of [`crate::balance`] its hands.
//!
//! ```text
//!   requests ---> inbox --.                            .--> Kernel      netlink, in batches
//!                          +--> Input -> Balancer -> Output --> Prober  sockets of the checks
//!   sockets  ---> epoll --'                            '--> LedgerFile  before entries are made
//! ```
//!
//! One thread, one epoll, no lock. It waits for nothing but the kernel (which answers within the call) and the ledger's
//! file, and nobody waits for it: the router has a thread of its own. No turn is long: a few probes begin in each, a large table is
//! read and a view of everything is made piece by piece. Requests come through a bounded inbox; each brings the
//! channel for its answer along.

mod addresses;
mod asking;
mod deal_file;
mod errands;
mod journal;
mod kernel;
mod ledger_file;
mod marks;
mod notices;
mod run;
mod showing;
mod timings;
mod translate;
mod view;
mod wishes_file;
mod written_file;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

use ipvs_sys::{Ipvs, OpenError};

use crate::api::{BalancerView, Pending, PlanReply, PlannedStep, ServerReply, ServerRequest};
use crate::model::{Config, Family};
use crate::shell::outbox::Outbox;
use crate::shell::role_board::RoleBoard;
use crate::shell::service_board::ServiceBoard;
use crate::shell::tokens::Source;

/// Requests that may wait. More means that the loop is stuck, and then a refusal is the better answer.
const INBOX: usize = 64;

/// What the loop needs at its start.
#[derive(Debug)]
pub struct Options {
    /// The configuration to begin with.
    pub config: Arc<Config>,
    /// Where the ledger is kept. Best on a file system that does not outlive the boot, as the table does not.
    pub state_dir: PathBuf,
    /// Where [`BalancerEvent`]s go.
    pub events: Outbox<BalancerEvent>,
    /// What the dice of the first checks start from.
    pub seed: u64,
    /// What the numbers of questions start from, which nobody should guess. Not what `seed` is: when checks begin can be seen
    /// by whoever is checked.
    pub nonce_seed: u64,
    /// Where it is written how the services stand that routers watch.
    pub services: Arc<ServiceBoard>,
    /// Where it reads which routers are active.
    pub roles: Arc<RoleBoard>,
    /// The way to IPVS.
    pub door: Door,
}

type Open = dyn Fn() -> Result<Ipvs, OpenError> + Send + Sync;

/// How IPVS is opened: [`Door::default`] leads to the kernel, in the network namespace of the thread that goes through it.
///
/// Any other is for those who measure or test with a table of their own ([`Ipvs::over`]); nothing that a configuration or a
/// command line can say leads to one.
#[derive(Clone)]
pub struct Door(Arc<Open>);

impl Door {
    /// Opens so.
    pub fn new(open: impl Fn() -> Result<Ipvs, OpenError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    fn open(&self) -> Result<Ipvs, OpenError> {
        (self.0)()
    }
}

impl Default for Door {
    fn default() -> Self {
        Self::new(Ipvs::open)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

/// What the supervisor should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BalancerEvent {
    /// The table is programmed for the first time, or needs none.
    Ready,
    /// Services are configured, and the kernel has no IPVS or does not let us use it: the reason and the remedy. It is asked
    /// again every few seconds; whether to go on meanwhile is said by [`crate::model::Global::ipvs_missing`], and is for
    /// the receiver to decide. [`BalancerEvent::Ready`] comes after [`BalancerEvent::KernelBack`].
    KernelMissing(String),
    /// It has it now.
    KernelBack,
    /// A configuration is in force, or the last server has left: of these families servers leave that are configured no more,
    /// and of others none.
    Leaving(Vec<Family>),
    /// The end, as asked for.
    Stopped,
    /// The loop could not go on: epoll failed.
    Failed(String),
    /// The loop panicked, with this message. The kernel's table is as it was.
    Panicked(String),
}

/// How a configuration came into force.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigureReply {
    /// Steps that the kernel was given.
    pub steps: Vec<PlannedStep>,
    /// What comes later.
    pub pending: Vec<Pending>,
    /// Steps that it refused, with the reason.
    pub refused: Vec<(String, String)>,
    /// Why the kernel was not reached, if it was not.
    pub kernel_problem: Option<String>,
}

/// The loop takes nothing more now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

#[derive(Debug)]
pub(super) enum Request {
    Configure(Arc<Config>, Sender<ConfigureReply>),
    Plan(Arc<Config>, Sender<Result<PlanReply, String>>),
    Ask(ServerRequest, Sender<Result<ServerReply, String>>),
    Snapshot(Sender<BalancerView>),
    Brief(Sender<BalancerView>),
    Ping(Sender<()>),
    Stop(Sender<()>),
}

/// A running loop. Each method sends a request and gives back where its answer will come; a channel that closes without one
/// means that the loop has ended or does not take more requests now.
///
/// Dropping the handle ends the loop at once and leaves the kernel's table as it is.
#[derive(Debug)]
pub struct BalancerHandle {
    /// Dropped first: the wake-up that follows finds it closed.
    inbox: SyncSender<Request>,
    waker: LastWake,
    thread: JoinHandle<io::Result<()>>,
}

/// Wakes the loop when it is dropped, too. The loop holds the waker as well: closing it would take back the wake-up.
#[derive(Debug)]
struct LastWake(Arc<mio::Waker>);

impl Drop for LastWake {
    fn drop(&mut self) {
        // A loop that cannot be woken has ended already.
        let _ = self.0.wake();
    }
}

impl BalancerHandle {
    /// Brings a configuration into force. The answer comes when its first batch was applied, or the kernel turned out not to be
    /// there.
    ///
    /// # Errors
    /// The inbox is full: the loop will never know of this configuration, unless it is given to it again.
    pub fn configure(&self, config: Arc<Config>) -> Result<Receiver<ConfigureReply>, Busy> {
        let (reply, answer) = channel();
        match self.inbox.try_send(Request::Configure(config, reply)) {
            Ok(()) => {
                let _ = self.waker.0.wake();
                Ok(answer)
            }
            Err(TrySendError::Full(_)) => Err(Busy),
            // The loop has ended, as the closed channel tells.
            Err(TrySendError::Disconnected(_)) => Ok(answer),
        }
    }

    /// What a configuration would change, against the kernel's table as it is now; an error says why that cannot be told.
    #[must_use]
    pub fn plan(&self, config: Arc<Config>) -> Receiver<Result<PlanReply, String>> {
        self.request(|reply| Request::Plan(config, reply))
    }

    /// What the operator wishes of a server; an error says why that cannot be. The answer comes when its steps were applied.
    #[must_use]
    pub fn ask(&self, request: ServerRequest) -> Receiver<Result<ServerReply, String>> {
        self.request(|reply| Request::Ask(request, reply))
    }

    /// How everything is, with the kernel's counters of this moment.
    #[must_use]
    pub fn snapshot(&self) -> Receiver<BalancerView> {
        self.request(Request::Snapshot)
    }

    /// The same without services, and without a look at the kernel.
    #[must_use]
    pub fn brief(&self) -> Receiver<BalancerView> {
        self.request(Request::Brief)
    }

    /// A sign of life: the answer comes at the loop's next turn.
    #[must_use]
    pub fn ping(&self) -> Receiver<()> {
        self.request(Request::Ping)
    }

    /// Ends the loop cleanly: entries are removed or kept as configured. The answer comes at the end.
    #[must_use]
    pub fn stop(&self) -> Receiver<()> {
        self.request(Request::Stop)
    }

    /// The loop has ended, cleanly or not.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread's end, and brings it about if nobody has asked for a [`BalancerHandle::stop`].
    ///
    /// # Errors
    /// Why the loop could not go on; a panic was told as [`BalancerEvent::Panicked`] and is no error here.
    pub fn join(self) -> io::Result<()> {
        let Self { inbox, waker, thread } = self;
        drop(inbox);
        drop(waker);
        // The thread catches its own panics, so that there is nothing to hand on.
        thread.join().unwrap_or(Ok(()))
    }

    fn request<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Receiver<T> {
        let (reply, answer) = channel();
        if self.inbox.try_send(request(reply)).is_ok() {
            // A wake-up that fails is made up for by the loop's next turn.
            let _ = self.waker.0.wake();
        }
        answer
    }
}

/// Starts the loop on a thread named `balancer`. The kernel's table that it works on is that of the calling thread's network
/// namespace.
///
/// # Errors
/// No epoll, no file descriptor or no thread could be had.
pub fn spawn(options: Options) -> io::Result<BalancerHandle> {
    let poll = mio::Poll::new()?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), Source::Inbox.token())?);
    options.roles.attach(Arc::clone(&waker));
    let held = Arc::clone(&waker);
    let (inbox, requests) = sync_channel(INBOX);
    let thread = std::thread::Builder::new()
        .name("balancer".to_owned())
        .spawn(move || run::run(options, poll, requests, held))?;
    Ok(BalancerHandle { inbox, waker: LastWake(waker), thread })
}

#[cfg(test)]
mod tests;
