//! The snapshot, gathered from both loops and from what the supervisor knows itself.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::Supervisor;
use super::host::Process;
use crate::api::{BalancerView, ConfigView, DaemonView, Snapshot};
use crate::shell::balancer::BalancerHandle;

/// All of it; of the balancer what it is asked for.
pub(super) fn snapshot(supervisor: &Supervisor, ask: fn(&BalancerHandle) -> Receiver<BalancerView>) -> Snapshot {
    let (router, balancer) = supervisor.loops.views();
    let (instances, table) = supervisor.loops.snapshots(ask);
    Snapshot {
        daemon: DaemonView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_secs: supervisor.process.uptime_secs(),
            resident_bytes: Process::resident_bytes(),
            router,
            balancer,
        },
        config: ConfigView {
            file: supervisor.arguments.config.display().to_string(),
            loaded_secs: supervisor.loaded_at.elapsed().as_secs_f64(),
            warnings: supervisor.warnings,
            refused: supervisor.refused.clone(),
            last_reload: supervisor.reloads.view(Instant::now()),
            watch: supervisor.reloads.watch_state(),
        },
        instances,
        balancer: table,
        sysctls: supervisor.settings.views(),
    }
}
