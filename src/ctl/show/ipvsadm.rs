//! The listing of `ipvsadm -Ln`, byte for byte, for scripts that read it.
//!
//! Layout and order are those of ipvsadm 1.31 as found by running it. Some of its ways need saying:
//!
//! - It compares addresses and firewall marks by the sign of a 32-bit difference, which is no order where they are more than 2^31 apart
//!   (10.0.0.1 comes after 192.168.0.1, and before 130.0.0.1). What comes out then depends on how the C library sorts, and
//!   on the order in which the kernel lists. So the sort here is that library's too: merging halves, the shorter first.
//! - With `sh` and `mh` it knows the names of two flags of three, and leaves empty parentheses where only the third is set.
//! - It has no name for the forwarding of a cache bypass, nor for a protocol beside TCP, UDP and SCTP, and prints `(null)` and `?`.

use std::cmp::Ordering;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::api::{BalancerView, ServerView, ServiceView};

/// The whole listing.
pub(super) fn listing(balancer: &BalancerView) -> String {
    let mut out = String::new();
    let version = balancer.kernel.version.as_deref().unwrap_or("unknown");
    let size = balancer.kernel.connection_table_size.unwrap_or_default();
    // Writing to a string does not fail, here and below.
    let _ = writeln!(out, "IP Virtual Server version {version} (size={size})");
    out.push_str("Prot LocalAddress:Port Scheduler Flags\n");
    out.push_str("  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");

    let present = balancer.services.iter().filter(|service| service.present);
    let services = in_kernel_order(present, |service| service.kernel_position)
        .into_iter()
        .map(|service| (ServiceOrder::of(service), service))
        .collect();
    for (_, service) in merge_sort(services, &|(a, _), (b, _)| a.before_or_same(b)) {
        service_line(&mut out, service);
        let present = service.servers.iter().filter(|server| server.present);
        let servers = in_kernel_order(present, |server| server.kernel_position)
            .into_iter()
            .map(|server| (ServerOrder::of(server), server))
            .collect();
        for (_, server) in merge_sort(servers, &|(a, _), (b, _)| a.before_or_same(b)) {
            let _ = writeln!(
                out,
                "  -> {:<28} {:<7} {:<6} {:<10} {:<10}",
                endpoint(&server.address, server.port),
                forwarding(&server.forwarding),
                server.weight,
                server.active_connections,
                server.inactive_connections
            );
        }
    }
    out
}

fn service_line(out: &mut String, service: &ServiceView) {
    match service.protocol.as_str() {
        "fwmark" => {
            // It prints marks as signed numbers.
            let mark = service.address.parse::<u32>().unwrap_or_default().cast_signed();
            let _ = write!(out, "FWM  {mark}");
            if service.ipv6 {
                out.push_str(" IPv6");
            }
        }
        protocol => {
            let address = endpoint(&service.address, service.port);
            let name = if protocol_number(protocol).is_some() { "?" } else { &protocol.to_uppercase() };
            let _ = write!(out, "{name:<4} {address}");
        }
    }
    let _ = write!(out, " {}", service.scheduler);
    scheduler_flags(out, service);
    if let Some(secs) = service.persistence_secs {
        let _ = write!(out, " persistent {secs}");
        match (&service.persistence_mask, service.persistence_prefix) {
            (Some(mask), _) => {
                let _ = write!(out, " mask {mask}");
            }
            (None, Some(prefix)) if service.ipv6 => {
                let _ = write!(out, " mask {prefix}");
            }
            (None, Some(prefix)) => {
                let bits = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or_default();
                let _ = write!(out, " mask {}", Ipv4Addr::from_bits(bits));
            }
            (None, None) => {}
        }
        if let Some(engine) = &service.persistence_engine {
            let _ = write!(out, " pe {engine}");
        }
    }
    if service.flags.iter().any(|flag| flag == "ops") {
        out.push_str(" ops");
    }
    out.push('\n');
}

/// Number of a protocol for which there is no name: `protocol-47`.
fn protocol_number(protocol: &str) -> Option<u32> {
    protocol.strip_prefix("protocol-")?.parse().ok()
}

/// It has names for four ways, and lets the C library name the others.
fn forwarding(name: &str) -> &str {
    if matches!(name, "Masq" | "Local" | "Tunnel" | "Route") { name } else { "(null)" }
}

fn scheduler_flags(out: &mut String, service: &ServiceView) {
    let mut flags: Vec<_> = service.flags.iter().map(String::as_str).filter(|flag| *flag != "ops").collect();
    if flags.is_empty() {
        return;
    }
    if matches!(service.scheduler.as_str(), "sh" | "mh") {
        flags.retain(|flag| *flag != "flag-3");
    }
    let _ = write!(out, " ({})", flags.join(","));
}

