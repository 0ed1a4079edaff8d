//! Packets to the addresses of a group get its mark: a [`Marking`] as a table of nf_tables.
//!
//! ```text
//! table ip keepalived_ipvs {
//!     map tcp { 192.0.2.1 . 80 : 1000 }
//!     chain in { hook input  meta l4proto tcp meta mark set ip daddr . tcp dport map @tcp }
//! }
//! ```
//!
//! The table is nobody's: it outlives a killed daemon, as the services do that its marks lead to. Each change replaces it as a whole in
//! one transaction. A packet with a mark that no service goes by is looked up by its address, so that marks may come before their
//! services and go after them. Nobody's also means that anybody may delete it: that is watched for.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use netlink_sys::SocketAddr;
use nix::errno::Errno;
use nix::libc;

use super::batch::Batch;
use super::rules::{self, FAMILIES, Table};
use super::watch::{Touched, Watch};
use super::{Filter, Refused, open};
use crate::balance::Marking;
use crate::model::Protocol;
use crate::shell::namespace;

/// What the kernel is to mark.
#[derive(Default)]
pub(in crate::shell) struct Marker {
    filter: Filter,
    /// Where it does, if that is not our own network namespace.
    namespace: Option<String>,
    /// What it does by now; `None`: not known, which an earlier run has left.
    done: Option<Marking>,
    watch: Option<Watch>,
}

impl Marker {
    /// One for a namespace; `None`: our own.
    pub(in crate::shell) fn of(namespace: Option<String>) -> Self {
        Self { namespace, ..Self::default() }
    }

    /// What is marked by now.
    pub(in crate::shell) fn done(&self) -> Option<&Marking> {
        self.done.as_ref()
    }

    /// Makes the kernel mark exactly these packets.
    pub(in crate::shell) fn apply(&mut self, marking: &Marking) -> Result<(), String> {
        let nothing = self.done.as_ref().is_none_or(|done| done.marks.is_empty());
        if self.done.as_ref() == Some(marking) || nothing && marking.marks.is_empty() {
            return Ok(());
        }
        if self.filter.socket.is_none() {
            self.filter.socket = Some(self.opened(open)?);
        }
        let mut batch = Batch::new(self.filter.sequence);
        let before = self.done.as_ref().map(|done| &done.place.table).filter(|table| **table != marking.place.table);
        for family in FAMILIES {
            for table in before.into_iter().chain([&marking.place.table]) {
                // Nobody knows whether it is there.
                rules::ensure(&mut batch, family, table);
                rules::delete(&mut batch, family, table);
            }
            add(&mut batch, family, marking);
        }
        let outcome = self.filter.run(batch).map_err(|refused| match refused {
            // Not even a chain.
            Refused::Kernel(Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT | Errno::ENOENT) => Refused::Absent,
            Refused::Kernel(_) | Refused::Absent | Refused::NoAnswer(_) => refused,
        });
        outcome.map_err(|refused| refused.to_string())?;
        self.done = Some(marking.clone());
        Ok(())
    }

    /// Has changes of others told to this place of an epoll, if they are not yet.
    ///
    /// # Errors
    /// Nobody will know of them.
    pub(in crate::shell) fn watch(&mut self, registry: &Registry, token: Token) -> Result<(), String> {
        if self.watch.is_none() {
            let watch = self.opened(Watch::open)?;
            registry
                .register(&mut SourceFd(&watch.socket.as_raw_fd()), token, Interest::READABLE)
                .map_err(|error| error.to_string())?;
            self.watch = Some(watch);
        }
        Ok(())
    }

    /// Nothing is marked any more, and nobody has to look after it. Closing takes it out of the epoll too.
    pub(in crate::shell) fn rest(&mut self) {
        self.watch = None;
    }

    /// Who has changed what we made, since it was made.
    ///
    /// # Errors
    /// Changes are not told any more.
    pub(in crate::shell) fn touched(&mut self) -> io::Result<Option<Touched>> {
        let (Some(watch), Some(socket), Some(done)) = (&mut self.watch, &self.filter.socket, &self.done) else {
            return Ok(None);
        };
        let mut own = SocketAddr::new(0, 0);
        socket.get_address(&mut own)?;
        watch.read(&done.place.table, own.port_number())
    }

