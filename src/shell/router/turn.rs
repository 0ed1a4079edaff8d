//! The loop itself.

mod news;
mod reading;
mod slice;
mod steering;
mod timer;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::time::clock_gettime;
use tracing::{error, info, warn};

use super::claims::{Next, Posts};
use super::forwarding::Forwarding;
use super::hands::{Done, Hands, Job};
use super::lateness::{Additions, Gauge, Watch};
use super::netlink::{Monitor, Refused, Requests, SteeringMonitor};
use super::record::{Memory, Recorder};
use super::sockets::Sockets;
use super::{Message, Options, RouterEvent, view};
use crate::model::{Config, Scheduling};
use crate::shell::fifos::{Fifos, Share};
use crate::shell::outbox::Outbox;
use crate::shell::scheduling;
use crate::shell::scripts::Runner;
use crate::shell::service_board::ServiceBoard;
use crate::shell::trackers::Trackers;
use crate::vrrp::Router;
use crate::vrrp::engine::{Event, Fact, HostAddress, Input, Listener, Output};

use slice::Slice;

const KNOCK: u64 = 0;
const TIMER: u64 = 1;
const MONITOR: u64 = 2;
const STEERING: u64 = 4;
const FORWARDING: u64 = 3;
/// Tokens from here on are sockets: this and the socket's number.
const SOCKETS: u64 = 1 << 32;

/// Facts taken from the trackers in one turn.
const FACTS_A_TURN: usize = 64;
/// Messages taken from the inbox in one turn.
const MESSAGES_A_TURN: usize = 64;
/// Datagrams of news of links and addresses read in one turn: a host that starts a thousand containers tells of each.
const NEWS_A_TURN: usize = 64;
/// After a socket could not be opened, or links and addresses could not be read, the time until it is tried again.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Loop {
    router: Router,
    epoll: Epoll,
    timer: TimerFd,
    /// What the timer is set to.
    timer_at: Option<Instant>,
    inbox: Receiver<Message>,
    knock: Arc<EventFd>,
    monitor: Monitor,
    forwarding: Forwarding,
    /// What was told of each link on which a frame could not be sent.
    frame_problems: BTreeMap<u32, String>,
    requests: Requests,
    /// Hears of routes and rules, where there are any.
    steering: Option<SteeringMonitor>,
    sockets: Sockets,
    listeners: Vec<Listener>,
    posts: Posts,
    listen_again_at: Option<Instant>,
    resync_at: Option<Instant>,
    listen_problem: Option<String>,
    runner: Runner,
    fifos: Fifos,
    hands: Hands,
    /// The one in force: that it is freed is left to the hands.
    config: Arc<Config>,
    gauge: Arc<Gauge>,
    lateness: Watch,
    additions: Option<Additions>,
    scheduling: Scheduling,
    eyes: Eyes,
    memory: Memory,
    services: Arc<ServiceBoard>,
    /// All of them are to be read, not only what has changed.
    all_services: bool,
    events: Outbox<RouterEvent>,
    first: Option<Arc<Config>>,
    buffer: Vec<u8>,
    /// Whoever waits for the end.
    stopping: Vec<Sender<()>>,
    stopped: bool,
    /// The first configuration is in force.
    started: Arc<AtomicBool>,
}

/// Those who watch what routers watch, and what they have told.
pub(super) struct Eyes {
    pub(super) trackers: Trackers,
    pub(super) facts: Receiver<Fact>,
}

