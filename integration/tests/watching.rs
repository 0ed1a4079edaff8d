//! A daemon that reloads by itself when its files change, however they are changed.
//!
//! Each file of the configuration has one virtual router, so that the routers that run tell which files are in force.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use integration::subject::instances;
use integration::{Ipvsd, Node, Topology, bin, native_test, wait_for, wait_until};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);
/// What is said where the files were touched and nothing is new.
const SAME: &str = "their content is what it was";
const MAIN: &str = "/run/lb/keepalived.conf";

fn router(name: &str) -> String {
    let id = name.bytes().map(u32::from).sum::<u32>() % 250 + 1;
    format!(
        "vrrp_instance {name} {{\n  interface eth0\n  virtual_router_id {id}\n  priority 100\n  \
         virtual_ipaddress {{\n    192.0.2.{id}\n  }}\n}}\n"
    )
}

/// A daemon that watches its files.
struct Watched {
    _lab: Topology,
    node: Node,
    ipvsd: Ipvsd,
}

impl Watched {
    /// Starts it once these files are there.
    fn start(name: &str, files: &[(&str, String)]) -> Self {
        let mut lab = Topology::new(name);
        let node = lab.node("n1");
        lab.segment("lan").attach(&node, "eth0", &["192.0.2.254/24"]);
        for (path, text) in files {
            node.write(*path, text.as_bytes());
        }
        let command = node.command(bin("ipvsd")).arg("--config").arg(MAIN).arg("--watch");
        let daemon = command.env("IPVSD_LOG", "info,ipvsd::shell::config_watch=debug").spawn("ipvsd");
        let ipvsd = Ipvsd::adopt(&node, MAIN, daemon);
        ipvsd.wait_answering();
        ipvsd.daemon().wait_log(LONG, "watching the configuration");
        Self { _lab: lab, node, ipvsd }
    }

    /// Does something in the node's own view of the file system.
    fn inside(&self, work: impl FnOnce() + Send + 'static) {
        self.node.inside(work);
    }

    #[track_caller]
    fn wait_routers(&self, what: &str, expected: &[&str]) {
        let took = self.ipvsd.wait_show(&format!("{what}: {expected:?}"), |snapshot| {
            let mut names: Vec<_> = instances(snapshot).iter().filter_map(|found| found["name"].as_str()).collect();
            names.sort_unstable();
            names == expected
        });
        println!("{what}: in force after {took:?}");
    }

    /// Waits until the log has had a text so many times; never more.
    #[track_caller]
    fn wait_said(&self, text: &str, times: usize) {
        wait_for(LONG, &format!("`{text}` for the {times}th time"), || {
            let log = self.ipvsd.daemon().log();
            let said = log.matches(text).count();
            assert!(said <= times, "`{text}` {said} times:\n{log}");
            if said == times { Ok(()) } else { Err(log) }
        });
    }

    fn said(&self, text: &str) -> usize {
        self.ipvsd.daemon().log().matches(text).count()
    }
}

fn main_file(of: &[&str]) -> String {
    let routers: String = of.iter().map(|name| router(name)).collect();
    format!("include conf.d/*.conf\n{routers}")
}

