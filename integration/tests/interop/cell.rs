//! One cell of the matrix: two programs, one address, and everything that can happen to either.

use std::fmt;
use std::time::Duration;

use integration::subject::instances;
use integration::{Contender, Node, Program, Tap, Topology, bin, wait_for, wait_until};
use serde_json::Value;

use crate::mode::Mode;

/// Generous: what takes this long on the slowest machine is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const HIGH: u8 = 150;
const LOW: u8 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    Higher,
    Lower,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) mode: Mode,
    pub(crate) higher: Program,
    pub(crate) first: First,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} higher, {:?} first", self.mode, self.higher.name(), self.first)
    }
}

/// The network of a cell; `nodes[0]` has the higher priority.
struct Stage {
    cell: Cell,
    nodes: [Node; 2],
    programs: [Program; 2],
    tap: Tap,
    /// Goes last: it ends what the others use.
    lab: Topology,
}

impl Cell {
    pub(crate) fn run(self) {
        println!("cell: {self}");
        let stage = Stage::new(self);
        let (high, low) = match self.first {
            First::Higher => {
                let high = stage.start(0);
                stage.wait_owner(0);
                let low = stage.start(1);
                stage.rests(0);
                (high, low)
            }
            First::Lower => {
                let low = stage.start(1);
                stage.wait_owner(1);
                let high = stage.start(0);
                stage.wait_owner(0);
                stage.rests(0);
                (high, low)
            }
        };
        // The master dies: it cannot take its address away, the other takes it as well.
        high.kill();
        wait_until(PATIENCE, &format!("{self}: the lower one has the address"), || stage.has(1));
        let high = stage.start(0);
        stage.wait_owner(0);
        stage.rests(0);
        // The master leaves in order.
        stage.drops_nothing(&high);
        high.stop();
        stage.wait_owner(1);
        stage.rests(1);
        let high = stage.start(0);
        stage.wait_owner(0);
        stage.drops_nothing(&low);
        // The backup dies and comes back, which moves nothing.
        low.kill();
        let low = stage.start(1);
        stage.rests_for(0, 5);
        stage.drops_nothing(&high);
        stage.drops_nothing(&low);
        stage.no_complaints();
        // Both leave; nobody keeps the address.
        low.stop();
        high.stop();
        wait_until(PATIENCE, &format!("{self}: the address is nobody's"), || stage.count(0) + stage.count(1) == 0);
        stage.left_nothing();
    }
}

impl Stage {
    fn new(cell: Cell) -> Self {
        let lower = match cell.higher {
            Program::Ipvsd => Program::Keepalived,
            Program::Keepalived => Program::Ipvsd,
        };
        let mut lab = Topology::new(&format!("{}-{}-{:?}", cell.mode, cell.higher.name(), cell.first));
        let lan = lab.segment("lan");
        let nodes = [lab.node("higher"), lab.node("lower")];
        for (node, number) in nodes.iter().zip(1..) {
            let addresses = cell.mode.interface_addresses(number);
            lan.attach(node, "eth0", &[&addresses[0], &addresses[1]]);
        }
        let tap = Tap::start(&nodes[0], "eth0");
        Self { cell, nodes, programs: [cell.higher, lower], tap, lab }
    }

    fn start(&self, which: usize) -> Contender {
        let conf = match which {
            0 => self.cell.mode.conf(1, 2, HIGH, ""),
            _ => self.cell.mode.conf(2, 1, LOW, ""),
        };
        Contender::start(self.programs[which], &self.nodes[which], &conf)
    }

    /// Whether a node has all addresses. One address of two is neither: that is waited over, or fails in the end.
    fn has(&self, which: usize) -> bool {
        self.count(which) == self.cell.mode.vips().len()
    }

    fn count(&self, which: usize) -> usize {
        let addresses = self.nodes[which].addresses();
        self.cell.mode.vips().iter().filter(|vip| addresses.iter().any(|(_, found)| found == *vip)).count()
    }

    fn wait_owner(&self, which: usize) {
        let what = format!("{}: the address on the {} alone", self.cell, ["higher", "lower"][which]);
        wait_for(PATIENCE, &what, || {
            let counts = [self.count(0), self.count(1)];
            if self.has(which) && counts[1 - which] == 0 { Ok(()) } else { Err(format!("addresses: {counts:?}")) }
        });
    }

    /// One master, to the eye of one who sees the wire and the hosts.
    fn rests(&self, which: usize) {
        self.rests_for(which, 2);
    }

    /// One master for so many adverts: after four, a backup that heard none of them would have taken over. The last word of
    /// one that has just given way may come to the tap after its address is gone, and the winner's before it.
    fn rests_for(&self, which: usize, needed: usize) {
        let priority = [HIGH, LOW][which];
        let mark = self.tap.mark();
        wait_for(PATIENCE, &format!("{}: {needed} adverts of the master", self.cell), || {
            assert!(self.has(which) && self.count(1 - which) == 0, "{}: the address moved", self.cell);
            let adverts = self.tap.adverts_from(mark);
            for (_, advert) in adverts.iter().skip(2) {
                assert_eq!(advert.priority, priority, "{}: somebody else sent {advert:?}", self.cell);
            }
            if adverts.len() >= needed + 2 { Ok(()) } else { Err(format!("{} adverts", adverts.len())) }
        });
    }

    /// No link is left, though some who made one were killed.
    fn left_nothing(&self) {
        for node in &self.nodes {
            let shown = node.sh("ip -o link show");
            let links: Vec<_> = shown.lines().filter_map(|line| line.split([':', '@']).nth(1)).map(str::trim).collect();
            assert_eq!(links, ["lo", "eth0"], "{}: links of the {}", self.cell, node.name());
        }
    }

    /// Ours believed every advert.
    fn drops_nothing(&self, contender: &Contender) {
        if contender.program() == Program::Keepalived {
            return;
        }
        let output = contender.node().command(bin("ipvsctl")).args(["show", "-o", "json"]).ok();
        let snapshot: Value = serde_json::from_str(&output).expect("ipvsctl prints JSON");
        let [instance] = instances(&snapshot) else { panic!("{}: not one instance: {snapshot}", self.cell) };
        let dropped = instance["adverts_dropped"].as_array().expect("a list of drops");
        assert!(dropped.is_empty(), "{}: adverts were dropped: {dropped:?}", self.cell);
    }

    /// keepalived believed every advert: what it says about one that it does not like has one of these words.
    fn no_complaints(&self) {
        const COMPLAINTS: [&str; 16] = [
            "checksum",
            "nvalid",
            "ncorrect",
            "ismatch",
            "unexpected",
            "expected",
            "bogus",
            "ignoring",
            "TTL",
            "hop limit",
            "too short",
            "truncated",
            "drop",
            "auth",
            "replay",
            "not equal",
        ];
        for node in &self.nodes {
            for daemon in node.daemons().iter().filter(|daemon| daemon.name() == "keepalived") {
                let log = daemon.log();
                let complaint = log.lines().find(|line| COMPLAINTS.iter().any(|word| line.contains(word)));
                assert_eq!(complaint, None, "{}: keepalived complains in\n{log}", self.cell);
            }
        }
        assert_eq!(self.lab.nodes().len(), 2);
    }
}
