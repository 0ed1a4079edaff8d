//! Prints the kernel's IPVS table: `cargo run -p ipvs-sys --example dump`.
//!
//! Exit status: 0 printed, 1 the table could not be read, 2 no IPVS in this kernel, 3 not allowed.

use ipvs_sys::{DestinationEntry, Ipvs, OpenError, ServiceEntry, ServiceId, Statistics};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut ipvs = match Ipvs::open() {
        Ok(ipvs) => ipvs,
        Err(error) => {
            eprintln!("dump: {error}");
            return ExitCode::from(match error {
                OpenError::NoIpvs => 2,
                OpenError::NotPermitted => 3,
                OpenError::Socket(_) | OpenError::Request(_) => 1,
            });
        }
    };
    match print(&mut ipvs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dump: {error}");
            ExitCode::from(1)
        }
    }
}

fn print(ipvs: &mut Ipvs) -> Result<(), Box<dyn Error>> {
    let info = ipvs.info()?;
    let timeouts = ipvs.timeouts()?;
    println!("IPVS {}, connection table of {} buckets", info.version, info.connection_table_size);
    println!(
        "timeouts: tcp {} s, tcp after FIN {} s, udp {} s",
        timeouts.tcp_secs, timeouts.tcp_fin_secs, timeouts.udp_secs
    );
    for daemon in ipvs.daemons()? {
        print!("sync daemon: {} on {}, id {}", daemon.role, daemon.interface, daemon.sync_id);
        if let (Some(group), Some(port)) = (daemon.group, daemon.port) {
            print!(", to {group} port {port}");
        }
        println!();
    }
    let services = ipvs.services()?;
    if services.is_empty() {
        println!("no services");
        return Ok(());
    }
    let ids: Vec<ServiceId> = services.iter().map(|service| service.id).collect();
    let destinations = ipvs.destinations_of(&ids)?;
    for (service, destinations) in services.iter().zip(&destinations) {
        print_service(service);
        for destination in destinations {
            print_destination(destination);
        }
    }
    Ok(())
}

fn print_service(service: &ServiceEntry) {
    let settings = &service.settings;
    println!("\n{}  scheduler {}, flags {}", service.id, settings.scheduler, settings.flags);
    if settings.timeout_secs != 0 {
        print!("    persistence {} s, netmask {}", settings.timeout_secs, settings.netmask);
        if let Some(engine) = &settings.persistence_engine {
            print!(", engine {engine}");
        }
        println!();
    }
    print_statistics("    ", &service.statistics);
}

fn print_destination(destination: &DestinationEntry) {
    let settings = &destination.settings;
    print!("    -> {}  {}, weight {}", destination.id, settings.forwarding, settings.weight);
    if settings.upper_threshold != 0 {
        print!(", thresholds {}..{}", settings.lower_threshold, settings.upper_threshold);
    }
    println!(
        ", connections {} active {} inactive {} persistent",
        destination.active_connections, destination.inactive_connections, destination.persistent_connections
    );
    print_statistics("       ", &destination.statistics);
}

fn print_statistics(indent: &str, statistics: &Statistics) {
    let (total, rate) = (&statistics.counters, &statistics.rates);
    println!(
        "{indent}{} connections ({}/s), in {} packets {} bytes ({} B/s), out {} packets {} bytes ({} B/s)",
        total.connections,
        rate.connections,
        total.incoming_packets,
        total.incoming_bytes,
        rate.incoming_bytes,
        total.outgoing_packets,
        total.outgoing_bytes,
        rate.outgoing_bytes
    );
}
