//! `ipvsctl`'s half of the control socket: one question, one answer, nothing that can hang.
//!
//! Calls block. Each has [`Client::patience`] from connect to the last byte, and takes no more than 256 MiB.
//! A [`ClientError`] says what happened and what to do about it; whose fault it was is its variant.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use nix::unistd::{Gid, Group, Uid, User};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::SERVER;
use crate::api::{ErrorReply, PlanReply, PlanRequest, ReloadReply, ServerReply, ServerRequest, Snapshot};

/// Bytes of an answer; 100,000 servers with their checks take a quarter of it.
const ANSWER_MAX: usize = 256 << 20;

/// A way to ask the daemon.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "no daemon answers on {path}: {why}\n\
         Start it with `systemctl start ipvsd`, or `ipvsd --config FILE`; if it listens elsewhere, name the socket with --socket or IPVSD_SOCKET.\n\
         `ipvsctl show --kernel` reads the kernel's table without it.",
        path = path.display()
    )]
    NoDaemon {
        /// The socket's path.
        path: PathBuf,
        /// What stands there instead.
        why: &'static str,
    },
    /// The socket is not for this user.
    #[error("{path} may not be used by {user}{remedy}", path = path.display())]
    Permission {
        /// The socket's path.
        path: PathBuf,
        /// Who asked.
        user: String,
        /// Who may.
        remedy: String,
    },
    /// The daemon took too long.
    #[error("the daemon on {path} did not answer within {} s; it may be busy or stuck: see its log", patience.as_secs_f64(), path = path.display())]
    TimedOut {
        /// The socket's path.
        path: PathBuf,
        /// How long it had.
        patience: Duration,
    },
    /// The connection broke.
    #[error("the daemon on {path} hung up: {why}; see its log", path = path.display())]
    HungUp {
        /// The socket's path.
        path: PathBuf,
        /// What the connection said.
        why: String,
    },
    /// The daemon says that it cannot, or will not.
    #[error("{error}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own words.
        error: String,
    },
    /// The answer makes no sense because the two programs differ.
    #[error("the daemon is {daemon} and this is {ours}: they do not understand each other ({why}); use the ipvsctl that came with the daemon", ours = SERVER)]
    OtherVersion {
        /// Name and version of the daemon.
        daemon: String,
        /// What was not understood.
        why: String,
    },
    /// The answer makes no sense.
    #[error("what answers on {path} is no ipvsd: {why}; name the daemon's socket with --socket or IPVSD_SOCKET", path = path.display())]
    Stranger {
        /// The socket's path.
        path: PathBuf,
        /// What came instead of an answer.
        why: String,
    },
    /// This host will not let us try.
    #[error("cannot ask {path}: {source}", path = path.display())]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl ClientError {
    /// The daemon understood the question and refused it: its words are the answer.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::UNPROCESSABLE_ENTITY.as_u16())
    }
}

