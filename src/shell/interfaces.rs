//! Which interfaces this host has, and which networks it is connected to by them.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nameindex;
use nix::sys::socket::SockaddrStorage;

/// Their names, in the network namespace of this process. Other names of an interface (`altname`) are not among them: the
/// daemon goes by the names that the kernel tells with each link.
///
/// # Errors
///
/// As the kernel says, or no memory.
pub fn names() -> io::Result<BTreeSet<String>> {
    Ok(if_nameindex()?.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect())
}

/// The addresses of all interfaces with their prefix lengths, in the network namespace of this process; of an address with a peer
/// it is the peer's that counts, since the network is there.
///
/// # Errors
///
/// As the kernel says, or no memory.
pub fn networks() -> io::Result<Vec<(IpAddr, u8)>> {
    let each = getifaddrs()?.filter_map(|entry| {
        let address = entry.address.as_ref().and_then(ip)?;
        let length = match entry.netmask.as_ref().and_then(ip)? {
            IpAddr::V4(mask) => mask.to_bits().leading_ones(),
            IpAddr::V6(mask) => mask.to_bits().leading_ones(),
        };
        let network = entry.destination.as_ref().and_then(ip).unwrap_or(address);
        Some((network, u8::try_from(length).ok()?))
    });
    Ok(each.collect())
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every host has this one.
    #[test]
    fn the_loopback_interface_is_told_with_its_network() {
        assert!(names().unwrap().contains("lo"));
        assert!(networks().unwrap().contains(&("127.0.0.1".parse().unwrap(), 8)), "{:?}", networks());
    }
}