native_test! {
    fn however_a_file_is_written_the_daemon_has_it_whole() {
        let watched = Watched::start("watch-write", &[(MAIN, main_file(&["A"]))]);
        let node = &watched.node;
        watched.wait_routers("start", &["A"]);
        assert_eq!(watched.ipvsd.show()["config"]["watch"], "prompt");

        // As editors, Ansible and rsync do.
        node.write("/run/lb/.keepalived.conf.x3Ff9a", main_file(&["A", "B"]));
        watched.inside(|| fs::rename("/run/lb/.keepalived.conf.x3Ff9a", MAIN).unwrap());
        watched.wait_routers("replaced", &["A", "B"]);
        watched.wait_said(&format!("reload: {MAIN} changed"), 1);
        let reload = watched.ipvsd.show()["config"]["last_reload"].clone();
        assert_eq!((&reload["by"], &reload["applied"]), (&"file-change".into(), &true.into()), "{reload}");
        assert_eq!(reload["cause"], format!("{MAIN} changed"));

        // In place, in two steps with a pause that is longer than any calm: the first half could be run by itself.
        let (half, other) = (main_file(&["C"]), router("D"));
        let pause = Duration::from_millis(1500);
        watched.inside(move || {
            let mut file = File::create(MAIN).unwrap();
            file.write_all(half.as_bytes()).unwrap();
            // The pause is the writer's and what is tested: nothing is expected to have happened by its end.
            std::thread::sleep(pause);
            file.write_all(other.as_bytes()).unwrap();
        });
        watched.wait_routers("written in two steps", &["C", "D"]);
        watched.wait_said("reload: ", 2);

        // Touched, and written with the same bytes.
        let text = node.read(MAIN).unwrap();
        for change in [None, Some(text)] {
            let before = watched.said(SAME);
            match change {
                None => drop(node.sh(&format!("touch {MAIN}"))),
                Some(text) => node.write(MAIN, text),
            }
            wait_until(LONG, "that it was seen", || watched.said(SAME) > before);
        }
        watched.wait_said("reload: ", 2);

        // A reload by hand is told apart, and does not make the watch tell of it again.
        assert!(watched.ipvsd.reload(&main_file(&["E"])).success());
        watched.wait_routers("by hand", &["E"]);
        let by_hand = watched.ipvsd.show()["config"]["last_reload"]["by"].clone();
        assert!(by_hand == "command" || by_hand == "file-change", "{by_hand}");
        watched.ipvsd.stop();
    }

    fn included_files_come_and_go() {
        let watched = Watched::start("watch-include", &[(MAIN, main_file(&["A"]))]);
        let node = &watched.node;
        watched.wait_routers("start", &["A"]);
        // The folder of the pattern is not there yet.
        node.sh("mkdir /run/lb/conf.d");
        node.write("/run/lb/conf.d/b.conf", router("B"));
        watched.wait_routers("a folder and a file in it", &["A", "B"]);
        node.write("/run/lb/conf.d/c.conf", router("C"));
        watched.wait_routers("a second file", &["A", "B", "C"]);
        watched.wait_said("reload: /run/lb/conf.d/c.conf changed", 1);
        let before = watched.said("reload: ");
        node.write("/run/lb/conf.d/note.txt", "not of interest");
        node.sh("rm /run/lb/conf.d/b.conf");
        watched.wait_routers("a file went", &["A", "C"]);
        node.sh("mv /run/lb/conf.d /run/lb/away");
        watched.wait_routers("the folder went", &["A"]);
        node.sh("mv /run/lb/away /run/lb/conf.d");
        watched.wait_routers("the folder is back", &["A", "C"]);
        watched.wait_said("reload: ", before + 3);
        watched.ipvsd.stop();
    }

    fn a_config_map_is_taken_when_its_link_is_turned() {
        let (one, two) = ("/run/map/..2026_01", "/run/map/..2026_02");
        let first = format!("{one}/lb.conf");
        let main = format!("include /run/map/*.conf\n{}", router("M"));
        let watched = Watched::start("watch-map", &[(first.as_str(), router("A")), (MAIN, main)]);
        watched.inside(move || {
            symlink("..2026_01", "/run/map/..data").unwrap();
            symlink("..data/lb.conf", "/run/map/lb.conf").unwrap();
        });
        watched.wait_routers("the map is mounted", &["A", "M"]);
        watched.node.write(format!("{two}/lb.conf"), router("B"));
        watched.inside(move || {
            symlink("..2026_02", "/run/map/..data_tmp").unwrap();
            fs::rename("/run/map/..data_tmp", "/run/map/..data").unwrap();
            fs::remove_dir_all(one).unwrap();
        });
        watched.wait_routers("the map was changed", &["B", "M"]);
        // And the new folder is watched from then on.
        watched.node.write(format!("{two}/lb.conf"), router("C"));
        watched.wait_routers("within the new folder", &["C", "M"]);
        watched.ipvsd.stop();
    }

    fn a_mistake_changes_nothing_and_is_mended_where_it_is() {
        let watched = Watched::start("watch-mistake", &[(MAIN, main_file(&["A"]))]);
        let node = &watched.node;
        let refused = "reload refused, and nothing was changed";
        // What is wrong is in a file that was never in force.
        node.write("/run/lb/extra/x.cf", router("B").replace("priority 100", "priority 5000\n  interface"));
        let with_extra = format!("include extra/x.cf\n{}", main_file(&["A"]));
        node.write(MAIN, with_extra);
        watched.wait_said(refused, 1);
        let log = watched.ipvsd.daemon().log();
        assert!(log.contains("/run/lb/extra/x.cf:") && log.contains(&format!("ipvsctl check {MAIN}")), "{log}");
        watched.wait_routers("refused", &["A"]);
        let config = watched.ipvsd.show()["config"].clone();
        assert_eq!(config["last_reload"]["applied"], false, "{config}");
        let shown = watched.ipvsd.ctl(&["show"]).stdout;
        assert!(shown.contains(", watched") && shown.contains(&format!("({MAIN} changed): refused")), "{shown}");

        node.write("/run/lb/extra/x.cf", router("B"));
        watched.wait_routers("mended", &["A", "B"]);
        watched.wait_said("reload: /run/lb/extra/x.cf changed", 1);
        watched.wait_said(refused, 1);

        // The file itself goes, and comes back.
        watched.inside(|| fs::rename(MAIN, "/run/lb/backup").unwrap());
        watched.wait_said(refused, 2);
        watched.wait_routers("without a file", &["A", "B"]);
        node.write(MAIN, main_file(&["C"]));
        watched.wait_routers("it is back", &["C"]);
        assert!(watched.ipvsd.show()["config"]["refused"].is_null());
        watched.ipvsd.stop();
    }

    fn without_inotify_the_files_are_looked_at() {
        let mut lab = Topology::new("watch-poll");
        let node = lab.node("n1");
        let toml = "/run/lb/ipvsd.toml";
        let text = |keep: &str| format!(
            "[global]\nwatch = true\n{keep}[[service]]\naddress = \"192.0.2.1:80\"\n[[service.server]]\naddress = \"10.0.0.1:80\"\n"
        );
        node.write(toml, text(""));
        // Limits are each user namespace's own. The one of the host must not be touched.
        let line = format!(
            "echo 0 > /proc/sys/user/max_inotify_instances && exec {} --config {toml}",
            bin("ipvsd").display()
        );
        let words = ["--user", "--map-root-user", "--net", "sh", "-c", &line];
        let daemon = node.command("unshare").args(words).spawn("ipvsd");
        daemon.wait_log(LONG, "raise fs.inotify.max_user_watches");
        let ipvsd = Ipvsd::adopt(&node, toml, daemon);
        ipvsd.wait_show("that it polls", |snapshot| snapshot["config"]["watch"] == "polling");
        node.write(toml, text("router-id = \"lb7\"\n"));
        ipvsd.wait_show("a reload", |snapshot| snapshot["config"]["last_reload"]["applied"] == true);
        node.write(toml, text("").replace("watch = true", "watch = false"));
        ipvsd.daemon().wait_log(LONG, "the configuration is not watched any more");
        assert_eq!(ipvsd.show()["config"]["watch"], "off");
        ipvsd.stop();
    }

    fn with_too_few_watches_the_files_are_looked_at_until_there_are_more() {
        let mut lab = Topology::new("watch-few");
        let node = lab.node("n1");
        lab.segment("lan").attach(&node, "eth0", &["192.0.2.254/24"]);
        node.write(MAIN, router("A"));
        // The way to the file needs three: `/`, `/run` and `/run/lb`. The limit is the namespace's own, and the host's is not
        // touched.
        let line = format!(
            "echo 2 > /proc/sys/user/max_inotify_watches && exec {} --config {MAIN} --watch",
            bin("ipvsd").display()
        );
        let words = ["--user", "--map-root-user", "--net", "sh", "-c", &line];
        let daemon = node.command("unshare").args(words).spawn("ipvsd");
        daemon.wait_log(LONG, "inotify, which tells of changes at once, is not to be had (ENOSPC");
        let ipvsd = Ipvsd::adopt(&node, MAIN, daemon);
        ipvsd.wait_show("that it polls", |snapshot| snapshot["config"]["watch"] == "polling");
        node.write(MAIN, router("B"));
        ipvsd.wait_show("a reload", |snapshot| snapshot["config"]["last_reload"]["by"] == "file-change");
        let pid = ipvsd.show()["daemon"]["pid"].to_string();
        let more = "echo 100 > /proc/sys/user/max_inotify_watches";
        let words = ["--user", "--preserve-credentials", "--target", &pid, "sh", "-c", more];
        let raised = node.command("nsenter").args(words).output();
        assert!(raised.status.success(), "{raised:?}");
        ipvsd.wait_show("that the kernel tells of changes", |snapshot| snapshot["config"]["watch"] == "prompt");
        ipvsd.stop();
    }
}
