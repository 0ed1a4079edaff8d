//! What a frame says of an address: who has it. Any ARP packet says so of its sender, a neighbour advertisement of its
//! target, and neighbours believe it. So do we, to find out that somebody else uses an address of ours.

use std::fmt;
use std::net::IpAddr;

/// "This address is at this hardware address."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// The hardware address that it is said to be at.
    pub by: Mac,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is at {}", self.address, self.by)
    }
}

/// An Ethernet address, as people read it: `02:00:00:00:00:51`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
