//! Servers that take connections and answer none: the kernel's own counters speak before the next check does.
//!
//! Between two looks at the table a server was given connections, packets went to it, and not one came back. Between two
//! checks a minute apart that is a minute of clients who wait; so the server is checked at once. It is no verdict: only the
//! check decides.
//!
//! Answers are counted where they pass this host, which is so with NAT and with nothing else. UDP is left out: there are
//! services that answer nobody, and are well.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Protocol, ServerKey, ServiceKey};

/// Fewer connections than this between two looks tell nothing: each may have begun a moment ago.
const LEAST: u64 = 3;

/// What the kernel has counted of a server that is reached by NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Its service.
    pub service: ServiceKey,
    /// Which.
    pub server: ServerKey,
    /// Connections that it was given.
    pub connections: u64,
    /// Packets that went to it.
    pub incoming_packets: u64,
    /// Packets that came from it.
    pub outgoing_packets: u64,
}

/// A server that is suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) service: ServiceKey,
    pub(super) server: ServerKey,
    /// Connections since the last look.
    pub(super) connections: u64,
    /// It was not suspected at the last look.
    pub(super) is_new: bool,
}

/// What the last look showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspicion {
    seen: BTreeMap<(ServiceKey, ServerKey), (u64, u64, u64)>,
    suspects: BTreeSet<(ServiceKey, ServerKey)>,
}

impl Suspicion {
    /// Compares with the last look.
    pub(super) fn look(&mut self, rows: &[Traffic]) -> Vec<Suspect> {
        let before = std::mem::take(&mut self.seen);
        let mut found = Vec::new();
        for row in rows {
            match row.service {
                ServiceKey::Address { protocol: Protocol::Udp, .. } => continue,
                ServiceKey::Address { protocol: Protocol::Tcp | Protocol::Sctp, .. } | ServiceKey::Fwmark { .. } => {}
            }
            let key = (row.service, row.server);
            let counted = (row.connections, row.incoming_packets, row.outgoing_packets);
            self.seen.insert(key, counted);
            let Some((connections, incoming, outgoing)) = before.get(&key).copied() else { continue };
            // Smaller than before: the entry was made anew, or somebody has zeroed it.
            let (Some(connections), Some(incoming), Some(outgoing)) = (
                row.connections.checked_sub(connections),
                row.incoming_packets.checked_sub(incoming),
                row.outgoing_packets.checked_sub(outgoing),
            ) else {
                continue;
            };
            if outgoing > 0 {
                self.suspects.remove(&key);
            } else if connections >= LEAST && incoming >= connections {
                let is_new = self.suspects.insert(key);
                found.push(Suspect { service: row.service, server: row.server, connections, is_new });
            }
        }
        let seen = &self.seen;
        self.suspects.retain(|key| seen.contains_key(key));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(protocol: Protocol, counted: (u64, u64, u64)) -> Traffic {
        let (connections, incoming_packets, outgoing_packets) = counted;
        Traffic {
            service: ServiceKey::Address { protocol, address: [192, 0, 2, 1].into(), port: 80 },
            server: ServerKey { address: [10, 0, 0, 1].into(), port: 80 },
            connections,
            incoming_packets,
            outgoing_packets,
        }
    }

    /// Connections since the last look of a server that is suspected; with a `!` where that is new.
    fn looks(protocol: Protocol, counted: &[(u64, u64, u64)]) -> Vec<String> {
        let mut suspicion = Suspicion::default();
        let look = |counted: &(u64, u64, u64)| {
            let found = suspicion.look(&[row(protocol, *counted)]);
            found.first().map_or_else(
                || "-".to_owned(),
                |suspect| format!("{}{}", suspect.connections, if suspect.is_new { "!" } else { "" }),
            )
        };
        counted.iter().map(look).collect()
    }

    #[test]
    fn who_takes_connections_and_answers_none_is_suspected() {
        for (counted, said) in [
            (&[(0, 0, 0), (10, 30, 0)][..], &["-", "10!"][..]),
            (&[(900, 5000, 4000), (903, 5009, 4000), (910, 5030, 4000)], &["-", "3!", "7"]),
            (&[(0, 0, 0), (10, 30, 0), (20, 60, 1), (30, 90, 1)], &["-", "10!", "-", "10!"]),
            (&[(0, 0, 0), (10, 90, 80)], &["-", "-"]),
            (&[(0, 0, 0), (2, 6, 0)], &["-", "-"]),
            // What went on before our time is nobody's guilt.
            (&[(100, 300, 0), (100, 300, 0)], &["-", "-"]),
            // Connections that were only synchronised from a peer, without packets.
            (&[(0, 0, 0), (10, 0, 0)], &["-", "-"]),
            // The entry was made anew.
            (&[(100, 300, 250), (10, 30, 0), (20, 60, 0)], &["-", "-", "10!"]),
        ] {
            assert_eq!(looks(Protocol::Tcp, counted), said, "{counted:?}");
        }
        assert_eq!(looks(Protocol::Udp, &[(0, 0, 0), (10, 30, 0)]), ["-", "-"]);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut suspicion = Suspicion::default();
        suspicion.look(&[row(Protocol::Tcp, (0, 0, 0))]);
        assert_eq!(suspicion.look(&[row(Protocol::Tcp, (10, 30, 0))]).len(), 1);
        assert_eq!(suspicion.look(&[]), []);
        assert!(suspicion.seen.is_empty() && suspicion.suspects.is_empty());
    }
}