/// Address and port. What is no address is printed as it came.
fn endpoint(address: &str, port: u16) -> String {
    match address.parse() {
        Ok(IpAddr::V4(address)) => format!("{address}:{port}"),
        Ok(IpAddr::V6(address)) => format!("[{}]:{port}", numeric(address)),
        Err(_) => format!("{address}:{port}"),
    }
}

/// As `inet_ntop` writes it: an address whose first six groups, and no more, are zero ends like an IPv4 address.
fn numeric(address: Ipv6Addr) -> String {
    let [head @ .., seventh, eighth] = address.segments();
    if head == [0; 6] && seventh != 0 {
        let tail = Ipv4Addr::from_bits(u32::from(seventh) << 16 | u32::from(eighth));
        return format!("::{tail}");
    }
    address.to_string()
}

fn in_kernel_order<'a, T>(rows: impl Iterator<Item = &'a T>, position: impl Fn(&T) -> Option<u32>) -> Vec<&'a T> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| position(row).unwrap_or(u32::MAX));
    rows
}

/// What ipvsadm orders services by, in this order.
struct ServiceOrder {
    mark: u32,
    family: u32,
    protocol: u32,
    address: Words,
    port: u16,
}

impl ServiceOrder {
    fn of(service: &ServiceView) -> Self {
        let mark = (service.protocol == "fwmark").then(|| service.address.parse().ok()).flatten();
        let protocol = match service.protocol.as_str() {
            "udp" => 17,
            "sctp" => 132,
            // Marked packets may be of any protocol; ipvsadm takes them for TCP.
            other => protocol_number(other).unwrap_or(6),
        };
        Self {
            mark: mark.unwrap_or_default(),
            family: if service.ipv6 { 10 } else { 2 },
            protocol,
            address: Words::of(if mark.is_some() { "" } else { &service.address }),
            port: service.port,
        }
    }

    fn before_or_same(&self, other: &Self) -> bool {
        signed(self.mark, other.mark)
            .then(signed(self.family, other.family))
            .then(signed(self.protocol, other.protocol))
            .then_with(|| self.address.compare(&other.address))
            .then(self.port.cmp(&other.port))
            .is_le()
    }
}

/// What ipvsadm orders servers by.
struct ServerOrder {
    address: Words,
    port: u16,
}

impl ServerOrder {
    fn of(server: &ServerView) -> Self {
        Self { address: Words::of(&server.address), port: server.port }
    }

    fn before_or_same(&self, other: &Self) -> bool {
        self.address.compare(&other.address).then(self.port.cmp(&other.port)).is_le()
    }
}

/// An address as the 32-bit words that ipvsadm compares.
struct Words {
    ipv6: bool,
    words: [u32; 4],
}

impl Words {
    fn of(address: &str) -> Self {
        match address.parse() {
            Ok(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h] = address.segments().map(u32::from);
                Self { ipv6: true, words: [a << 16 | b, c << 16 | d, e << 16 | f, g << 16 | h] }
            }
            Ok(IpAddr::V4(address)) => Self { ipv6: false, words: [address.to_bits(), 0, 0, 0] },
            Err(_) => Self { ipv6: false, words: [0; 4] },
        }
    }

    /// The left one's family decides how much is compared: servers of one service may be of both.
    fn compare(&self, other: &Self) -> Ordering {
        let count = if self.ipv6 { 4 } else { 1 };
        let pairs = self.words.iter().zip(&other.words).take(count);
        pairs.map(|(a, b)| signed(*a, *b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// By the sign of the difference.
fn signed(a: u32, b: u32) -> Ordering {
    a.wrapping_sub(b).cast_signed().cmp(&0)
}

/// Sorts as glibc's `qsort` does. That matters because what it is given here is no order.
fn merge_sort<T>(mut rows: Vec<T>, before_or_same: &impl Fn(&T, &T) -> bool) -> Vec<T> {
    if rows.len() < 2 {
        return rows;
    }
    let back = rows.split_off(rows.len() / 2);
    let total = rows.len() + back.len();
    let mut front = merge_sort(rows, before_or_same).into_iter().peekable();
    let mut back = merge_sort(back, before_or_same).into_iter().peekable();
    let mut sorted = Vec::with_capacity(total);
    loop {
        let next = match (front.peek(), back.peek()) {
            (Some(a), Some(b)) if before_or_same(a, b) => front.next(),
            (Some(_), None) => front.next(),
            (_, Some(_)) => back.next(),
            (None, None) => return sorted,
        };
        sorted.extend(next);
    }
}

#[cfg(test)]
mod tests;
