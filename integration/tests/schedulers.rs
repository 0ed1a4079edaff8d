//! Every scheduler that the kernel has, as clients meet it: how it deals them out, and what becomes of them when the weight of a
//! server that has clients becomes 0.
//!
//! The latter is what drains, reloads and sorry servers go by (`ServiceSettings::passes_over_zero`): a server waits at weight 0 for
//! its connections to end only where that costs nobody else an answer. It takes an edit to see it. A server that was added with
//! weight 0 never had a place in the tables of `sh` and `mh`; one that had keeps it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use integration::nat::NatLab;
use integration::node::Node;
use integration::traffic::EchoServer;
use integration::{Ipvsd, lab_test};
use ipvsd::model::{Scheduler, SchedulerFlags, ServiceSettings};
use socket2::{Domain, Socket, Type};

/// Clients, each with an address of its own: 198.51.100.101 and on.
const CLIENTS: u8 = 48;
/// How long an answer is waited for where one must come.
const ANSWER: Duration = Duration::from_secs(10);

/// How clients are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deal {
    /// To all servers alike.
    Evenly,
    /// In proportion to weights.
    ByWeight,
    /// By lot: to all servers.
    ByLot,
    /// To all servers, and those of one client to one server.
    BySource,
    /// To all servers, and each connection of a client by itself.
    ByPort,
    /// All of one address that is called to one server.
    ByDestination,
    /// The same, until that one has more than its weight.
    ByDestinationAndLoad,
    /// The greatest weight takes all.
    Heaviest,
    /// The greatest weight takes connections until it has more than that many, then the next.
    Overflow,
}

const fn deal(settings: &ServiceSettings) -> Deal {
    match (settings.scheduler, settings.flags.flag_2) {
        (Scheduler::RoundRobin | Scheduler::LeastConnection, _) => Deal::Evenly,
        (
            Scheduler::WeightedRoundRobin
            | Scheduler::WeightedLeastConnection
            | Scheduler::ShortestExpectedDelay
            | Scheduler::NeverQueue,
            _,
        ) => Deal::ByWeight,
        (Scheduler::PowerOfTwo, _) => Deal::ByLot,
        (Scheduler::SourceHash | Scheduler::MaglevHash, false) => Deal::BySource,
        (Scheduler::SourceHash | Scheduler::MaglevHash, true) => Deal::ByPort,
        (Scheduler::DestinationHash, _) => Deal::ByDestination,
        (Scheduler::LocalityBased | Scheduler::LocalityBasedReplicated, _) => Deal::ByDestinationAndLoad,
        (Scheduler::Failover, _) => Deal::Heaviest,
        (Scheduler::Overflow, _) => Deal::Overflow,
    }
}

/// Each scheduler with all of its flags that have names.
fn kinds() -> Vec<ServiceSettings> {
    let flags = |scheduler: Scheduler| {
        let named = scheduler.flag_names()[0] != "flag-1";
        let all = [(false, false), (true, false), (false, true), (true, true)];
        all.into_iter().take(if named { all.len() } else { 1 })
    };
    let all = Scheduler::ALL.into_iter().flat_map(|scheduler| flags(scheduler).map(move |flags| (scheduler, flags)));
    let settings = |(scheduler, (flag_1, flag_2))| ServiceSettings {
        scheduler,
        flags: SchedulerFlags { flag_1, flag_2, ..SchedulerFlags::default() },
        persistence: None,
    };
    all.map(settings).collect()
}

fn words(settings: &ServiceSettings) -> Vec<&'static str> {
    let [first, second, _] = settings.scheduler.flag_names();
    let flags = [(settings.flags.flag_1, first), (settings.flags.flag_2, second)];
    let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name);
    std::iter::once(settings.scheduler.name()).chain(flags).collect()
}

/// One of the services under test.
struct Scene {
    settings: ServiceSettings,
    port: u16,
}

impl Scene {
    fn name(&self) -> String {
        words(&self.settings).join(" ")
    }

