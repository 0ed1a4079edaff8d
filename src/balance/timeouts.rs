//! The kernel's connection timeouts as they were before we set them. They are the whole network namespace's, not a service's:
//! whoever uses IPVS after us should find what was there. What somebody else has set meanwhile stays.

use std::num::NonZeroU32;

use super::table::TimeoutSeconds;
use crate::model::Timeouts;

/// One timeout, in seconds.
#[derive(Debug, Clone, Copy)]
struct Original {
    before: NonZeroU32,
    set: NonZeroU32,
}

/// What was there before, of each timeout that we set.
#[derive(Debug, Clone, Default)]
pub(super) struct Originals {
    tcp: Option<Original>,
    tcp_fin: Option<Original>,
    udp: Option<Original>,
}

impl Originals {
    pub(super) const fn is_empty(&self) -> bool {
        self.tcp.is_none() && self.tcp_fin.is_none() && self.udp.is_none()
    }

    /// Takes note of what was set, where this was found before.
    pub(super) fn note(&mut self, found: Option<TimeoutSeconds>, set: &Timeouts) {
        let Some(found) = found else { return };
        note(&mut self.tcp, found.tcp, set.tcp_secs);
        note(&mut self.tcp_fin, found.tcp_fin, set.tcp_fin_secs);
        note(&mut self.udp, found.udp, set.udp_secs);
    }

    /// What is wished, and for what no longer is the original, where the kernel still has what we set.
    pub(super) fn with(&self, wished: &Timeouts, found: Option<TimeoutSeconds>) -> Timeouts {
        let Some(found) = found else { return *wished };
        let back = |original: Option<Original>, found: u32| {
            original.filter(|original| original.set.get() == found).map(|original| original.before)
        };
        Timeouts {
            tcp_secs: wished.tcp_secs.or_else(|| back(self.tcp, found.tcp)),
            tcp_fin_secs: wished.tcp_fin_secs.or_else(|| back(self.tcp_fin, found.tcp_fin)),
            udp_secs: wished.udp_secs.or_else(|| back(self.udp, found.udp)),
        }
    }
}

fn note(original: &mut Option<Original>, found: u32, set: Option<NonZeroU32>) {
    let Some(set) = set else { return };
    let before = original.map(|original| original.before).or(NonZeroU32::new(found));
    *original = before.filter(|before| *before != set).map(|before| Original { before, set });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_comes_back_unless_somebody_else_has_set_it() {
        let found = |tcp, tcp_fin, udp| Some(TimeoutSeconds { tcp, tcp_fin, udp });
        let set =
            |tcp, udp| Timeouts { tcp_secs: NonZeroU32::new(tcp), tcp_fin_secs: None, udp_secs: NonZeroU32::new(udp) };
        let none = Timeouts::default();
        let mut originals = Originals::default();
        originals.note(found(800, 110, 290), &set(1000, 60));
        originals.note(found(1000, 110, 60), &set(2000, 0));
        assert_eq!(originals.with(&none, found(2000, 110, 60)), set(800, 290));
        // Of what is wished nothing changes, nor of what was never ours or is another's now.
        assert_eq!(originals.with(&set(2000, 0), found(2000, 77, 60)), set(2000, 290));
        assert_eq!(originals.with(&none, found(2001, 110, 60)), set(0, 290));
        assert_eq!(originals.with(&none, None), none);
        originals.note(found(2000, 110, 60), &set(800, 290));
        assert!(originals.is_empty());
    }
}
