//! What a new configuration changes beside the kernel's table: virtual routers and kernel settings, in words.

use crate::api::PlannedStep;
use crate::model::{Config, Instance};
use crate::shell::sysctl;

/// The steps from one configuration to another that are not steps of the table.
pub(super) fn beside_the_table(old: &Config, new: &Config) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    let had = sysctl::needed(old);
    steps.extend(
        sysctl::needed(new)
            .iter()
            .filter(|setting| !had.contains(setting))
            .map(|setting| format!("set {} to {}", setting.name, setting.value)),
    );
    for instance in &new.instances {
        match old.instances.iter().find(|other| other.id == instance.id) {
            None => steps.push(format!("start virtual router {}", name(instance))),
            Some(other) if other != instance => steps.push(format!("change virtual router {}", name(instance))),
            Some(_) => {}
        }
    }
    for instance in &old.instances {
        if !new.instances.iter().any(|other| other.id == instance.id) {
            steps.push(format!("stop virtual router {}, giving up its addresses", name(instance)));
        }
    }
    steps.into_iter().map(|step| PlannedStep { step, connections: 0, cuts: false }).collect()
}

fn name(instance: &Instance) -> String {
    format!("{} ({}, VRID {})", instance.name, instance.id.interface, instance.id.vrid)
}
