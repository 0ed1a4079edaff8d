//! Routes and rules: put on, taken off, and written down to be ours.

use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::super::netlink::Refused;
use super::Loop;
use crate::vrrp::engine::{Input, Kept, Steering};

impl Loop {
    pub(super) fn add_steering(&mut self, id: u64, what: &Arc<Steering>, links: &[u32]) {
        let outcome = self.requests.add_steering(what, links);
        self.router.handle(Input::Steered { id, outcome }, Instant::now());
    }

    pub(super) fn remove_steering(&mut self, what: &Arc<Steering>, links: &[u32], left: bool) {
        match self.requests.remove_steering(what, links) {
            Ok(()) if left => {
                info!("{what} was left by an earlier run, and the configuration does not name it: it was removed");
            }
            Ok(()) | Err(Refused::Absent) => {}
            Err(error) => warn!("cannot remove {what}: {error}"),
        }
    }

    pub(super) fn record_steering(&mut self, number: u64, entries: Vec<Kept>) {
        match &self.memory.recorder {
            Some(recorder) => recorder.write(number, entries),
            // There is no disk to wait for.
            None => self.router.handle(Input::SteeringRecorded { number }, Instant::now()),
        }
    }
}
