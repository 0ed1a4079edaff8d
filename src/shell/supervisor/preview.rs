//! What a new configuration changes beside the kernel's table: virtual routers and kernel settings, in words.

use crate::api::PlannedStep;
use crate::model::{Config, Instance, Priority};
use crate::shell::sysctl;
use crate::vrrp::machine::first_silence;

/// The steps from one configuration to another that are not steps of the table.
pub(super) fn beside_the_table(old: &Config, new: &Config) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    let (had, needs) = (sysctl::needed(old), sysctl::needed(new));
    let gone = had.iter().filter(|setting| !needs.iter().any(|other| other.name == setting.name));
    steps.extend(gone.map(|setting| format!("put {} back to what it was before us", setting.name)));
    steps.extend(
        needs
            .iter()
            .filter(|setting| !had.contains(setting))
            .map(|setting| format!("set {} to {}", setting.name, setting.value)),
    );
    // Those that go leave first: another one may take their addresses.
    for instance in &old.instances {
        if !new.instances.iter().any(|other| other.id == instance.id) {
            steps.push(format!("stop virtual router {}, giving up its addresses", name(instance)));
        }
    }
    for instance in &new.instances {
        match old.instances.iter().find(|other| other.id == instance.id) {
            None => {
                let mut step = format!("start virtual router {}", name(instance));
                // Of two with one name and different numbers, peers and clients see one that leaves and one that comes.
                if old.instances.iter().any(|other| other.name == instance.name) {
                    step.push_str(&pause(instance));
                }
                steps.push(step);
            }
            Some(other) if other != instance => steps.push(format!("change virtual router {}", name(instance))),
            Some(_) => {}
        }
    }
    steps.into_iter().map(|step| PlannedStep { step, connections: 0, cuts: false }).collect()
}

/// How long the addresses of a router that is another one than before are off, where no other host has them: it listens for as
/// long as any backup does (RFC 9568 section 6.1, `Active_Down_Interval`), but for an owner of its addresses.
fn pause(instance: &Instance) -> String {
    if instance.priority == Priority::OWNER {
        return " in its place, which takes its addresses at once, as their owner".to_owned();
    }
    let silence = first_silence(instance);
    format!(
        " in its place, which listens for {} ms first: so long its addresses are off, unless another host takes them",
        silence.as_millis()
    )
}

fn name(instance: &Instance) -> String {
    format!("{} ({})", instance.name, instance.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Sysctl, Vrid};

    #[test]
    fn settings_come_and_go_and_stay() {
        let naming = |settings: &[(&str, &str)]| Config {
            sysctls: settings
                .iter()
                .map(|(name, value)| Sysctl { name: (*name).into(), value: (*value).into() })
                .collect(),
            ..Config::default()
        };
        let old = naming(&[("net.a", "1"), ("net.b", "1"), ("net.c", "1")]);
        let new = naming(&[("net.b", "1"), ("net.c", "2"), ("net.d", "1")]);
        let steps: Vec<_> = beside_the_table(&old, &new).into_iter().map(|step| step.step).collect();
        assert_eq!(steps, ["put net.a back to what it was before us", "set net.c to 2", "set net.d to 1"]);
        assert_eq!(beside_the_table(&new, &new), []);
    }

    #[test]
    fn a_router_of_another_number_starts_when_the_old_one_has_left() {
        let numbered = |vrid| {
            let instance = Instance::new("a", "eth0", Vrid::new(vrid).unwrap(), Family::V4);
            Config { instances: vec![instance], ..Config::default() }
        };
        let steps = beside_the_table(&numbered(51), &numbered(52));
        let verbs: Vec<_> = steps.iter().map(|step| step.step.split(' ').next().unwrap()).collect();
        assert_eq!(verbs, ["stop", "start"], "{steps:?}");
        // Three adverts of 1 s and (256 - 100) / 256 s: one listens as long as any backup.
        let told = " in its place, which listens for 3609 ms first: so long its addresses are off, unless another host takes them";
        assert!(steps[1].step.ends_with(told), "{steps:?}");
        let owner = |vrid| {
            let mut config = numbered(vrid);
            config.instances[0].priority = Priority::OWNER;
            config
        };
        let steps = beside_the_table(&owner(51), &owner(52));
        assert!(steps[1].step.ends_with("which takes its addresses at once, as their owner"), "{steps:?}");
        // One that was not there has no addresses to miss.
        assert!(!beside_the_table(&Config::default(), &numbered(52))[0].step.contains("listens"));
    }
}
