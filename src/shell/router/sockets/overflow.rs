//! Packets that the kernel drops because a socket's buffer is full: it counts them, and tells when it is asked.
//!
//! It is asked after a socket was read, and for a snapshot. (`SO_RXQ_OVFL` would have the figure come with each packet, but
//! as it was when that packet came in: the end of a flood would go untold until there is another packet.)

use nix::{getsockopt_impl, sockopt_impl};

/// Words of `SO_MEMINFO` (`SK_MEMINFO_VARS` of linux/sock_diag.h; Linux 4.12 has as many as 6.18).
const WORDS: usize = 9;
/// The one that counts what was dropped (`SK_MEMINFO_DROPS`).
pub(super) const DROPS: usize = 8;

sockopt_impl!(
    /// What a socket has in memory, and what it had no room for.
    MemoryInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; WORDS]
);

/// The kernel's count as it was when last asked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow(u32);

impl Overflow {
    /// What has come to it since then. The kernel counts in 32 bits and begins anew.
    pub(super) fn since(&mut self, dropped: u32) -> Option<u64> {
        let before = std::mem::replace(&mut self.0, dropped);
        let count = dropped.wrapping_sub(before);
        (count > 0).then_some(u64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::sys::socket::{getsockopt, setsockopt, sockopt};

    use super::*;

    #[test]
    fn a_count_that_begins_anew_goes_on() {
        let mut overflow = Overflow::default();
        assert_eq!(overflow.since(0), None);
        assert_eq!(overflow.since(u32::MAX - 1), Some(u64::from(u32::MAX) - 1));
        assert_eq!(overflow.since(3), Some(5));
        assert_eq!(overflow.since(3), None);
    }

    #[test]
    fn the_kernel_tells_what_a_full_buffer_drops() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &4096).unwrap();
        let dropped = || getsockopt(&socket, MemoryInfo).unwrap()[DROPS];
        assert_eq!(dropped(), 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1024], socket.local_addr().unwrap()).unwrap();
        }
        assert!(dropped() > 50, "{}", dropped());
    }
}
