//! A machine of the lab: namespaces of its own, and a first process that holds them.
//!
//! A node has its own network, mounts, process ids and host name. Its `/etc`, `/var/lib`
//! and `/var/log` are the real ones under a layer in memory, `/run`, `/proc` and `/sys` are fresh:
//! two nodes can have different files at the paths where a program expects them, and
//! `pidof haproxy` on one does not see the other's. The rest of the file system is shared.
//!
//! How it is made. A thread of this process, the *resident*, unshares the namespaces
//! and stays: whatever it starts, starts inside, without `nsenter` or any other helper. The
//! first thing that it starts is `lab-tool init`, which becomes process 1 of the node.
//! That one holds a pipe from us as a leash; when the pipe closes, because the node
//! is dropped or this process is gone, it ends, and the kernel ends the node with it.
//!
//! Sockets are opened by short-lived threads that join the network namespace only
//! ([`Node::enter`]); a socket stays in the namespace that it was born in, whoever
//! uses it afterwards.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::command::NodeCommand;
use crate::daemon::Daemon;
use crate::{programs, web};

/// Places that programs write to, each under a layer of the node's own.
const LAYERED: [&str; 3] = ["/etc", "/var/lib", "/var/log"];

/// Work for a resident.
type Job = Box<dyn FnOnce() + Send>;

/// A machine of the lab. Clones are the same machine.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    name: String,
    /// Where logs and other files about this node go, on the host.
    folder: PathBuf,
    network: File,
    init: Mutex<Child>,
    init_pid: u32,
    resident: Mutex<mpsc::Sender<Job>>,
    daemons: Mutex<Vec<Daemon>>,
}

impl Node {
    /// Makes a node; its logs go to a folder of its name in `folder`.
    pub(crate) fn new(name: &str, folder: &Path) -> Self {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("the lab's folder is ours to write");
        let tool = programs::bin("lab-tool");
        let (resident, jobs) = mpsc::channel::<Job>();
        let (ready, made) = mpsc::channel();
        let host_name = name.to_owned();
        thread::Builder::new()
            .name(format!("node {name}"))
            .spawn(move || {
                let _ = ready.send(make_namespaces(&host_name, &tool));
                for job in jobs {
                    job();
                }
            })
            .expect("a thread can be started");
        let (network, init) = made
            .recv()
            .expect("the resident answers")
            .unwrap_or_else(|error| panic!("node {name} cannot be made: {error}"));
        Node(Arc::new(Inner {
            name: name.to_owned(),
            folder,
            network,
            init_pid: init.id(),
            init: Mutex::new(init),
            resident: Mutex::new(resident),
            daemons: Mutex::new(Vec::new()),
        }))
    }

