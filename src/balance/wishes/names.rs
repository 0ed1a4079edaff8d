//! What a service is known by beside its first key: a wish is found again by any of it.

use crate::model::{ServiceConfig, ServiceKey};

/// The other names of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::balance) struct Names {
    /// Its other addresses and marks, as the file has them.
    pub(super) others: Vec<ServiceKey>,
    /// What the kernel has in place of its addresses, where their packets are marked. The next boot deals anew.
    pub(super) dealt: Vec<ServiceKey>,
}

impl Names {
    /// Those of a service as it is configured.
    pub(in crate::balance) fn of(service: &ServiceConfig) -> Self {
        let mark = service.group.as_ref().and_then(|group| group.mark);
        let dealt = service.keys().filter(|key| mark.is_some() && key.mark() == mark).collect();
        Self { others: service.listeners().skip(1).collect(), dealt }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = ServiceKey> + '_ {
        self.others.iter().chain(&self.dealt).copied()
    }
}
