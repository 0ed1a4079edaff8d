//! Work that comes out of the engine, and what it consists of.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Event, Firewall, HostAddress, Kept, NewLink, Serial, Steering, SteeringWatch, Watch};
use crate::model::{Family, Notice, ScriptLook, ScriptRun, VirtualAddress, VrrpVersion};

/// A socket that is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Interface that it is bound to; 0 for one that is bound to none. Packets are told, and sent, with this number.
    pub index: u32,
    /// The interface's name; empty for none.
    pub interface: String,
    /// Family.
    pub family: Family,
    /// Adverts with an authentication header (protocol 51) come in here, and not those without (protocol 112).
    pub header: bool,
    /// Virtual routers whose adverts come in here, with their versions.
    pub routers: BTreeSet<(u8, VrrpVersion)>,
    /// Groups to join on it.
    pub groups: BTreeSet<IpAddr>,
    /// Bytes that its receive buffer is to have; `None`: nobody has said.
    pub receive_buffer: Option<u32>,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Exactly these sockets are needed from now on. Comes before anything that needs a new one.
    Listen(Vec<Listener>),
    /// Send a packet whose IP header is ready.
    Send {
        /// Virtual router that it is from.
        instance: Arc<str>,
        /// The same for the answer: by then, another router may have the name.
        router: Serial,
        /// Interface, as in [`Listener`].
        index: u32,
        /// Where to.
        destination: IpAddr,
        /// The packet.
        packet: Vec<u8>,
    },
    /// Add an address.
    AddAddress {
        /// Virtual router that it is for; empty for a static address.
        instance: Arc<str>,
        /// Interface.
        index: u32,
        /// The address.
        address: VirtualAddress,
    },
    /// Remove an address.
    RemoveAddress(HostAddress),
    /// Send an Ethernet frame.
    Frame {
        /// Interface.
        index: u32,
        /// The address that it announces.
        address: IpAddr,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Run a script; answered by [`Input::ScriptDone`](super::Input::ScriptDone).
    RunScript(ScriptRun),
    /// Call scripts; nobody waits for them.
    Notify(Notice),
    /// Tell people.
    Event(Event),
    /// Everything was left. Comes once, last.
    Stopped,
    /// A line for the named pipes; nobody waits for them.
    Fifo(String),
    /// Make a link. The kernel tells when it is there; answered by [`Input::LinkFailed`](super::Input::LinkFailed) otherwise.
    AddLink(NewLink),
    /// Write a link's own settings, which go with it, then put it into a group and switch it on. Answered as `AddLink`.
    RaiseLink {
        /// Its number.
        index: u32,
        /// Its name.
        name: String,
        /// Names and values of `net.*` settings.
        settings: Vec<(String, String)>,
        /// Interface group.
        group: Option<u32>,
    },
    /// Remove a link of our own.
    RemoveLink {
        /// Its number.
        index: u32,
        /// Its name.
        name: String,
    },
    /// Hold a kernel setting. What it was before us is put back by [`Output::RestoreSysctl`] and at the end.
    Sysctl {
        /// `net.ipv4.conf.eth0.arp_ignore`; a slash stands for a dot in an interface's name.
        name: String,
        /// The value.
        value: String,
    },
    /// Put a setting back to what it was before us.
    RestoreSysctl {
        /// Its name.
        name: String,
    },
    /// Whether `rp_filter` is to hold for each interface on its own, so that one can be without: `conf.all`'s, which is the
    /// least for all, is moved into theirs; `false`: put back.
    ReversePathByLink(bool),
    /// Drop exactly this from now on; answered by [`Input::Firewall`](super::Input::Firewall).
    Firewall(Firewall),
    /// Tell news of these routes and rules from now on, and of no others where that can be told apart cheaply.
    WatchSteering(SteeringWatch),
    /// Add a route or a rule; answered by [`Input::Steered`](super::Input::Steered).
    AddSteering {
        /// Number to answer with.
        id: u64,
        /// What.
        what: Arc<Steering>,
        /// Numbers of its hops' links, 0 where the kernel is to choose.
        links: Vec<u32>,
    },
    /// Remove a route or a rule. One that is not there is as good.
    RemoveSteering {
        /// What.
        what: Arc<Steering>,
        /// Numbers of its hops' links, as it was added.
        links: Vec<u32>,
        /// A predecessor left it, and the configuration does not name it.
        left: bool,
    },
    /// Write down that exactly these routes and rules are ours, or may become so. Answered by
    /// [`Input::SteeringRecorded`](super::Input::SteeringRecorded), whatever comes of it: what a configuration newly names
    /// waits for that. The last one replaces all before it, which need not be answered any more.
    RecordSteering {
        /// Number to answer with.
        number: u64,
        /// What is ours.
        entries: Vec<Kept>,
    },
    /// Give an IPv6 address that is on the host other settings, in place.
    UpdateAddress {
        /// Interface.
        index: u32,
        /// The address.
        address: VirtualAddress,
    },
    /// Tell claims of exactly these addresses from now on, by [`Input::Claim`](super::Input::Claim).
    WatchClaims(Vec<Watch>),
    /// See whether these scripts could be run; answered by [`Input::ScriptsSeen`](super::Input::ScriptsSeen).
    LookAtScripts(Vec<ScriptLook>),
}
