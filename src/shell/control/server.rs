//! The daemon's half of the control socket.
//!
//! [`serve`] takes the path, starts the thread `control`, and returns. What a client asks for arrives on the channel in
//! [`Options::requests`] as a [`ControlRequest`]; the receiver answers with [`Reply::answer`], from any thread, and is
//! never made to wait. A slow, silent or hostile client costs one of a fixed number of slots for a fixed time:
//!
//! - one connection carries one request, from accept to the last byte within [`Limits::connection`];
//! - the answer has [`Limits::answer`] to arrive, else the client gets status 504;
//! - no more than [`Limits::clients`] requests are under way or wait in the channel, however slow their reader is: the
//!   slot stays with the [`Reply`] until it is answered or dropped. Beyond that, clients get status 503.

mod routes;

use std::fmt;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::claim::Claim;
use crate::api::{ErrorReply, PlanReply, PlanRequest, ReloadReply, ServerReply, ServerRequest, Snapshot};
use crate::shell::outbox::Outbox;

/// How the control socket is to be.
#[derive(Debug)]
pub struct Options {
    /// Path of the socket.
    pub path: PathBuf,
    /// Its mode, as `chmod` takes it; who may write to it may control the daemon.
    pub mode: u32,
    /// Its group, by name or number; the daemon's own if none.
    pub group: Option<String>,
    /// Where questions go.
    pub requests: Outbox<ControlRequest>,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    /// A socket for the daemon's user and group (mode 0660), with the usual bounds.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, requests: impl Into<Outbox<ControlRequest>>) -> Self {
        Self { path: path.into(), mode: 0o660, group: None, requests: requests.into(), limits: Limits::default() }
    }
}

/// Bounds on what clients may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests under way at a time.
    pub clients: usize,
    /// How long an answer may take.
    pub answer: Duration,
    /// How long a connection may last from accept to the last byte.
    pub connection: Duration,
    /// Bytes of a request's body.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients: 32, answer: Duration::from_secs(10), connection: Duration::from_secs(15), body: 64 << 10 }
    }
}

/// What a client asks, and where the answer goes.
#[derive(Debug)]
pub enum ControlRequest {
    /// Everything that is known.
    Snapshot(Reply<Snapshot>),
    /// The same without services and servers.
    Brief(Reply<Snapshot>),
    /// What a configuration would change.
    Plan(PlanRequest, Reply<Result<PlanReply, ErrorReply>>),
    /// Read the configuration again.
    Reload(Reply<ReloadReply>),
    /// What the operator wishes of a server.
    Server(ServerRequest, Reply<Result<ServerReply, ErrorReply>>),
}

/// The way back to one client. Dropped unanswered, the client is told that the daemon had no answer.
pub struct Reply<T> {
    to: oneshot::Sender<T>,
    _slot: OwnedSemaphorePermit,
}

impl<T> Reply<T> {
    /// Answers. Returns at once, also where the client is gone.
    pub fn answer(self, value: T) {
        // A client that left needs no answer.
        drop(self.to.send(value));
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// Why the control socket could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A daemon listens there.
    #[error(
        "another ipvsd{} answers on {path}: stop it first, or give this one a --socket of its own",
        pid.map_or_else(String::new, |pid| format!(" (pid {pid})")),
        path = path.display()
    )]
    InUse {
        /// The path.
        path: PathBuf,
        /// Its process, where the kernel tells.
        pid: Option<i32>,
    },
    /// Something else has that name.
    #[error("{path} exists and is not a socket; it is left alone: remove it, or choose another --socket", path = .0.display())]
    NotASocket(PathBuf),
    /// No such group.
    #[error("the control socket cannot have the group {0:?}: there is no such group on this host")]
    UnknownGroup(String),
    /// The kernel said no.
    #[error("cannot {doing} {path}: {source}{remedy}", path = path.display(), remedy = remedy(source))]
    Io {
        /// The path.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// No thread, or no event loop.
    #[error("cannot start the thread of the control socket: {0}")]
    Thread(io::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem};
    let remedies = [
        (PermissionDenied, " (run as root, or choose a --socket in a folder of your own)"),
        (InvalidInput, " (107 bytes are the most for a socket's path)"),
        (ReadOnlyFilesystem, " (choose a --socket in a writable folder)"),
    ];
    remedies.into_iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, remedy)| remedy)
}

/// The running server. Dropped or stopped, it ends its thread and removes the socket.
#[derive(Debug)]
pub struct ControlHandle {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ControlHandle {
    /// Stops: clients under way are cut off, the socket's file is removed.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for ControlHandle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the control socket panicked");
        }
    }
}

/// Listens, and answers from a thread of its own from now on.
///
/// # Errors
/// The path cannot be had, or no thread: see [`ControlError`].
pub fn serve(options: Options) -> Result<ControlHandle, ControlError> {
    let (claim, listener) = Claim::take(&options.path, options.mode, options.group.as_deref())?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(ControlError::Thread)?;
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            run(&runtime, listener, &options, stopped);
            // Clients under way go first, then the file.
            drop(runtime);
            drop(claim);
        })
        .map_err(ControlError::Thread)?;
    Ok(ControlHandle { stop: Some(stop), thread: Some(thread) })
}

fn run(runtime: &Runtime, listener: UnixListener, options: &Options, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        match tokio::net::UnixListener::from_std(listener) {
            Ok(listener) => tokio::select! {
                () = accept(&listener, options) => {}
                // The handle was dropped.
                _ = stopped => {}
            },
            Err(error) => tracing::error!("the control socket cannot be watched: {error}"),
        }
    });
}

async fn accept(listener: &tokio::net::UnixListener, options: &Options) {
    let limits = options.limits;
    let slots = Arc::new(Semaphore::new(limits.clients));
    // Those who come when all slots are taken hear so, as many at a time; who comes beyond that is hung up on.
    let refusals = Arc::new(Semaphore::new(limits.clients));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                    let routes = routes::routes(options.requests.clone(), limits, slot);
                    tokio::spawn(converse(stream, routes, limits.connection));
                } else if let Ok(refusal) = Arc::clone(&refusals).try_acquire_owned() {
                    tokio::spawn(async move {
                        converse(stream, routes::busy(limits.clients), Duration::from_secs(1).min(limits.connection))
                            .await;
                        drop(refusal);
                    });
                }
            }
            Err(error) => {
                // Out of file descriptors, most likely: trying at once would spin.
                tracing::warn!("cannot accept a client of the control socket: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection, one request.
async fn converse(stream: UnixStream, routes: axum::Router, patience: Duration) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    match tokio::time::timeout(patience, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a client of the control socket was cut off: {error}"),
        Err(_) => tracing::debug!("a client of the control socket took more than {patience:?} and was cut off"),
    }
}
