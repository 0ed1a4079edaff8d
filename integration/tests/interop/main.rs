//! Every mode of the protocol against Debian's keepalived: two nodes, the same file on both but for addresses and priority.
//!
//! A *mode* is a version, a family, multicast or unicast, authentication, and the link: the interface itself, or a macvlan
//! with the virtual MAC address. A *cell* is a mode, who has the higher priority, and who is started first; each is a test.
//! In each the address must be on exactly one host and adverts come from exactly one router at rest; then whoever is master is
//! killed and comes back, is stopped cleanly and comes back, and the backup is killed and comes back, unnoticed. At the
//! end ours must not have dropped one advert, keepalived must not have complained of one, and neither leaves anything.
//!
//! What is no cell: version 2 over IPv6 and version 3 with authentication, which the protocol does not have; and
//! `v3_checksum_as_v2`, a word that keepalived 2.2.7 does not know (`wire.rs` tests it between two of ours).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bytes;
mod cell;
mod mode;

/// The four cells of each mode.
macro_rules! modes {
    ($($name:ident: $version:ident, $family:ident, $transport:ident, $auth:ident, $link:ident;)*) => {$(
        mod $name {
            use integration::{Program, native_test};

            use crate::cell::{Cell, First};
            use crate::mode::{Auth, Family, Link, Mode, Transport, Version};

            fn cell(higher: Program, first: First) {
                let mode = Mode {
                    version: Version::$version,
                    family: Family::$family,
                    transport: Transport::$transport,
                    auth: Auth::$auth,
                    link: Link::$link,
                };
                Cell { mode, higher, first }.run();
            }

            native_test! {
                fn ipvsd_is_higher_and_first() {
                    cell(Program::Ipvsd, First::Higher);
                }

                fn ipvsd_is_higher_and_second() {
                    cell(Program::Ipvsd, First::Lower);
                }

                fn keepalived_is_higher_and_first() {
                    cell(Program::Keepalived, First::Higher);
                }

                fn keepalived_is_higher_and_second() {
                    cell(Program::Keepalived, First::Lower);
                }
            }
        }
    )*};
}

modes! {
    version_2_multicast: V2, V4, Multicast, None, Own;
    version_2_unicast: V2, V4, Unicast, None, Own;
    version_2_multicast_with_a_password: V2, V4, Multicast, Pass, Own;
    version_2_unicast_with_a_password: V2, V4, Unicast, Pass, Own;
    version_2_multicast_with_an_authentication_header: V2, V4, Multicast, Ah, Own;
    version_2_unicast_with_an_authentication_header: V2, V4, Unicast, Ah, Own;
    version_3_multicast: V3, V4, Multicast, None, Own;
    version_3_unicast: V3, V4, Unicast, None, Own;
    version_3_ipv6_multicast: V3, V6, Multicast, None, Own;
    version_3_ipv6_unicast: V3, V6, Unicast, None, Own;
    version_3_virtual_mac: V3, V4, Multicast, None, Vmac;
    version_3_virtual_mac_from_the_base: V3, V4, Multicast, None, VmacFromBase;
    version_3_ipv6_virtual_mac: V3, V6, Multicast, None, Vmac;
    version_3_ipv6_virtual_mac_from_the_base: V3, V6, Multicast, None, VmacFromBase;
}