impl Loop {
    pub(super) fn new(
        options: Options,
        inbox: Receiver<Message>,
        knock: Arc<EventFd>,
        runner: Runner,
        hands: Hands,
        eyes: Eyes,
        memory: Memory,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        let monitor = Monitor::open()?;
        let requests = Requests::open()?;
        let forwarding = Forwarding::open()?;
        epoll.add(&*knock, EpollEvent::new(EpollFlags::EPOLLIN, KNOCK))?;
        epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        epoll.add(monitor.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, MONITOR))?;
        epoll.add(forwarding.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, FORWARDING))?;
        Ok(Self {
            router: Router::new(),
            epoll,
            timer,
            timer_at: None,
            inbox,
            knock,
            monitor,
            forwarding,
            frame_problems: BTreeMap::new(),
            requests,
            steering: None,
            sockets: Sockets::default(),
            listeners: Vec::new(),
            posts: Posts::default(),
            listen_again_at: None,
            resync_at: None,
            listen_problem: None,
            runner,
            fifos: Fifos::default(),
            hands,
            config: Arc::default(),
            gauge: Arc::default(),
            lateness: Watch::new(),
            additions: None,
            scheduling: Scheduling::default(),
            eyes,
            memory,
            services: options.services,
            all_services: true,
            events: options.events,
            first: Some(options.config),
            buffer: vec![0; 64 * 1024],
            stopping: Vec::new(),
            stopped: false,
            started: Arc::default(),
        })
    }

    /// What is measured of its lateness.
    pub(super) fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// Whether the first configuration is in force, for whoever must not wait for that.
    pub(super) fn started(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.started)
    }

    /// Runs until told to stop.
    pub(super) fn run(&mut self) {
        // First of all, so that what comes after it is of one moment: it takes as long as the disk does.
        let left = self.memory.recorder.as_ref().map(Recorder::left).unwrap_or_default();
        self.resync();
        self.read_forwarding();
        self.tell_uptime();
        self.tell_left();
        self.router.handle(Input::SteeringLeft(left), Instant::now());
        if let Some(config) = self.first.take() {
            self.configure(config);
        }
        self.apply();
        self.started.store(true, Ordering::Release);
        self.tell(RouterEvent::Ready);
        let mut ready = [EpollEvent::empty(); 64];
        while !self.stopped {
            self.set_timer();
            let count = match self.epoll.wait(&mut ready, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => {
                    error!("the router loop cannot wait for its sockets ({errno}) and ends");
                    return;
                }
            };
            let tokens: Vec<u64> = ready.iter().take(count).map(EpollEvent::data).collect();
            self.turn(&tokens);
        }
        self.fifos.stop();
        self.hands.finish();
        if let Some(recorder) = &self.memory.recorder {
            recorder.finish();
        }
        self.runner.stop(std::mem::take(&mut self.stopping));
    }

    fn turn(&mut self, tokens: &[u64]) {
        // Before anything is read: an advert that came in meanwhile moves the deadline that was missed, and a loop that has
        // just lost its place to another router would seem to have been in time.
        let overdue = self.overdue(Instant::now());
        // Links before packets: a packet on an interface that has just gone is nobody's.
        if tokens.contains(&MONITOR) {
            self.read_monitor();
        }
        if tokens.contains(&STEERING) {
            self.read_steering();
        }
        if tokens.contains(&FORWARDING) {
            self.read_forwarding();
        }
        for token in tokens {
            if let Some(ear) = reading::ear(*token) {
                self.read_packets(ear);
            }
        }
        // After adverts: who takes over by right says so before it announces.
        for token in tokens {
            self.posts.hear(*token, &mut self.router, &mut self.buffer);
        }
        if tokens.contains(&TIMER) {
            self.timer_at = None;
            self.drain_timer();
        }
        let now = Instant::now();
        let still_overdue = self.overdue(now);
        if let Some(warning) =
            still_overdue.max(overdue).and_then(|lateness| self.lateness.see(lateness, &self.gauge, now))
        {
            warn!("{warning}");
        }
        if let Some(lateness) = still_overdue {
            self.additions = Some(Additions::after(lateness, now));
            self.catch_up(now);
        }
        if self.is_due(now) {
            self.router.handle(Input::Deadline, now);
        }
        self.apply();
        if let Some(warning) = scheduling::overran().and_then(|limit| self.lateness.see_overrun(limit, now)) {
            warn!("{warning}");
        }
        if let Some(additions) = self.additions.take() {
            additions.tell();
        }
        self.posts.wake(&self.epoll, now);
        self.sockets.wake(&self.epoll, SOCKETS, now);
        self.give_masters_their_ear(now);
        if self.listen_again_at.is_some_and(|at| at <= now) {
            self.listen();
            self.watch();
        }
        if self.resync_at.is_some_and(|at| at <= now) {
            self.resync();
            self.apply();
        }
        if tokens.contains(&KNOCK) {
            self.read_inbox();
            self.apply();
        }
    }

    /// Not at once: see [`expect_masters`](Sockets::expect_masters).
    fn give_masters_their_ear(&mut self, now: Instant) {
        if self.router.masters_changed() {
            self.sockets.expect_masters(now);
        }
        if self.sockets.wants_masters(now) {
            self.sockets.know_masters(&self.router.take_masters(), now);
        }
    }

    fn read_inbox(&mut self) {
        let _ = self.knock.read();
        for _ in 0..MESSAGES_A_TURN {
            match self.inbox.try_recv() {
                Ok(Message::Configure(config, reply)) => {
                    self.configure(config);
                    self.apply();
                    // Once links, settings and rules are as it wants them.
                    self.hands.give(Job::Answer(reply));
                }
                Ok(Message::Snapshot(reply)) => {
                    self.count_unread();
                    let _ = reply.send(view::instances(&self.router, Instant::now()));
                }
                Ok(Message::Ping(reply)) => {
                    let _ = reply.send(());
                }
                Ok(Message::Stop(reply)) => {
                    self.stopping.push(reply);
                    self.router.handle(Input::Stop, Instant::now());
                }
                Ok(Message::ScriptDone { run, outcome }) => {
                    self.router.handle(Input::ScriptDone { run, outcome }, Instant::now());
                }
                Ok(Message::ScriptsSeen(seen)) => self.router.handle(Input::ScriptsSeen(seen), Instant::now()),
                Ok(Message::Done(done)) => self.handed_back(done),
                Ok(Message::Recorded(number)) => {
                    self.router.handle(Input::SteeringRecorded { number }, Instant::now());
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                    self.read_facts();
                    self.read_services();
                    return;
                }
            }
        }
        // There may be more: in the next turn.
        let _ = self.knock.write(1);
    }

    /// Takes what the trackers have told, so much at a time that no deadline waits for it.
    fn read_facts(&mut self) {
        for _ in 0..FACTS_A_TURN {
            let Ok(fact) = self.eyes.facts.try_recv() else { return };
            self.router.handle(Input::Fact(fact), Instant::now());
        }
        // There may be more: in the next turn.
        let _ = self.knock.write(1);
    }

    fn read_services(&mut self) {
        match self.services.read(self.all_services) {
            Some(facts) => {
                let now = Instant::now();
                self.all_services = false;
                facts.into_iter().for_each(|fact| self.router.handle(Input::Fact(fact), now));
            }
            // The balancer writes there now: in the next turn.
            None => drop(self.knock.write(1)),
        }
    }

    fn configure(&mut self, config: Arc<Config>) {
        let global = &config.global;
        self.runner.secure(global.script_security);
        let fifos = config.router.notify_fifo.iter().chain(&config.router.router_fifo);
        let fifos: Vec<_> = fifos.map(|fifo| (fifo, Share::Owner)).collect();
        self.fifos.configure(&fifos, global.script_user.as_ref(), global.script_security);
        // Before the engine: what it asks to be watched is watched by then.
        self.eyes.trackers.configure(&config);
        self.lateness.configure(&config, &self.gauge);
        for problem in scheduling::apply(&config.router.scheduling, &self.scheduling) {
            warn!("the router loop: {problem}");
        }
        self.scheduling = config.router.scheduling.clone();
        let before = std::mem::replace(&mut self.config, Arc::clone(&config));
        self.router.handle(Input::Configure(config), Instant::now());
        self.hands.give(Job::Forget(before));
        self.all_services = true;
        self.read_services();
    }

    /// Does what the router wants done, in its order; of many routes and rules no more than there is time for, so that no
    /// deadline waits for them.
    fn apply(&mut self) {
        let mut slice = Slice::begin();
        while let Some(output) = slice.next(&mut self.router) {
            match output {
                Output::Listen(listeners) => {
                    self.listeners = listeners;
                    self.listen();
                }
                Output::Send { instance: _, router, index, destination, packet } => {
                    let input = match self.sockets.send(index, destination, &packet) {
                        Ok(()) => Input::Sent { router },
                        Err(error) => Input::SendFailed { router, error: format!("{error} (to {destination})") },
                    };
                    self.router.handle(input, Instant::now());
                }
                Output::AddAddress { instance, index, address } => {
                    let outcome = self.requests.add_address(index, &address);
                    let place = HostAddress { index, address: address.address, prefix_len: address.prefix_len };
                    if let Err(error) = outcome {
                        let error = error.to_string();
                        self.router.handle(Input::AddFailed { instance, address: place, error }, Instant::now());
                    } else if let Some(additions) = &mut self.additions {
                        additions.done();
                    }
                    self.read_monitor();
                }
                Output::RemoveAddress(address) => {
                    match self.requests.remove_address(&address) {
                        Ok(()) => {}
                        // There was nothing to remove, so nothing will be told back.
                        Err(Refused::Absent) => {
                            self.router.handle(Input::AddressGone(address), Instant::now());
                        }
                        Err(error) => {
                            let error = error.to_string();
                            self.router.handle(Input::RemoveFailed { address, error }, Instant::now());
                        }
                    }
                    self.read_monitor();
                }
                Output::Frame { index, address, frame } => {
                    let outcome = self.sockets.send_frame(index, &frame);
                    self.frame_sent(index, address, outcome);
                    self.close_retired();
                }
                Output::RunScript(run) => self.runner.run(run),
                Output::LookAtScripts(looks) => self.runner.look(looks),
                Output::Notify(notice) => self.runner.notify(notice),
                Output::Event(event) => self.log(event),
                Output::Stopped => self.stopped = true,
                Output::UpdateAddress { index, address } => {
                    if let Err(error) = self.requests.update_address(index, &address) {
                        warn!("cannot change {}/{}: {error}", address.address, address.prefix_len);
                    }
                }
                Output::WatchSteering(watch) => self.watch_steering(&watch),
                Output::AddSteering { id, what, links } => self.add_steering(id, &what, &links),
                Output::RemoveSteering { what, links, left } => self.remove_steering(&what, &links, left),
                Output::RecordSteering { number, entries } => self.record_steering(number, entries),
                Output::Fifo(line) => self.fifos.tell(&line),
                Output::AddLink(link) => self.hands.give(Job::AddLink(link)),
                Output::RaiseLink { index, name, settings, group } => {
                    self.hands.give(Job::RaiseLink { index, name, settings, group });
                }
                Output::RemoveLink { index, name } => self.hands.give(Job::RemoveLink { index, name }),
                Output::Sysctl { name, value } => self.hands.give(Job::Hold { name, value }),
                Output::RestoreSysctl { name } => self.hands.give(Job::Restore { name }),
                Output::ReversePathByLink(by_link) => self.hands.give(Job::ReversePathByLink(by_link)),
                Output::Firewall(firewall) => {
                    self.hands.give(Job::Firewall(firewall));
                    if !self.started.load(Ordering::Acquire) {
                        // Links that a predecessor left are switched on already.
                        self.hands.wait();
                    }
                }
                Output::WatchClaims(watches) => {
                    self.posts.want(watches);
                    self.watch();
                }
            }
        }
        if slice.is_cut_short() {
            let _ = self.knock.write(1);
        }
    }

    /// Something that was handed over has come to an end. What the kernel has to tell of it comes first.
    fn handed_back(&mut self, done: Done) {
        self.read_monitor();
        let input = match done {
            Done::LinkFailed { name, at, error } => Input::LinkFailed { name, at, error },
            Done::Firewall(outcome) => Input::Firewall(outcome),
            Done::Heard(opened) => {
                let next = self.posts.take(opened, &self.epoll);
                return self.see_to_posts(next);
            }
        };
        self.router.handle(input, Instant::now());
    }

    /// An announcement has left, or could not: told once for each link and error.
    fn frame_sent(&mut self, index: u32, address: IpAddr, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => drop(self.frame_problems.remove(&index)),
            Err(error) => {
                let error = error.to_string();
                if self.frame_problems.get(&index) != Some(&error) {
                    warn!(index, "cannot announce {address}, and perhaps others, on this interface: {error}");
                    self.frame_problems.insert(index, error);
                }
            }
        }
    }

    /// Tells how long the host has been running. A clock that cannot be read counts as a host that has just started.
    fn tell_uptime(&mut self) {
        let uptime = clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
        self.router.handle(Input::Uptime(uptime), Instant::now());
    }

    /// Tells which addresses a predecessor left. Where they cannot be read they count as somebody else's.
    fn tell_left(&mut self) {
        match self.requests.own_addresses() {
            Ok(left) => self.router.handle(Input::Left(left), Instant::now()),
            Err(error) => warn!("cannot tell which addresses are our own from before: {error}"),
        }
    }

    fn log(&self, event: Event) {
        if !event.is_told() {
            // What follows from it is not left out.
        } else if event.is_warning() {
            warn!("{event}");
        } else {
            info!("{event}");
        }
        if let Event::StateChanged { instance, from, to, reason, more: _, told: _ } = event {
            self.tell(RouterEvent::StateChanged {
                instance: instance.to_string(),
                from,
                to,
                reason: reason.to_string(),
            });
        }
    }

    fn tell(&self, event: RouterEvent) {
        // A supervisor that no longer listens is about to stop us.
        self.events.send(event);
    }

    /// Opens the sockets that are wanted, closes those that are not, and has another try later where it fails.
    fn listen(&mut self) {
        self.listen_again_at = None;
        let synced = self.sockets.sync(&self.listeners, &self.epoll, SOCKETS);
        self.close_retired();
        match synced {
            Ok(()) => self.listen_problem = None,
            Err(problem) => {
                self.listen_again_at = Some(Instant::now() + RETRY);
                if self.listen_problem.as_ref() != Some(&problem) {
                    error!("{problem}; trying again every second");
                    self.listen_problem = Some(problem);
                }
            }
        }
    }

    /// Has the sockets opened that hear claims.
    fn watch(&mut self) {
        let next = self.posts.look_after(&self.epoll);
        self.see_to_posts(next);
    }

    /// What fails is tried again with the others.
    fn see_to_posts(&mut self, next: Next) {
        match next {
            Next::Rest => {}
            Next::Open(batch) => self.hands.give(Job::Hear(batch)),
            Next::Retry => self.listen_again_at = Some(Instant::now() + RETRY),
        }
        self.close_retired();
    }

    fn close_retired(&mut self) {
        let mut retired = self.sockets.take_retired();
        retired.extend(self.posts.take_retired());
        if !retired.is_empty() {
            self.hands.give(Job::Close(retired));
        }
    }
}