    /// The node's name, which is also its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The folder with the node's logs, as seen from everywhere.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.0.folder.clone()
    }

    /// Process id of the node's first process, as seen from outside.
    #[must_use]
    pub fn init_pid(&self) -> u32 {
        self.0.init_pid
    }

    /// A command to run in this node.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> NodeCommand<'_> {
        NodeCommand::new(self, program)
    }

    /// Runs a line of shell (`/bin/sh -e -c`), which must succeed; returns its output.
    ///
    /// # Panics
    ///
    /// When the line fails.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "run for its effect as often as for its output")]
    pub fn sh(&self, line: &str) -> String {
        self.command("/bin/sh").args(["-e", "-c", line]).ok()
    }

    /// Runs a function with this node's network, on a thread of its own that sees the
    /// rest of the world as we do: threads and sockets made in it are in the node.
    ///
    /// # Panics
    ///
    /// When the function does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_network(&self.0.network, work)
    }

    /// Runs a function on the node's resident: in its mounts, with its processes as
    /// children. It must not start threads, and not take long, since every command
    /// waits for it.
    ///
    /// # Panics
    ///
    /// When the function does.
    pub fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        let job: Job = Box::new(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let _ = sender.send(outcome);
        });
        self.0
            .resident
            .lock()
            .expect("no thread panics with a resident in hand")
            .send(job)
            .expect("the resident stays as long as the node");
        match receiver.recv().expect("the resident answers") {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Writes a file in the node, at a path under `/etc`, `/var/lib`, `/var/log` or `/run` for the
    /// node alone; folders are made as needed.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[track_caller]
    pub fn write(&self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        let (path, content) = (path.into(), content.into());
        let shown = path.display().to_string();
        let outcome = self.inside(move || {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            fs::write(&path, content)
        });
        if let Err(error) = outcome {
            panic!("{}: {shown} cannot be written: {error}", self.name());
        }
    }

    /// Reads a text file in the node.
    ///
    /// # Errors
    ///
    /// As [`fs::read_to_string`].
    pub fn read(&self, path: impl Into<PathBuf>) -> io::Result<String> {
        let path = path.into();
        self.inside(move || fs::read_to_string(path))
    }

    /// The value of a network sysctl, by its dotted name (`net.ipv4.ip_forward`).
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    #[track_caller]
    #[must_use]
    pub fn sysctl(&self, name: &str) -> String {
        let path = sysctl_path(name);
        self.enter(move || fs::read_to_string(path))
            .unwrap_or_else(|error| panic!("{}: sysctl {name}: {error}", self.name()))
            .trim()
            .to_owned()
    }

    /// Sets a network sysctl.
    ///
    /// # Panics
    ///
    /// When the kernel refuses.
    #[track_caller]
    pub fn set_sysctl(&self, name: &str, value: &str) {
        let path = sysctl_path(name);
        self.enter(move || fs::write(path, value))
            .unwrap_or_else(|error| panic!("{}: sysctl {name}={value}: {error}", self.name()));
    }

    /// All addresses of the node with the names of their interfaces (or labels).
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, IpAddr)> {
        let found = self
            .enter(|| nix::ifaddrs::getifaddrs().map(Iterator::collect::<Vec<_>>))
            .expect("the kernel lists addresses");
        found
            .into_iter()
            .filter_map(|entry| {
                let address = entry.address?;
                let ip = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                    (Some(v4), _) => IpAddr::V4(v4.ip()),
                    (_, Some(v6)) => IpAddr::V6(v6.ip()),
                    (None, None) => return None,
                };
                Some((entry.interface_name, ip))
            })
            .collect()
    }

    /// Whether an interface has an address, under a label or not.
    #[must_use]
    pub fn has_address(&self, device: &str, ip: IpAddr) -> bool {
        self.addresses().iter().any(|(name, address)| *address == ip && name.split(':').next() == Some(device))
    }

    /// Whether another address can be reached from here: its owner accepts or refuses
    /// a TCP connection (to the discard port). Silence for `patience`, or an
    /// unreachable network, is a no.
    #[must_use]
    pub fn reaches(&self, ip: IpAddr, patience: Duration) -> bool {
        match self.enter(|| web::connect(None, SocketAddr::new(ip, 9), patience)) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        }
    }

    /// Adds an address (`192.0.2.1/24`) to an interface.
    ///
    /// # Panics
    ///
    /// When `ip` refuses.
    #[track_caller]
    pub fn add_address(&self, device: &str, address: &str) {
        self.command("ip").args(["address", "add", address, "dev", device]).ok();
    }

    /// Removes an address from an interface.
    ///
    /// # Panics
    ///
    /// When `ip` refuses.
    #[track_caller]
    pub fn remove_address(&self, device: &str, address: &str) {
        self.command("ip").args(["address", "del", address, "dev", device]).ok();
    }

    /// Takes an interface of the node up or down, as its administrator would.
    ///
    /// # Panics
    ///
    /// When `ip` refuses.
    #[track_caller]
    pub fn set_link(&self, device: &str, up: bool) {
        self.command("ip").args(["link", "set", device, if up { "up" } else { "down" }]).ok();
    }

    /// Adds a route, in the words of `ip route add`.
    ///
    /// # Panics
    ///
    /// When `ip` refuses.
    #[track_caller]
    pub fn add_route(&self, route: &str) {
        self.command("ip").args(["route", "add"]).args(route.split_whitespace()).ok();
    }

    /// The node's IPVS table as `ipvsadm -Ln` prints it.
    ///
    /// # Panics
    ///
    /// When `ipvsadm` fails, as it does where there is no IPVS.
    #[track_caller]
    #[must_use]
    pub fn ipvs_table(&self) -> String {
        self.command("ipvsadm").arg("-Ln").ok()
    }

    /// Loads an IPVS table in the language of `ipvsadm -R` (`-A -t 192.0.2.1:80 -s rr` ...).
    ///
    /// # Panics
    ///
    /// When `ipvsadm` refuses.
    #[track_caller]
    pub fn restore_ipvs_table(&self, rules: &str) {
        self.command("ipvsadm").arg("-R").input(rules).ok();
    }

    /// The PATH of commands: ours, and the system administrator's.
    pub(crate) fn search_path(&self) -> String {
        let ours = std::env::var("PATH").unwrap_or_default();
        format!("{ours}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
    }

    /// Starts a prepared command in the node.
    pub(crate) fn start(&self, mut command: Command) -> io::Result<Child> {
        self.inside(move || command.spawn())
    }

    /// Keeps a daemon's handle, for its log and its end.
    pub(crate) fn remember(&self, daemon: Daemon) {
        self.0.daemons.lock().expect("no thread panics with the daemons in hand").push(daemon);
    }

    /// The daemons started so far, ended ones included.
    #[must_use]
    pub fn daemons(&self) -> Vec<Daemon> {
        self.0.daemons.lock().expect("no thread panics with the daemons in hand").clone()
    }

    /// Ends everything in the node. What is left of its namespaces goes with the last
    /// handle.
    pub(crate) fn power_off(&self) {
        self.0.power_off();
    }
}

