//! The kernel's process events connector: netlink messages about processes that start, change and end.
//!
//! A message is a netlink header, a `struct cn_msg` and a `struct proc_event`, all in the host's byte order
//! (`include/uapi/linux/connector.h`, `cn_proc.h`). The kernel says nothing at all to a listener that it does not
//! want: one in another user or process namespace than the first. So a subscription counts once it is acknowledged.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

// include/uapi/linux/netlink.h
const NETLINK_CONNECTOR: isize = 11;
const HEADER_LEN: usize = 16;
const NLMSG_DONE: u16 = 3;
// include/uapi/linux/connector.h
const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;
/// `struct cn_msg` without its data.
const CN_LEN: usize = 20;
// include/uapi/linux/cn_proc.h
const PROC_CN_MCAST_LISTEN: u32 = 1;
const PROC_EVENT_NONE: u32 = 0;
const PROC_EVENT_FORK: u32 = 1;
const PROC_EVENT_EXEC: u32 = 2;
const PROC_EVENT_COMM: u32 = 0x200;
const PROC_EVENT_EXIT: u32 = 0x8000_0000;
/// `what`, `cpu` and `timestamp_ns`, before what depends on the event.
const EVENT_HEAD_LEN: usize = 16;

/// Room for events; the kernel gives what is asked for if we may have it.
const BUFFER: usize = 4 << 20;
/// How long the acknowledgement may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something that happened to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    /// A process was made.
    Forked {
        /// By this process.
        parent: i32,
        /// ... and its first thread.
        by_first_thread: bool,
        /// The new one.
        child: i32,
    },
    /// It runs another program now, or has given itself another name.
    Changed {
        /// Which.
        pid: i32,
    },
    /// A thread has ended.
    Ended {
        /// Its process.
        pid: i32,
        /// The thread: the process's own number if it was the first.
        thread: i32,
    },
}

/// What is lost.
#[derive(Debug)]
pub(super) enum Lost {
    /// Events: there were more than the buffer holds.
    Events,
    /// All that would have come.
    Connector(io::Error),
}

/// A subscription to events.
#[derive(Debug)]
pub(super) struct Connector {
    socket: Socket,
    buffer: Vec<u8>,
}

impl AsFd for Connector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Connector {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Connector {
    /// Subscribes. An error says why that cannot be had.
    pub(super) fn open() -> Result<Self, String> {
        let unavailable = |error: io::Error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ECONNREFUSED) => {
                "this network namespace is not the first, and the kernel tells of processes only there".to_owned()
            }
            Some(Errno::EPERM) => "not permitted to hear of processes (CAP_NET_ADMIN)".to_owned(),
            Some(Errno::EPROTONOSUPPORT) => "this kernel has no process events (CONFIG_PROC_EVENTS)".to_owned(),
            Some(_) | None => format!("cannot hear of processes: {error}"),
        };
        let mut socket = Socket::new(NETLINK_CONNECTOR).map_err(unavailable)?;
        socket.bind(&SocketAddr::new(0, CN_IDX_PROC)).map_err(unavailable)?;
        socket.set_non_blocking(true).map_err(unavailable)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            // Not permitted; what is usual has to do.
            let _ = setsockopt(&socket, sockopt::RcvBuf, &BUFFER);
        }
        socket.send_to(&subscription(), &SocketAddr::new(0, 0), 0).map_err(unavailable)?;
        let mut connector = Self { socket, buffer: vec![0; 16 * 1024] };
        match connector.acknowledged() {
            Some(0) => Ok(connector),
            Some(errno) => Err(unavailable(io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or(0)))),
            None => {
                Err("the kernel does not tell of processes here (not in its first process and user namespace)"
                    .to_owned())
            }
        }
    }

    /// Waits for the answer; events that come before it are dropped, since `/proc` is read after it.
    fn acknowledged(&mut self) -> Option<u32> {
        let until = Instant::now() + PATIENCE;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return None;
            }
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut ready, PollTimeout::try_from(wait.as_millis().max(1)).unwrap_or(PollTimeout::ZERO));
            while let Ok(Some(message)) = self.receive() {
                if let Some(Message::Acknowledged(errno)) = message {
                    return Some(errno);
                }
            }
        }
    }

    /// The next event; `None` if nothing more has come.
    pub(super) fn read(&mut self) -> Result<Option<Happened>, Lost> {
        loop {
            match self.receive()? {
                None => return Ok(None),
                Some(Some(Message::Happened(happened))) => return Ok(Some(happened)),
                Some(Some(Message::Acknowledged(_)) | None) => {}
            }
        }
    }

    /// One message, if one has come; it may be of no interest.
    fn receive(&mut self) -> Result<Option<Option<Message>>, Lost> {
        loop {
            let mut space = self.buffer.as_mut_slice();
            match self.socket.recv_from(&mut space, 0) {
                // What is not from the kernel is nobody's.
                Ok((_, from)) if from.port_number() != 0 => {}
                Ok((len, _)) => return Ok(Some(parse(self.buffer.get(..len).unwrap_or_default()))),
                Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EAGAIN) => return Ok(None),
                    Some(Errno::EINTR) => {}
                    Some(Errno::ENOBUFS) => return Err(Lost::Events),
                    Some(_) | None => return Err(Lost::Connector(error)),
                },
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    /// The subscription was heard: 0, or an error's number.
    Acknowledged(u32),
    Happened(Happened),
}