    fn to(&self) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, 1], self.port))
    }

    /// Those who are told apart by a table have the same number of places there, so that nobody's share of clients is small.
    fn weights(&self) -> [u32; 3] {
        match deal(&self.settings) {
            Deal::BySource | Deal::ByPort => [1, 1, 1],
            Deal::Evenly
            | Deal::ByWeight
            | Deal::ByLot
            | Deal::ByDestination
            | Deal::ByDestinationAndLoad
            | Deal::Heaviest
            | Deal::Overflow => [20, 40, 60],
        }
    }

    fn conf(&self) -> String {
        let words = words(&self.settings).join("\n  ");
        let mut text = format!(
            "virtual_server {} {} {{\n  lb_algo {words}\n  lb_kind NAT\n  protocol TCP\n",
            self.to().ip(),
            self.port
        );
        for (server, weight) in SERVERS.iter().zip(self.weights()) {
            writeln!(text, "  real_server {server} 7 {{\n    weight {weight}\n  }}").unwrap();
        }
        text + "}\n"
    }

    /// What is wrong about who got so many clients, of servers with these weights.
    fn wrong(&self, weights: [u32; 3], round: &[Option<Talk>]) -> Option<String> {
        let served = tally(round);
        let total: u32 = served.iter().sum();
        let takes = |n: &usize| weights[*n] > 0;
        let heaviest = (0..3).max_by_key(|n| weights[*n]).unwrap();
        let shares = |parts: [u32; 3]| {
            let whole: u32 = parts.iter().sum();
            (0..3).all(|n| (total * parts[n] / whole).abs_diff(served[n]) <= 1)
        };
        let some = || (0..3).filter(takes).all(|n| served[n] > 0);
        let right = match deal(&self.settings) {
            Deal::Evenly => shares(weights.map(|weight| weight.min(1))),
            Deal::ByWeight => shares(weights),
            Deal::ByLot | Deal::BySource | Deal::ByPort => some(),
            Deal::ByDestination => served.iter().filter(|count| **count > 0).count() <= 1,
            Deal::ByDestinationAndLoad => longest_run(round) >= 20,
            Deal::Heaviest => served[heaviest] == total,
            Deal::Overflow => served[heaviest] == total.min(weights[heaviest] + 1),
        };
        (!right).then(|| format!("{:?}, but the weights {weights:?} got {served:?}", deal(&self.settings)))
    }
}

const SERVERS: [&str; 3] = ["10.0.0.11", "10.0.0.12", "10.0.0.13"];

/// A connection that stays open, and the number of the server at its other end.
struct Talk {
    stream: TcpStream,
    server: usize,
}

impl Talk {
    fn open(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&to.into(), ANSWER)?;
        let mut talk = Self { stream: socket.into(), server: 0 };
        talk.stream.set_read_timeout(Some(ANSWER))?;
        talk.server = talk.ask()?;
        Ok(talk)
    }

    /// Who is there: the echo server's name is that of its node, `s1` and on.
    fn ask(&mut self) -> io::Result<usize> {
        writeln!(self.stream, "who?")?;
        let mut answer = String::new();
        BufReader::new(&self.stream).read_line(&mut answer)?;
        let number = answer.strip_prefix('s').and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        number.map(|number| number - 1).ok_or_else(|| io::Error::other(format!("{answer:?} is no answer")))
    }
}

/// Every client calls once, one after the other; `None`: it is refused.
fn round(client: &Node, to: SocketAddr) -> Vec<Option<Talk>> {
    client.enter(|| {
        let from = (101..=100 + CLIENTS).map(|n| IpAddr::from(Ipv4Addr::new(198, 51, 100, n)));
        let call = |from| match Talk::open(from, to) {
            Ok(talk) => Some(talk),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => None,
            Err(error) => panic!("{from} to {to}: {error}"),
        };
        from.map(call).collect()
    })
}

fn tally(round: &[Option<Talk>]) -> [u32; 3] {
    let mut served = [0; 3];
    for talk in round.iter().flatten() {
        served[talk.server] += 1;
    }
    served
}

fn longest_run(round: &[Option<Talk>]) -> usize {
    let runs =
        round.chunk_by(|one, next| one.as_ref().map(|talk| talk.server) == next.as_ref().map(|talk| talk.server));
    runs.map(<[_]>::len).max().unwrap_or(0)
}

/// Those who come again in another round and get another server, of servers that get anybody at all.
fn moved(first: &[Option<Talk>], again: &[Option<Talk>], takes: [u32; 3]) -> usize {
    let pairs = first.iter().zip(again).filter_map(|(first, again)| Some((first.as_ref()?, again.as_ref()?)));
    pairs.filter(|(first, again)| takes[first.server] > 0 && first.server != again.server).count()
}