impl Inner {
    fn power_off(&self) {
        // Another holder's panic is no reason to leave processes behind.
        let mut init = self.init.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = init.kill();
        // With process 1 the kernel kills the rest, but process 1 is not gone before
        // each of them has been waited for, and some are our children.
        for daemon in self.daemons.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            daemon.kill();
        }
        let _ = init.wait();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.power_off();
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}, init {})", self.name(), self.init_pid())
    }
}

/// Runs a function on a thread that has joined a network namespace.
pub(crate) fn in_network<T: Send>(network: &File, work: impl FnOnce() -> T + Send) -> T {
    let joined = thread::scope(|scope| {
        scope
            .spawn(|| {
                setns(network, CloneFlags::CLONE_NEWNET).expect("root may join a namespace");
                work()
            })
            .join()
    });
    match joined {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A network namespace that lives as long as the file is open.
pub(crate) fn new_network() -> File {
    thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        File::open("/proc/thread-self/ns/net")
    })
    .join()
    .expect("making a namespace does not panic")
    .expect("root may make a network namespace")
}

fn sysctl_path(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name.replace('.', "/"))
}

/// Turns the calling thread into the resident of a new node and starts process 1.
fn make_namespaces(name: &str, tool: &Path) -> io::Result<(File, Child)> {
    let step = |what: &'static str| move |error: nix::Error| io::Error::other(format!("{what}: {error}"));
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWPID,
    )
    .map_err(step("making namespaces"))?;
    let network = File::open("/proc/thread-self/ns/net")?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(step("making mounts private"))?;
    fs::write("/proc/sys/kernel/hostname", name)?;
    mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755")).map_err(step("mounting /run"))?;
    for (number, place) in LAYERED.iter().enumerate() {
        let layer = PathBuf::from(format!("/run/.layers/{number}"));
        fs::create_dir_all(layer.join("upper"))?;
        fs::create_dir_all(layer.join("work"))?;
        let layer = layer.display();
        let options = format!("lowerdir={place},upperdir={layer}/upper,workdir={layer}/work");
        mount(Some("layer"), *place, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
            .map_err(step("laying a layer over /etc, /var/lib or /var/log"))?;
    }
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none).map_err(step("mounting /sys"))?;
    // An address is to be usable at once: no duplicate address detection.
    for scope in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{scope}/accept_dad");
        if Path::new(&path).exists() {
            fs::write(path, "0")?;
        }
    }
    let mut init = Command::new(tool).arg("init").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut word = String::new();
    init.stdout.take().ok_or_else(|| io::Error::other("no pipe from process 1"))?.read_to_string(&mut word)?;
    if word != "ready\n" {
        let _ = init.kill();
        return Err(io::Error::other("process 1 of the node did not get ready"));
    }
    Ok((network, init))
}
