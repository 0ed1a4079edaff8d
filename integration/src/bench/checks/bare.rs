//! The floor: a loop that does nothing but the connects. It shares no code with ours.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike as _;
use socket2::{Domain, Protocol, Socket, Type};

use super::farm::WELL;

/// Descriptors that are asked for.
const FILES: u64 = 65_536;

/// Connects `targets` addresses in turn, `rate` in a second, for so many seconds. Prints how many connects there were, how many
/// failed, seconds of processor time, and the milliseconds that 99 of 100 were not later than.
///
/// # Panics
/// When the machine does not let it.
pub fn run(words: &[String]) {
    let [targets, rate, seconds] = [0, 1, 2].map(|at| words[at].parse::<u32>().expect("a number"));
    // A connection that the servers have not taken yet holds a descriptor, and a busy machine takes them late.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard.max(FILES), hard.max(FILES))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, hard, hard))
        .expect("a limit");
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let files = u32::try_from(files / 2).unwrap_or(u32::MAX);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll");
    let mut places: Vec<Option<Socket>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut events = vec![EpollEvent::empty(); 1024];
    let (mut begun, mut done, mut failed) = (0_u32, 0_u32, 0_u32);
    let mut late = Vec::new();
    let step = Duration::from_secs(1) / rate;
    let started = Instant::now();
    while done < rate * seconds {
        let wait = (started + step * begun).saturating_duration_since(Instant::now());
        let wait = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(1000);
        let count = epoll.wait(&mut events, EpollTimeout::from(wait)).unwrap_or(0);
        for event in &events[..count] {
            let place = usize::try_from(event.data()).expect("a place");
            let Some(socket) = places[place].take() else { continue };
            failed += u32::from(!matches!(socket.take_error(), Ok(None)));
            socket.set_linger(Some(Duration::ZERO)).expect("a socket");
            free.push(place);
            done += 1;
        }
        while begun < rate * seconds && begun - done < files {
            let now = Instant::now();
            let due_at = started + step * begun;
            if due_at > now {
                break;
            }
            late.push(now - due_at);
            let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), Some(Protocol::TCP)).expect("a socket");
            // EINPROGRESS, or the event tells what it is.
            let _ = socket.connect(&SocketAddrV4::new(target(begun % targets), WELL).into());
            let place = free.pop().unwrap_or_else(|| {
                places.push(None);
                places.len() - 1
            });
            let flags = EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            epoll.add(&socket, EpollEvent::new(flags, place as u64)).expect("a place in the epoll");
            places[place] = Some(socket);
            begun += 1;
        }
    }
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("how much it took");
    late.sort_unstable();
    let p99 = late.get(late.len() * 99 / 100).map_or(0.0, Duration::as_secs_f64);
    #[expect(clippy::cast_precision_loss, reason = "seconds of processor time")]
    let processor = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    println!("{done} {failed} {processor} {}", p99 * 1000.0);
}

/// The address of a server.
#[must_use]
pub fn target(n: u32) -> Ipv4Addr {
    let [_, high, middle, low] = n.to_be_bytes();
    Ipv4Addr::new(127, high + 1, middle, low)
}
