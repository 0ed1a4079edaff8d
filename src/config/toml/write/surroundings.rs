//! `[global]`, `[sysctl]`, `[router]`, `[static]` and `[[track-group]]`.

use std::time::Duration;

use super::text::{Table, list, quoted, run_as, time};
use super::{Object, Writer, instance};
use crate::config::ip;
use crate::model::{Fifo, GroupMarks, IpvsMissing, OnStop, RouterSettings, Scheduling, SyncDaemon, Timeouts};

impl Writer<'_> {
    pub(super) fn surroundings(&mut self) {
        let config = self.config;
        let table = self.global();
        self.part("[global]", &table, &Object::Global);
        let mut table = Table::default();
        for sysctl in &config.sysctls {
            let number = sysctl.value.parse::<i64>().is_ok_and(|number| number.to_string() == sysctl.value);
            table.set(sysctl.name.clone(), if number { sysctl.value.clone() } else { quoted(&sysctl.value) });
        }
        if !table.is_empty() {
            self.out.push_str("\n[sysctl]\n");
            table.lines("sysctl", &mut self.out);
        }
        let table = router(&config.router);
        if !table.is_empty() {
            self.out.push_str("\n[router]\n");
            table.lines("router", &mut self.out);
        }
        let statics = &config.router.statics;
        let mut table = Table::default();
        table.list("addresses", statics.addresses.iter().map(instance::address).collect());
        table.list("routes", statics.routes.iter().map(|route| quoted(&ip::route_text(route))).collect());
        table.list("rules", statics.rules.iter().map(|rule| quoted(&ip::rule_text(rule))).collect());
        self.part("[static]", &table, &Object::Static);
        for group in &config.router.track_groups {
            let mut table = Table::default();
            table.text("name", &group.name);
            table.set("members", list(group.members.iter().map(|name| quoted(name))));
            self.part("[[track-group]]", &table, &Object::TrackGroup(group.name.clone()));
        }
    }

    fn global(&self) -> Table {
        let global = &self.config.global;
        let mut table = Table::default();
        table.text_if("router-id", global.router_id.as_ref());
        table.flag("exclusive", global.exclusive, false);
        match global.on_stop {
            OnStop::Remove => {}
            OnStop::Keep => table.text("on-stop", "keep"),
            OnStop::Flush => table.text("on-stop", "flush"),
        }
        table.text_if("ipvs-namespace", global.ipvs_namespace.as_ref());
        match global.ipvs_missing {
            IpvsMissing::KeepRouting => {}
            IpvsMissing::Fail => table.text("ipvs-missing", "fail"),
        }
        if let Some(drain) = global.drain {
            table.set("drain", time(drain));
        }
        if let Some(user) = &global.script_user {
            table.set("script-user", run_as(user));
        }
        table.flag("script-security", global.script_security, false);
        table.flag("keep-sysctls", global.keep_sysctls, false);
        table.flag("notify-at-start", global.tell_servers_at_start, false);
        table.flag("log-check-failures", global.tells_failures, false);
        table.table("service-fifo", global.service_fifo.as_ref().map(fifo).unwrap_or_default());
        table.flag("watch", global.watch, false);
        table.number_if("path-marks", global.path_marks);
        table.table("group-marks", global.group_marks.as_ref().map(group_marks).unwrap_or_default());
        table.table("timeouts", timeouts(&global.timeouts));
        table.table("sync-daemon", global.sync_daemon.as_ref().map(sync_daemon).unwrap_or_default());
        table
    }
}

fn group_marks(marks: &GroupMarks) -> Table {
    let mut table = Table::default();
    table.text("table", &marks.table);
    table.number_if("priority", Some(marks.priority).filter(|priority| *priority != GroupMarks::PRIORITY));
    table.number_if("first", Some(marks.first).filter(|first| *first != GroupMarks::FIRST));
    table
}

fn timeouts(timeouts: &Timeouts) -> Table {
    let mut table = Table::default();
    let keys = [("tcp", timeouts.tcp_secs), ("tcp-fin", timeouts.tcp_fin_secs), ("udp", timeouts.udp_secs)];
    for (key, secs) in keys {
        if let Some(secs) = secs {
            table.set(key, time(Duration::from_secs(secs.get().into())));
        }
    }
    table
}

fn sync_daemon(daemon: &SyncDaemon) -> Table {
    let mut table = Table::default();
    table.text("interface", &daemon.interface);
    table.text_if("instance", daemon.instance.as_ref());
    table.number_if("id", daemon.id);
    table.number_if("max-length", daemon.max_len);
    table.number_if("port", daemon.port);
    table.number_if("ttl", daemon.ttl);
    table.text_if("group", daemon.group.map(|group| group.to_string()));
    table
}

fn router(settings: &RouterSettings) -> Table {
    let mut table = Table::default();
    table.time("startup-delay", settings.startup_delay, Duration::ZERO);
    table.time("delay-after-boot", settings.delay_after_boot, Duration::ZERO);
    table.flag("log-unknown-vrids", settings.log_unknown_vrids, false);
    table.flag("igmp", !settings.no_igmp, true);
    let delays = settings.interface_delays.iter().map(|delay| {
        let mut table = Table::default();
        table.text("interface", &delay.interface);
        table.set("down", time(delay.down));
        table.time("up", delay.up, delay.down);
        table.inline()
    });
    table.list("interface-delays", delays.collect());
    let groups = settings.garp_groups.iter().map(|group| {
        let mut table = Table::default();
        table.set("interfaces", list(group.interfaces.iter().map(|name| quoted(name))));
        table.time("arp-interval", group.arp_interval, Duration::ZERO);
        table.time("na-interval", group.na_interval, Duration::ZERO);
        table.inline()
    });
    table.list("announce-groups", groups.collect());
    table.table("notify-fifo", settings.notify_fifo.as_ref().map(fifo).unwrap_or_default());
    table.table("router-fifo", settings.router_fifo.as_ref().map(fifo).unwrap_or_default());
    table.flag("fifo-states-on-reload", settings.fifo_states_on_reload, false);
    table.text_if("firewall-table", settings.firewall_table.as_ref());
    table.number_if("firewall-priority", settings.firewall_priority);
    table.text_if("vmac-prefix", settings.vmac_prefix.as_ref());
    table.text_if("vmac-address-prefix", settings.vmac_address_prefix.as_ref());
    table.table("scheduling", scheduling(&settings.scheduling));
    table
}

fn fifo(fifo: &Fifo) -> Table {
    let mut table = Table::default();
    table.text("path", &fifo.path);
    if let Some(owner) = &fifo.owner {
        table.set("owner", run_as(owner));
    }
    if let Some(script) = &fifo.script {
        table.set("script", instance::command(script));
    }
    table
}

fn scheduling(scheduling: &Scheduling) -> Table {
    let mut table = Table::default();
    table.number_if("nice", scheduling.nice);
    table.number_if("realtime", scheduling.realtime);
    if let Some(micros) = scheduling.realtime_limit_micros {
        table.set("realtime-limit", time(Duration::from_micros(micros)));
    }
    table.list("processors", scheduling.processors.iter().map(u16::to_string).collect());
    table.flag("lock-memory", scheduling.lock_memory, false);
    if let Some(bound) = scheduling.lateness_warning {
        table.set("lateness-warning", time(bound));
    }
    table
}