/// `PROC_CN_MCAST_LISTEN`, as all kernels take it.
fn subscription() -> Vec<u8> {
    let len = u32::try_from(HEADER_LEN + CN_LEN + 4).unwrap_or(0);
    let mut bytes = Vec::new();
    bytes.extend(len.to_ne_bytes());
    bytes.extend(NLMSG_DONE.to_ne_bytes());
    bytes.extend([0; 10]);
    for word in [CN_IDX_PROC, CN_VAL_PROC, 0, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(4_u16.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(PROC_CN_MCAST_LISTEN.to_ne_bytes());
    bytes
}

/// `None`: it is of no interest, or no such message.
fn parse(bytes: &[u8]) -> Option<Message> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if (word(HEADER_LEN)?, word(HEADER_LEN + 4)?) != (CN_IDX_PROC, CN_VAL_PROC) {
        return None;
    }
    let event = HEADER_LEN + CN_LEN;
    let number = |place: usize| i32::try_from(word(event + EVENT_HEAD_LEN + 4 * place)?).ok();
    let happened = match word(event)? {
        PROC_EVENT_NONE => return Some(Message::Acknowledged(word(event + EVENT_HEAD_LEN)?)),
        PROC_EVENT_FORK => {
            let (parent_thread, parent, child_thread, child) = (number(0)?, number(1)?, number(2)?, number(3)?);
            if child_thread != child {
                return None;
            }
            Happened::Forked { parent, by_first_thread: parent_thread == parent, child }
        }
        PROC_EVENT_EXEC => Happened::Changed { pid: number(1)? },
        PROC_EVENT_COMM if number(0)? == number(1)? => Happened::Changed { pid: number(1)? },
        PROC_EVENT_EXIT => Happened::Ended { pid: number(1)?, thread: number(0)? },
        _ => return None,
    };
    Some(Message::Happened(happened))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: u32, numbers: &[u32]) -> Vec<u8> {
        let mut bytes = subscription();
        bytes.truncate(HEADER_LEN + CN_LEN);
        bytes.extend(what.to_ne_bytes());
        bytes.extend([7; 12]);
        bytes.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
        bytes.extend([0; 24]);
        bytes
    }

    #[test]
    fn events_are_told_apart() {
        let forked = |by_first_thread| Happened::Forked { parent: 10, by_first_thread, child: 20 };
        for (what, numbers, expected) in [
            (PROC_EVENT_FORK, &[10, 10, 20, 20][..], Some(forked(true))),
            (PROC_EVENT_FORK, &[11, 10, 20, 20], Some(forked(false))),
            (PROC_EVENT_FORK, &[10, 10, 21, 20], None),
            (PROC_EVENT_EXEC, &[10, 10], Some(Happened::Changed { pid: 10 })),
            (PROC_EVENT_COMM, &[10, 10], Some(Happened::Changed { pid: 10 })),
            (PROC_EVENT_COMM, &[11, 10], None),
            (PROC_EVENT_EXIT, &[11, 10, 0, 17], Some(Happened::Ended { pid: 10, thread: 11 })),
            (4, &[10, 10], None),
        ] {
            assert_eq!(parse(&event(what, numbers)), expected.map(Message::Happened));
        }
        assert_eq!(parse(&event(PROC_EVENT_NONE, &[1])), Some(Message::Acknowledged(1)));
    }

    #[test]
    fn what_is_cut_off_or_somebody_elses_is_nothing() {
        let whole = event(PROC_EVENT_FORK, &[10, 10, 20, 20]);
        for len in 0..HEADER_LEN + CN_LEN + EVENT_HEAD_LEN + 16 {
            assert_eq!(parse(&whole[..len]), None);
        }
        let mut other = whole;
        other[HEADER_LEN] = 9;
        assert_eq!(parse(&other), None);
    }
}
