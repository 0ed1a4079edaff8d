//! `ipvsctl show`.

mod daemons;
mod ipvsadm;
mod services;
pub(super) mod table;

use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Failure, Status, colours, print};
use crate::api::BalancerView;
use crate::shell::control::client::Client;
use crate::shell::kernel_view::{self, KernelViewError};

/// Show everything at a glance: virtual routers, services, servers, health and since when
#[derive(Debug, Args)]
pub(super) struct Show {
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,

    /// Read the kernel's table without the daemon (needs CAP_NET_ADMIN): no health, no virtual routers
    #[arg(long)]
    kernel: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What people want to know first
    Table,
    /// The same with counters, checks, adverts and kernel settings
    Wide,
    /// Everything, for programs
    Json,
    /// What `ipvsadm -Ln` prints, byte for byte
    Ipvsadm,
}

/// What `show --kernel -o json` prints: the part of a snapshot that the kernel knows, in its usual place.
#[derive(Debug, Serialize)]
struct KernelOnly<'a> {
    balancer: &'a BalancerView,
}

impl Show {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        let text = if self.kernel {
            let balancer = kernel_view::read()?;
            match self.output {
                Format::Table => table::kernel(&balancer, false).render(colours(&io::stdout())),
                Format::Wide => table::kernel(&balancer, true).render(colours(&io::stdout())),
                Format::Json => json(&KernelOnly { balancer: &balancer })?,
                Format::Ipvsadm => ipvsadm::listing(&balancer),
            }
        } else {
            let snapshot = client.snapshot()?;
            match self.output {
                Format::Table => table::snapshot(&snapshot, false).render(colours(&io::stdout())),
                Format::Wide => table::snapshot(&snapshot, true).render(colours(&io::stdout())),
                Format::Json => json(&snapshot)?,
                Format::Ipvsadm if snapshot.balancer.kernel.available => ipvsadm::listing(&snapshot.balancer),
                Format::Ipvsadm => {
                    let problem = snapshot.balancer.kernel.problem.unwrap_or_else(|| {
                        "the daemon has not read the kernel's table; `ipvsctl show --kernel` does".to_owned()
                    });
                    return Err(Failure { status: Status::System, message: problem });
                }
            }
        };
        print(&text)?;
        Ok(Status::Ok)
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure { status: Status::System, message: format!("cannot write JSON: {error}") })?;
    text.push('\n');
    Ok(text)
}

impl From<KernelViewError> for Failure {
    fn from(error: KernelViewError) -> Self {
        let status = if error.is_permission() { Status::Permission } else { Status::System };
        Self { status, message: error.to_string() }
    }
}
