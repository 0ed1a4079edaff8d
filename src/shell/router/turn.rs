//! The loop itself.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;
use tracing::{error, info, warn};

use super::fifos::Fifos;
use super::forwarding::Forwarding;
use super::lateness::{Gauge, Watch};
use super::netlink::{Change, Monitor, Refused, Requests, SteeringMonitor};
use super::nftables::Filter;
use super::scripts::Runner;
use super::sockets::Sockets;
use super::{Message, Options, RouterEvent, view};
use crate::model::{Config, Scheduling};
use crate::shell::scheduling;
use crate::shell::service_board::ServiceBoard;
use crate::shell::sysctl::{Change as SettingChange, LinkSettings};
use crate::shell::trackers::Trackers;
use crate::vrrp::Router;
use crate::vrrp::engine::{Event, Fact, HostAddress, Input, Listener, Output, SteeringWatch};

const KNOCK: u64 = 0;
const TIMER: u64 = 1;
const MONITOR: u64 = 2;
const STEERING: u64 = 4;
const FORWARDING: u64 = 3;
/// Tokens from here on are sockets: this and the socket's number.
const SOCKETS: u64 = 1 << 32;

/// Packets read from one socket in one turn, so that a flood on one interface does not keep deadlines waiting.
const PACKETS_A_TURN: usize = 64;
/// Packets read from one socket before a deadline is believed: more than its buffer holds, so that an advert is found
/// behind any flood.
const PACKETS_BEFORE_A_DEADLINE: usize = 512;
/// Facts taken from the trackers in one turn.
const FACTS_A_TURN: usize = 64;
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
    listen_again_at: Option<Instant>,
    resync_at: Option<Instant>,
    listen_problem: Option<String>,
    runner: Runner,
    fifos: Fifos,
    settings: LinkSettings,
    filter: Filter,
    gauge: Arc<Gauge>,
    lateness: Watch,
    scheduling: Scheduling,
    eyes: Eyes,
    services: Arc<ServiceBoard>,
    /// All of them are to be read, not only what has changed.
    all_services: bool,
    events: Sender<RouterEvent>,
    first: Option<Arc<Config>>,
    buffer: Vec<u8>,
    /// Whoever waits for the end.
    stopping: Vec<Sender<()>>,
    stopped: bool,
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
        settings: LinkSettings,
        eyes: Eyes,
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
            listen_again_at: None,
            resync_at: None,
            listen_problem: None,
            runner,
            fifos: Fifos::default(),
            settings,
            filter: Filter::default(),
            gauge: Arc::default(),
            lateness: Watch::new(),
            scheduling: Scheduling::default(),
            eyes,
            services: options.services,
            all_services: true,
            events: options.events,
            first: Some(options.config),
            buffer: vec![0; 64 * 1024],
            stopping: Vec::new(),
            stopped: false,
        })
    }

    /// What is measured of its lateness.
    pub(super) fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// Runs until told to stop.
    pub(super) fn run(&mut self) {
        self.resync();
        self.read_forwarding();
        self.tell_uptime();
        self.tell_left();
        if let Some(config) = self.first.take() {
            self.configure(config);
        }
        self.apply();
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
        self.settings.close().into_iter().for_each(log_setting);
        self.runner.stop(std::mem::take(&mut self.stopping));
    }

    fn turn(&mut self, tokens: &[u64]) {
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
            if let Some(ear) = token.checked_sub(SOCKETS).and_then(|ear| u32::try_from(ear).ok()) {
                self.read_packets(ear, PACKETS_A_TURN);
            }
        }
        if tokens.contains(&TIMER) {
            self.timer_at = None;
            self.drain_timer();
        }
        let now = Instant::now();
        if let Some(lateness) = self.router.poll_timeout().and_then(|at| now.checked_duration_since(at)) {
            if let Some(warning) = self.lateness.see(lateness, &self.gauge, now) {
                warn!("{warning}");
            }
            self.catch_up();
        }
        if self.is_due(now) {
            self.router.handle(Input::Deadline, now);
        }
        self.apply();
        if self.listen_again_at.is_some_and(|at| at <= now) {
            self.listen();
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

    fn is_due(&self, now: Instant) -> bool {
        self.router.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Reads what came in before a deadline is believed. We may have been stopped between any two instructions, or the wait
    /// may have been interrupted by that (epoll_wait(2) fails with EINTR after SIGCONT): that nothing was heard is true only
    /// of what was listened to.
    fn catch_up(&mut self) {
        let mut ready = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut ready, EpollTimeout::ZERO).unwrap_or(0);
        for event in ready.iter().take(count) {
            if let Some(ear) = event.data().checked_sub(SOCKETS).and_then(|ear| u32::try_from(ear).ok()) {
                self.read_packets(ear, PACKETS_BEFORE_A_DEADLINE);
            }
        }
    }

    /// Reads the timer, so that it is not ready any more. It may not be: a new setting clears it.
    fn drain_timer(&self) {
        let mut expirations = [0; 8];
        let _ = nix::unistd::read(self.timer.as_fd(), &mut expirations);
    }

    fn set_timer(&mut self) {
        let wanted = [self.router.poll_timeout(), self.listen_again_at, self.resync_at].into_iter().flatten().min();
        if wanted == self.timer_at {
            return;
        }
        let set = match wanted {
            Some(at) => {
                // Zero would switch it off.
                let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
                let expiration = Expiration::OneShot(TimeSpec::from_duration(wait));
                self.timer.set(expiration, TimerSetTimeFlags::empty())
            }
            None => self.timer.unset(),
        };
        match set {
            Ok(()) => self.timer_at = wanted,
            Err(errno) => error!("cannot set the router's timer: {errno}"),
        }
    }

    fn read_inbox(&mut self) {
        let _ = self.knock.read();
        loop {
            match self.inbox.try_recv() {
                Ok(Message::Configure(config, reply)) => {
                    self.configure(config);
                    self.apply();
                    let _ = reply.send(Ok(()));
                }
                Ok(Message::Snapshot(reply)) => {
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
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.read_facts();
        self.read_services();
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
        self.fifos.configure(&config.router, global.script_user.as_ref(), global.script_security);
        // Before the engine: what it asks to be watched is watched by then.
        self.eyes.trackers.configure(&config);
        self.lateness.configure(&config, &self.gauge);
        for problem in scheduling::apply(&config.router.scheduling, &self.scheduling) {
            warn!("the router loop: {problem}");
        }
        self.scheduling = config.router.scheduling.clone();
        self.router.handle(Input::Configure(config), Instant::now());
        self.all_services = true;
        self.read_services();
    }

    /// Does what the router wants done, in its order.
    fn apply(&mut self) {
        while let Some(output) = self.router.poll_output() {
            match output {
                Output::Listen(listeners) => {
                    self.listeners = listeners;
                    self.listen();
                }
                Output::Send { instance, index, destination, packet } => {
                    let input = match self.sockets.send(index, destination, &packet) {
                        Ok(()) => Input::Sent { instance },
                        Err(error) => Input::SendFailed { instance, error: format!("{error} (to {destination})") },
                    };
                    self.router.handle(input, Instant::now());
                }
                Output::AddAddress { instance, index, address } => {
                    let outcome = self.requests.add_address(index, &address);
                    let place = HostAddress { index, address: address.address, prefix_len: address.prefix_len };
                    if let Err(error) = outcome {
                        let error = error.to_string();
                        self.router.handle(Input::AddFailed { instance, address: place, error }, Instant::now());
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
                }
                Output::RunScript(run) => self.runner.run(run),
                Output::Notify(notice) => self.runner.notify(notice),
                Output::Event(event) => self.log(event),
                Output::Stopped => self.stopped = true,
                Output::UpdateAddress { index, address } => {
                    if let Err(error) = self.requests.update_address(index, &address) {
                        warn!("cannot change {}/{}: {error}", address.address, address.prefix_len);
                    }
                }
                Output::WatchSteering(watch) => self.watch_steering(&watch),
                Output::AddSteering { id, what, links } => {
                    let outcome = self.requests.add_steering(&what, &links);
                    self.router.handle(Input::Steered { id, outcome }, Instant::now());
                }
                Output::RemoveSteering { what, links } => match self.requests.remove_steering(&what, &links) {
                    Ok(()) | Err(Refused::Absent) => {}
                    Err(error) => warn!("cannot remove {what}: {error}"),
                },
                Output::Fifo(line) => self.fifos.tell(&line),
                Output::AddLink(link) => {
                    let outcome = self.requests.add_link(&link);
                    self.link_outcome(&link.name, outcome);
                }
                Output::RaiseLink { index, name, settings, group } => {
                    settings.iter().filter_map(|(name, value)| self.settings.write(name, value)).for_each(log_setting);
                    let outcome = self.requests.raise_link(index, group);
                    self.link_outcome(&name, outcome);
                }
                Output::RemoveLink { index, name } => {
                    match self.requests.remove_link(index) {
                        Ok(()) | Err(Refused::Absent) => {}
                        Err(error) => warn!("cannot remove interface {name}: {error}"),
                    }
                    self.read_monitor();
                }
                Output::Sysctl { name, value } => self.settings.hold(&name, &value).into_iter().for_each(log_setting),
                Output::RestoreSysctl { name } => self.settings.restore(&name).into_iter().for_each(log_setting),
                Output::ReversePathByLink(true) => self.settings.split_reverse_path().into_iter().for_each(log_setting),
                Output::ReversePathByLink(false) => self.settings.join_reverse_path().into_iter().for_each(log_setting),
                Output::Firewall(firewall) => {
                    let outcome = self.filter.apply(&firewall).map_err(|error| error.to_string());
                    self.router.handle(Input::Firewall(outcome), Instant::now());
                }
            }
        }
    }

    /// Hears what the kernel has to tell of a link, then what it had to say to a request for it.
    fn link_outcome(&mut self, name: &str, outcome: Result<(), Refused>) {
        self.read_monitor();
        match outcome {
            // A link that has just gone is told.
            Ok(()) | Err(Refused::Absent) => {}
            Err(error) => {
                let (name, error) = (name.to_owned(), error.to_string());
                self.router.handle(Input::LinkFailed { name, error }, Instant::now());
            }
        }
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

    /// Reads which interfaces forward IPv6 packets.
    fn read_forwarding(&mut self) {
        let now = Instant::now();
        for (index, on) in self.forwarding.read(&mut self.buffer) {
            self.router.handle(Input::Forwarding { index, on }, now);
        }
    }

    fn log(&self, event: Event) {
        if event.is_warning() {
            warn!("{event}");
        } else {
            info!("{event}");
        }
        if let Event::StateChanged { instance, from, to, reason } = event {
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
        let _ = self.events.send(event);
    }

    /// Opens the sockets that are wanted, closes those that are not, and has another try later where it fails.
    fn listen(&mut self) {
        self.listen_again_at = None;
        match self.sockets.sync(&self.listeners, &self.epoll, SOCKETS) {
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

    fn read_packets(&mut self, ear: u32, most: usize) {
        for _ in 0..most {
            match self.sockets.receive(ear, &mut self.buffer) {
                Ok(Some((index, Ok(received)))) => {
                    self.router.handle(Input::Packet { index, received }, Instant::now());
                }
                // No advert: of another protocol behind an authentication header, say.
                Ok(Some((_, Err(_)))) => {}
                // Empty; or an error of the link (it went down), which rtnetlink tells too.
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn read_monitor(&mut self) {
        loop {
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
                    self.resync();
                    return;
                }
            }
        }
    }

    /// Listens for news of routes and rules, through a filter that fits those that are ours.
    fn watch_steering(&mut self, watch: &SteeringWatch) {
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

    fn read_steering(&mut self) {
        while let Some(monitor) = &self.steering {
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
    fn resync(&mut self) {
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
}

#[allow(clippy::needless_pass_by_value, reason = "the end of a chain of iterators")]
fn log_setting(change: SettingChange) {
    change.log();
}
