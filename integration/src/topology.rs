//! A network of nodes and segments, and its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::node::{Node, new_network};
use crate::segment::{Fabric, Segment};

/// Lines of each log that are shown when a test fails.
const LAST_LINES: usize = 200;

/// Owns the nodes and segments of one test. When it goes, everything in it ends; when
/// it goes because the test panics, the logs of all daemons are printed first.
#[derive(Debug)]
pub struct Topology {
    name: String,
    folder: PathBuf,
    /// Removes the folder at the end, where it is a temporary one.
    _temporary: Option<tempfile::TempDir>,
    fabric: Arc<Fabric>,
    nodes: Vec<Node>,
}

impl Topology {
    /// An empty network. Logs go to a temporary folder, or where `LAB_OUT` is set to
    /// `$LAB_OUT/NAME`, where those of failed tests stay (of all, with `IPVSD_KEEP_LOGS=1`).
    ///
    /// # Panics
    ///
    /// When no namespace can be made: see [`crate::native_test!`].
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (folder, temporary) = match std::env::var_os("LAB_OUT") {
            Some(results) => {
                let folder = Path::new(&results).join(name);
                fs::create_dir_all(&folder).expect("LAB_OUT is ours to write");
                (folder, None)
            }
            None => {
                let folder =
                    tempfile::Builder::new().prefix("ipvsd-").tempdir().expect("the temporary folder is ours to write");
                (folder.path().to_owned(), Some(folder))
            }
        };
        Topology {
            name: name.to_owned(),
            folder,
            _temporary: temporary,
            fabric: Arc::new(Fabric { network: new_network(), next: AtomicU32::new(0) }),
            nodes: Vec::new(),
        }
    }

    /// Adds a machine, with nothing but its loopback interface.
    ///
    /// # Panics
    ///
    /// When the name is taken, or the kernel refuses.
    pub fn node(&mut self, name: &str) -> Node {
        assert!(self.nodes.iter().all(|node| node.name() != name), "there is a node {name} already");
        let node = Node::new(name, &self.folder);
        self.nodes.push(node.clone());
        node
    }

    /// Adds a switch.
    ///
    /// # Panics
    ///
    /// When the kernel refuses.
    #[must_use]
    pub fn segment(&self, name: &str) -> Segment {
        Segment::new(name, &self.fabric)
    }

    /// The nodes, in the order of their making.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The folder of this network: logs, and whatever else a test wants to keep.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last lines of every log, each under a heading.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            for daemon in node.daemons() {
                let state = match daemon.ended() {
                    Some(status) => status.to_string(),
                    None => "running".to_owned(),
                };
                text += &format!("--- {} on {} ({state})\n", daemon.name(), node.name());
                let log = daemon.log();
                let lines: Vec<&str> = log.lines().collect();
                let skipped = lines.len().saturating_sub(LAST_LINES);
                if skipped > 0 {
                    text += &format!("... {skipped} lines\n");
                }
                for line in &lines[skipped..] {
                    text += line;
                    text.push('\n');
                }
            }
        }
        text
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("the daemons of {} said:\n{}", self.name, self.logs());
        }
        for node in &self.nodes {
            node.power_off();
        }
        if !std::thread::panicking() && std::env::var_os("IPVSD_KEEP_LOGS").is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