impl Client {
    /// Asks on `path`, and gives each question 20 s: longer than the daemon gives itself, so that its own words arrive.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), patience: Duration::from_secs(20) }
    }

    /// How long a question may take from connect to the last byte.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Everything that the daemon knows.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn snapshot(&self) -> Result<Snapshot, ClientError> {
        self.ask(Method::GET, "/v1/snapshot", Bytes::new())
    }

    /// Everything but services and servers: what may be asked often, however many there are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn brief(&self) -> Result<Snapshot, ClientError> {
        self.ask(Method::GET, "/v1/brief", Bytes::new())
    }

    /// What a configuration would change.
    ///
    /// # Errors
    /// See [`ClientError`]; one that [is an answer](ClientError::is_answer) is about the configuration.
    pub fn plan(&self, request: &PlanRequest) -> Result<PlanReply, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| self.io(io::Error::other(error)))?;
        self.ask(Method::POST, "/v1/plan", body.into())
    }

    /// What the operator wishes of a server.
    ///
    /// # Errors
    /// See [`ClientError`]; one that [is an answer](ClientError::is_answer) says why that cannot be.
    pub fn server(&self, request: &ServerRequest) -> Result<ServerReply, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| self.io(io::Error::other(error)))?;
        self.ask(Method::POST, "/v1/server", body.into())
    }

    /// Reads the configuration again.
    ///
    /// # Errors
    /// See [`ClientError`]. A refused configuration is no error: see [`ReloadReply::applied`].
    pub fn reload(&self) -> Result<ReloadReply, ClientError> {
        self.ask(Method::POST, "/v1/reload", Bytes::new())
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, route: &str, body: Bytes) -> Result<T, ClientError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| self.io(error))?;
        let answer = runtime.block_on(async {
            tokio::time::timeout(self.patience, self.exchange(method, route, body))
                .await
                .unwrap_or_else(|_| Err(ClientError::TimedOut { path: self.path.clone(), patience: self.patience }))
        })?;
        self.read(&answer)
    }

    async fn exchange(&self, method: Method, route: &str, body: Bytes) -> Result<Answer, ClientError> {
        let stream = UnixStream::connect(&self.path).await.map_err(|error| self.unreachable_because(error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        // Errors of the connection also come out of the request.
        tokio::spawn(async move { drop(connection.await) });
        let request = Request::builder()
            .method(method)
            .uri(route)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.io(io::Error::other(error)))?;
        let response = sender.send_request(request).await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let server =
            response.headers().get(header::SERVER).and_then(|who| who.to_str().ok()).unwrap_or_default().to_owned();
        match Limited::new(response.into_body(), ANSWER_MAX).collect().await {
            Ok(body) => Ok(Answer { status, server, body: body.to_bytes() }),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(self.stranger(format!("its answer is longer than {ANSWER_MAX} bytes")))
            }
            Err(error) => Err(ClientError::HungUp { path: self.path.clone(), why: error.to_string() }),
        }
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        let nonsense = if answer.status.is_success() {
            match serde_json::from_slice(&answer.body) {
                Ok(value) => return Ok(value),
                Err(error) => error.to_string(),
            }
        } else {
            match serde_json::from_slice::<ErrorReply>(&answer.body) {
                // A route that is not there: the daemon is older than the question.
                Ok(reply) if answer.status != StatusCode::NOT_FOUND => {
                    return Err(ClientError::Refused { status: answer.status.as_u16(), error: reply.error });
                }
                Ok(reply) => reply.error,
                Err(_) => format!("it answered with status {}", answer.status),
            }
        };
        Err(if answer.server == SERVER {
            // One of us is broken, and no other version would help.
            ClientError::HungUp { path: self.path.clone(), why: format!("its answer is damaged: {nonsense}") }
        } else if answer.server.starts_with("ipvsd/") {
            ClientError::OtherVersion { daemon: answer.server.clone(), why: nonsense }
        } else {
            self.stranger(nonsense)
        })
    }

    /// Why the connection was not made.
    fn unreachable_because(&self, error: io::Error) -> ClientError {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return self.permission();
        }
        let refused = if is_socket(&self.path) {
            "the socket is left over from a daemon that is gone"
        } else {
            "that is not a socket"
        };
        let reasons = [
            (io::ErrorKind::NotFound, "there is no such socket"),
            (io::ErrorKind::ConnectionRefused, refused),
            (io::ErrorKind::NotADirectory, "a part of the path is not a folder"),
        ];
        match reasons.into_iter().find(|(kind, _)| *kind == error.kind()) {
            Some((_, why)) => ClientError::NoDaemon { path: self.path.clone(), why },
            None => self.io(error),
        }
    }

    fn permission(&self) -> ClientError {
        let user = Uid::effective();
        let user = match User::from_uid(user) {
            Ok(Some(user)) => format!("user {}", user.name),
            Ok(None) | Err(_) => format!("user {user}"),
        };
        let remedy = match fs::metadata(&self.path) {
            Ok(socket) if socket.permissions().mode() & 0o020 != 0 => {
                let group = match Group::from_gid(Gid::from_raw(socket.gid())) {
                    Ok(Some(group)) => group.name,
                    Ok(None) | Err(_) => socket.gid().to_string(),
                };
                format!(
                    ": it is for root and the group {group}. Use sudo, or become a member (`usermod -aG {group} USER`)"
                )
            }
            Ok(_) => ": it is for its owner alone. Use sudo".to_owned(),
            Err(_) => ": its folder is closed to this user. Use sudo".to_owned(),
        };
        ClientError::Permission { path: self.path.clone(), user, remedy }
    }

    fn broken(&self, error: &hyper::Error) -> ClientError {
        if error.is_parse() {
            self.stranger("it does not speak HTTP".to_owned())
        } else {
            ClientError::HungUp { path: self.path.clone(), why: error.to_string() }
        }
    }

    fn stranger(&self, why: String) -> ClientError {
        ClientError::Stranger { path: self.path.clone(), why }
    }

    fn io(&self, source: io::Error) -> ClientError {
        ClientError::Io { path: self.path.clone(), source }
    }
}

/// What came back.
struct Answer {
    status: StatusCode,
    /// The `server` header, empty if none.
    server: String,
    body: Bytes,
}

fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}