    /// Marks again what is to be marked, whatever there is of it.
    pub(in crate::shell) fn restore(&mut self) -> Result<(), String> {
        let Some(done) = self.done.take() else { return Ok(()) };
        let outcome = self.apply(&done);
        self.done = Some(done);
        outcome
    }

    fn opened<T: Send>(&self, open: impl FnOnce() -> io::Result<T> + Send) -> Result<T, String> {
        let opened = match &self.namespace {
            None => open(),
            Some(name) => namespace::open_in(name, open)?,
        };
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT) => Refused::Absent,
            Some(_) | None => Refused::NoAnswer(error),
        };
        opened.map_err(|error| refused(error).to_string())
    }
}

/// A family's packets by protocol, with whether their port counts.
type Packets = BTreeMap<(Protocol, bool), Vec<(Vec<u8>, Vec<u8>)>>;

fn add(batch: &mut Batch, family: u8, marking: &Marking) {
    let mut maps = Packets::new();
    for ((protocol, address, port), mark) in &marking.marks {
        let address = match address {
            IpAddr::V4(v4) if family == rules::NFPROTO_IPV4 => v4.octets().to_vec(),
            IpAddr::V6(v6) if family == rules::NFPROTO_IPV6 => v6.octets().to_vec(),
            IpAddr::V4(_) | IpAddr::V6(_) => continue,
        };
        // Each part of a key takes whole words of four bytes.
        let key = if *port == 0 { address } else { [&address[..], &port.to_be_bytes(), &[0, 0]].concat() };
        maps.entry((*protocol, *port != 0)).or_default().push((key, mark.get().to_ne_bytes().to_vec()));
    }
    if maps.is_empty() {
        return;
    }
    let mut table = Table::new(batch, family, &marking.place.table);
    table.input(marking.place.priority);
    // Those of one port come after those of every port, and so have the last word.
    for ((protocol, port), pairs) in &maps {
        let (name, number) = match protocol {
            Protocol::Tcp => ("tcp", 6),
            Protocol::Udp => ("udp", 17),
            Protocol::Sctp => ("sctp", 132),
        };
        let name = if *port { name.to_owned() } else { format!("{name}-any-port") };
        table.mark(&name, number, *port, pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupMarks;

    #[test]
    fn nothing_to_mark_asks_the_kernel_nothing() {
        assert_eq!(Marker::default().apply(&Marking::default()), Ok(()));
    }

    #[test]
    fn a_family_without_packets_has_no_table() {
        let mark = std::num::NonZeroU32::MIN;
        let marks =
            [((Protocol::Tcp, [192, 0, 2, 1].into(), 80), mark), ((Protocol::Udp, [192, 0, 2, 1].into(), 0), mark)];
        let marking = Marking { marks: marks.into(), ..Marking::default() };
        let length = |family| {
            let mut batch = Batch::new(0);
            add(&mut batch, family, &marking);
            batch.finish().0.len()
        };
        let empty = Batch::new(0).finish().0.len();
        assert!(length(rules::NFPROTO_IPV4) > empty);
        assert_eq!(length(rules::NFPROTO_IPV6), empty);
    }

    /// The mark of a connection to this host's loopback, in a namespace of its own.
    fn marked_connection(marker: &mut Marker) -> Option<u32> {
        let up = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status();
        if !up.is_ok_and(|status| status.success()) {
            return None;
        }
        std::fs::write("/proc/sys/net/ipv4/tcp_fwmark_accept", "1").ok()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let mark = std::num::NonZeroU32::new(1000).unwrap();
        let marks = [((Protocol::Tcp, to.ip(), to.port()), mark)].into();
        marker.apply(&Marking { marks, ..Marking::default() }).unwrap();
        let _client = std::net::TcpStream::connect(to).unwrap();
        let (stream, _) = listener.accept().unwrap();
        Some(nix::sys::socket::getsockopt(&stream, nix::sys::socket::sockopt::Mark).unwrap())
    }

    #[test]
    fn the_kernel_takes_it() {
        use nix::sched::{CloneFlags, unshare};
        let mark = |number| std::num::NonZeroU32::new(number).unwrap();
        let marks = [
            ((Protocol::Tcp, [192, 0, 2, 1].into(), 80), mark(1000)),
            ((Protocol::Sctp, [192, 0, 2, 1].into(), 0), mark(1001)),
            ((Protocol::Udp, "2001:db8::1".parse().unwrap(), 53), mark(1002)),
            ((Protocol::Udp, "2001:db8::1".parse().unwrap(), 0), mark(1002)),
        ];
        let full = Marking { marks: marks.into(), ..Marking::default() };
        let less = Marking { marks: marks[..1].iter().copied().collect(), ..Marking::default() };
        let other = GroupMarks { table: "other".to_owned(), ..GroupMarks::default() };
        let moved = Marking { place: other, ..full.clone() };
        // A namespace that lives as long as its only thread.
        let outcomes = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).ok()?;
            let mut marker = Marker::default();
            let mut outcomes: Vec<_> =
                [&full, &less, &moved, &Marking::default()].map(|marking| marker.apply(marking)).into();
            // A socket that is accepted can have the mark of the packet that asked for it.
            let marked = marked_connection(&mut marker)?;
            outcomes.push(if marked == 1000 { Ok(()) } else { Err(format!("the mark {marked}")) });
            // One that comes after a killed one finds its table.
            outcomes.push(Marker::default().apply(&full));
            outcomes.push(Marker::default().apply(&less));
            Some(outcomes)
        });
        match outcomes.join().unwrap() {
            Some(outcomes) => assert_eq!(outcomes, vec![Ok(()); 7]),
            None => crate::shell::skip("no network namespace can be made here"),
        }
    }

    /// Loads a firewall as most are loaded: `nft flush ruleset`.
    fn flush_ruleset() {
        let mut filter = Filter { socket: Some(open().unwrap()), ..Filter::default() };
        let mut batch = Batch::new(0);
        batch.message(rules::NFT_MSG_DELTABLE, 0, 0, &super::super::batch::Attributes::new());
        filter.run(batch).unwrap();
    }

    #[test]
    fn what_others_do_to_it_is_noticed_and_can_be_put_back() {
        use nix::sched::{CloneFlags, unshare};
        let mark = std::num::NonZeroU32::new(1000).unwrap();
        let of = move |port| Marking {
            marks: [((Protocol::Tcp, [127, 0, 0, 1].into(), port), mark)].into(),
            ..Marking::default()
        };
        let seen = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).ok()?;
            let (mut marker, poll) = (Marker::default(), mio::Poll::new().unwrap());
            marker.watch(poll.registry(), Token(0)).unwrap();
            let mut seen = Vec::new();
            let mut look = |marker: &mut Marker| seen.push(marker.touched().unwrap());
            marker.apply(&of(80)).unwrap();
            marker.apply(&of(81)).unwrap();
            look(&mut marker);
            flush_ruleset();
            look(&mut marker);
            marker.restore().unwrap();
            look(&mut marker);
            // Nobody has deleted it, but it is another.
            Marker::default().apply(&of(82)).unwrap();
            look(&mut marker);
            // Ours comes after theirs.
            flush_ruleset();
            marker.restore().unwrap();
            look(&mut marker);
            assert_eq!(marked_connection(&mut marker), Some(1000));
            // What was not there is not missed.
            marker.apply(&Marking::default()).unwrap();
            flush_ruleset();
            look(&mut marker);
            Some(seen)
        });
        let Some(seen) = seen.join().unwrap() else {
            return crate::shell::skip("no network namespace can be made here");
        };
        let named = |touched: &Option<Touched>| match touched {
            None => false,
            Some(Touched::By(name, thread)) => !name.is_empty() && *thread > 0,
            Some(Touched::Perhaps) => panic!("{touched:?}"),
        };
        assert_eq!(seen.iter().map(named).collect::<Vec<_>>(), [false, true, false, true, false, false], "{seen:?}");
    }
}
