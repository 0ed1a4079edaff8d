//! Events of sockets, taken round by round.
//!
//! A deadline may count only once every answer was taken that lay there before it: after a stall of ours, as when the whole process was
//! stopped, thousands of answers may lie waiting beside deadlines that are over, and none of those is a server's fault. One round takes
//! as many events as fit, so that it takes several until none is left.
//!
//! But whoever keeps sending what answers nothing has an event in each round, and for as long as there are enough of those none is
//! the last. So nobody is waited for twice: the kernel keeps sockets that are ready in a line, and puts one that is ready again at its
//! end. After as many rounds as it takes for all sockets to have had their turn, all that lay there at the first round has been taken.

use std::io;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll};

/// Takes these events, which were there at the `first` moment, and those that wait behind them, until there are none or each of so
/// many sockets has had its turn. Gives the moment up to which everything was taken.
pub(super) fn take(
    poll: &mut Poll,
    events: &mut Events,
    first: Instant,
    sockets: usize,
    mut take: impl FnMut(&Event, Instant),
) -> io::Result<Instant> {
    let room = events.capacity().max(1);
    let mut now = first;
    // One more than it takes for all of them: what is no check's socket has a turn, too.
    for _ in 0..=sockets.div_ceil(room) {
        let mut taken = 0;
        for event in events.iter() {
            taken += 1;
            take(event, now);
        }
        if taken < room {
            return Ok(now);
        }
        match poll.poll(events, Some(Duration::ZERO)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(first),
            Err(error) => return Err(error),
        }
        now = Instant::now();
    }
    // What the last look has shown is shown once.
    events.iter().for_each(|event| take(event, now));
    Ok(first)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    use mio::unix::SourceFd;
    use mio::{Interest, Token};

    use super::*;

    /// So many sockets, each with its other end, in an epoll of their own.
    fn sockets(count: usize) -> (Poll, Vec<(UnixDatagram, UnixDatagram)>) {
        let poll = Poll::new().unwrap();
        let pairs: Vec<_> = (0..count).map(|_| UnixDatagram::pair().unwrap()).collect();
        for (place, (end, _)) in pairs.iter().enumerate() {
            end.set_nonblocking(true).unwrap();
            poll.registry().register(&mut SourceFd(&end.as_raw_fd()), Token(place), Interest::READABLE).unwrap();
        }
        (poll, pairs)
    }

    #[test]
    fn who_never_ends_keeps_nobody_waiting() {
        const COUNT: usize = 7;
        let (mut poll, pairs) = sockets(COUNT);
        assert!(pairs.iter().all(|(_, other)| other.send(b"x").is_ok()));
        let mut events = Events::with_capacity(2);
        poll.poll(&mut events, None).unwrap();
        let before = Instant::now();
        let mut turns = [0; COUNT];
        let mut moments = Vec::new();
        let upto = take(&mut poll, &mut events, Instant::now(), COUNT, |event, now| {
            let Token(place) = event.token();
            turns[place] += 1;
            moments.push(now);
            let (end, other) = &pairs[place];
            while end.recv(&mut [0; 8]).is_ok() {}
            other.send(b"x").unwrap();
        });
        assert!(turns.iter().all(|turns| *turns > 0), "{turns:?}");
        let upto = upto.unwrap();
        assert!(upto >= before && Some(upto) == moments.first().copied(), "what came later may wait for the next turn");
    }

    #[test]
    fn who_ends_is_taken_to_the_last() {
        let (mut poll, pairs) = sockets(7);
        assert!(pairs.iter().all(|(_, other)| other.send(b"x").is_ok()));
        let mut events = Events::with_capacity(2);
        poll.poll(&mut events, None).unwrap();
        let mut turns = [0; 7];
        let mut last = None;
        let upto = take(&mut poll, &mut events, Instant::now(), 7, |event, now| {
            turns[event.token().0] += 1;
            last = Some(now);
        });
        assert_eq!(turns, [1; 7]);
        assert!(upto.unwrap() >= last.unwrap());
    }
}