/// What a scheduler does otherwise than it is known for here.
fn play(scene: &Scene, client: &Node, to_zero: impl FnOnce(usize)) -> Vec<String> {
    let mut wrong = Vec::new();
    let weights = scene.weights();
    let mut first = round(client, scene.to());
    let served = tally(&first);
    if first.iter().any(Option::is_none) {
        wrong.push(format!("refused though every server has weight: {served:?}"));
    }
    wrong.extend(scene.wrong(weights, &first));
    if deal(&scene.settings) == Deal::BySource {
        let moved = moved(&first, &round(client, scene.to()), weights);
        if moved > 0 {
            wrong.push(format!("{moved} clients came again and got another server"));
        }
    }

    // Whoever got most is set to 0, so that it is somebody who had clients.
    let quiet = (0..3).max_by_key(|n| served[*n]).unwrap();
    to_zero(quiet);
    let mut takes = weights;
    takes[quiet] = 0;
    let second = round(client, scene.to());
    let dealt = tally(&second);
    let refused = second.iter().filter(|talk| talk.is_none()).count();
    println!("{}: {served:?}, then {dealt:?} and {refused} refused", scene.name());
    if dealt[quiet] > 0 {
        wrong.push(format!("clients of the server at weight 0: {dealt:?}"));
    }
    match (scene.settings.passes_over_zero(), refused) {
        (true, 0) => wrong.extend(scene.wrong(takes, &second)),
        (true, refused) => wrong.push(format!("passes over weight 0, but {refused} of {CLIENTS} clients are refused")),
        (false, 0) => wrong.push("does not pass over weight 0, but nobody is refused".to_owned()),
        (false, _) => {}
    }
    let moved = moved(&first, &second, takes);
    match deal(&scene.settings) {
        // `sh` shares its table out anew at each edit.
        Deal::BySource if scene.settings.scheduler == Scheduler::MaglevHash && moved > 0 => {
            wrong.push(format!("{moved} clients lost a server that has weight"));
        }
        Deal::ByPort if moved == 0 => wrong.push("each client came to the same server again".to_owned()),
        Deal::Evenly
        | Deal::ByWeight
        | Deal::ByLot
        | Deal::BySource
        | Deal::ByPort
        | Deal::ByDestination
        | Deal::ByDestinationAndLoad
        | Deal::Heaviest
        | Deal::Overflow => {}
    }
    for talk in first.iter_mut().flatten() {
        let server = talk.server;
        match talk.ask() {
            Ok(answering) if answering == server => {}
            Ok(other) => wrong.push(format!("a connection to server {server} is answered by {other}")),
            Err(error) => wrong.push(format!("a connection to server {server}: {error}")),
        }
    }
    wrong.into_iter().map(|wrong| format!("{}: {wrong}", scene.name())).collect()
}

lab_test! {
    /// Nobody is refused for a server whose weight became 0, or the scheduler is known for it: both are seen, of each.
    fn a_scheduler_deals_as_it_is_known_to_and_passes_over_weight_zero_or_does_not() {
        let net = NatLab::new("schedulers", 3);
        let addresses: Vec<_> = (101..=100 + CLIENTS).map(|n| format!("ip address add 198.51.100.{n}/24 dev eth0")).collect();
        net.client.sh(&addresses.join(" && "));
        let _echoes: Vec<_> =
            SERVERS.iter().zip(&net.nodes).map(|(address, node)| EchoServer::start(node, format!("{address}:7"))).collect();
        let has = |settings: &ServiceSettings| {
            let name = settings.scheduler.name();
            let service = ["-t", "192.0.2.99:9"];
            let there = net.director.command("ipvsadm").arg("-A").args(service).args(["-s", name]).output().success();
            if there {
                net.director.command("ipvsadm").arg("-D").args(service).ok();
            }
            there
        };
        let (here, missing): (Vec<_>, Vec<_>) = kinds().into_iter().partition(has);
        let missing: Vec<_> = missing.iter().map(|settings| settings.scheduler.name()).collect();
        println!("not built here: {missing:?}");
        assert!(missing.iter().all(|name| *name == "twos"), "at most `twos` is not built: {missing:?}");
        let scenes: Vec<_> = (7000..).zip(here).map(|(port, settings)| Scene { settings, port }).collect();

        let conf: String = scenes.iter().map(Scene::conf).collect();
        let ipvsd = Ipvsd::start(&net.director, &conf);
        ipvsd.wait_table("all servers", |table| table.matches("-> 10.0.0.").count() == 3 * scenes.len());
        let wrong: Vec<_> = scenes.iter().flat_map(|scene| {
            play(scene, &net.client, |quiet| {
                let (server, service) = (format!("{}:7", SERVERS[quiet]), scene.to().to_string());
                let output = ipvsd.ctl(&["weight", &server, "0", "--service", &service]);
                assert!(output.success(), "{output:?}");
            })
        }).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        // Each was one edit of an entry that stayed.
        let (table, services) = (net.director.ipvs_table(), scenes.len());
        let quiet = |line: &&str| line.contains("-> 10.0.0.") && line.split_whitespace().nth(3) == Some("0");
        assert_eq!(table.lines().filter(quiet).count(), services, "{table}");
        assert_eq!(ipvsd.show()["balancer"]["steps_applied"], 5 * services, "services, their servers, and an edit each");
    }
}
