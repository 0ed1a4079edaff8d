use super::*;
use crate::abi::{CTRL_ATTR_FAMILY_ID, cmd};
use crate::attribute::Attribute;
use crate::destination::{DestinationId, DestinationSettings, Forwarding};
use crate::fake::{
    Event, FAMILY, FakeKernel, PORT, Request, answer, bytes, daemon_row, destination_row, done, info_answer, message,
    service_row, timeouts_answer, verdict,
};
use crate::general::{SyncRole, Version};
use crate::name::{InterfaceName, SchedulerName};
use crate::service::{Family, ServiceSettings};
use crate::statistics::Statistics;
use nix::libc;

const CONTROLLER: u16 = 0x10;

fn family_answer(sequence: u32) -> Vec<u8> {
    let mut payload = vec![1, 2, 0, 0];
    payload.extend(bytes(&[Attribute::u16(CTRL_ATTR_FAMILY_ID, FAMILY)]));
    message(CONTROLLER, 0, sequence, PORT, &payload)
}

fn some_info() -> Info {
    Info { version: Version { major: 1, minor: 2, patch: 1 }, connection_table_size: 4096 }
}

fn some_service() -> ServiceEntry {
    ServiceEntry {
        id: ServiceId::tcp("192.0.2.1:80".parse().unwrap()),
        settings: ServiceSettings::new(Family::V4, SchedulerName::new("rr").unwrap()),
        statistics: Statistics::default(),
    }
}

fn some_destination() -> DestinationEntry {
    DestinationEntry {
        id: DestinationId::new([10, 0, 0, 1].into(), 80),
        settings: DestinationSettings::new(Forwarding::DirectRoute, 1),
        active_connections: 1,
        inactive_connections: 2,
        persistent_connections: 3,
        statistics: Statistics::default(),
    }
}

fn some_daemon() -> SyncDaemon {
    SyncDaemon::new(SyncRole::Master, InterfaceName::new("eth0").unwrap(), 3)
}

const SOME_TIMEOUTS: Timeouts = Timeouts { tcp_secs: 1, tcp_fin_secs: 2, udp_secs: 3 };

/// A kernel with one service, one destination, one daemon.
fn kernel(requests: &[Request]) -> Result<Vec<Event>, i32> {
    let request = &requests[0];
    let s = request.sequence;
    let rows = |command, row: Vec<u8>| {
        let mut rows = answer(s, 2, command, &row);
        rows.extend(done(s, 0));
        rows
    };
    Ok(vec![Event::Data(match (request.kind, request.command) {
        (CONTROLLER, _) => family_answer(s),
        (FAMILY, cmd::GET_INFO) => answer(s, 0, cmd::SET_INFO, &info_answer(&some_info())),
        (FAMILY, cmd::GET_CONFIG) => answer(s, 0, cmd::SET_CONFIG, &timeouts_answer(&SOME_TIMEOUTS)),
        (FAMILY, cmd::GET_SERVICE) if request.flags == 1 => {
            if request.attributes == bytes(&Payload::about(CommandKind::GetService, &some_service().id).attributes) {
                answer(s, 0, cmd::NEW_SERVICE, &service_row(&some_service()))
            } else {
                verdict(s, libc::ESRCH)
            }
        }
        (FAMILY, cmd::GET_SERVICE) => rows(cmd::NEW_SERVICE, service_row(&some_service())),
        (FAMILY, cmd::GET_DEST) => rows(cmd::NEW_DEST, destination_row(&some_destination())),
        (FAMILY, cmd::GET_DAEMON) => rows(cmd::NEW_DAEMON, daemon_row(&some_daemon())),
        _ => verdict(s, 0),
    })])
}

#[test]
fn every_question_has_its_answer() {
    let mut ipvs = Ipvs::over(FakeKernel::new(kernel).0, FakeKernel::new(kernel).0).unwrap();
    assert_eq!(ipvs.info().unwrap(), some_info());
    assert_eq!(ipvs.timeouts().unwrap(), SOME_TIMEOUTS);
    assert_eq!(ipvs.services().unwrap().rows(), [some_service()]);
    let id = some_service().id;
    assert_eq!(ipvs.service(&id).unwrap(), Some(some_service()));
    assert_eq!(ipvs.service(&ServiceId::tcp("192.0.2.9:80".parse().unwrap())).unwrap(), None);
    assert_eq!(ipvs.destinations(&id).unwrap().rows(), [some_destination()]);
    assert_eq!(ipvs.destinations_of(&[id, id]).unwrap().len(), 2);
    assert_eq!(ipvs.daemons().unwrap().into_rows(), [some_daemon()]);
    assert_eq!(ipvs.run(&Command::Flush), Outcome::Done);
}

fn open_with(script: impl FnMut(&[Request]) -> Result<Vec<Event>, i32> + Send + 'static) -> OpenError {
    Ipvs::over(FakeKernel::new(script).0, FakeKernel::new(kernel).0).unwrap_err()
}

#[test]
fn a_kernel_without_ipvs_is_told_from_a_process_without_the_right() {
    let no_family = open_with(|r| Ok(vec![Event::Data(verdict(r[0].sequence, libc::ENOENT))]));
    assert!(matches!(no_family, OpenError::NoIpvs), "{no_family}");
    let not_allowed = open_with(|r| {
        if r[0].kind == CONTROLLER { kernel(r) } else { Ok(vec![Event::Data(verdict(r[0].sequence, libc::EPERM))]) }
    });
    assert!(matches!(not_allowed, OpenError::NotPermitted), "{not_allowed}");
    let silent = open_with(|_| Ok(vec![]));
    assert!(matches!(silent, OpenError::Request(RequestError::Lost { .. })), "{silent}");
}

#[test]
fn it_can_be_moved_to_another_thread() {
    fn needs_send<T: Send>() {}
    needs_send::<Ipvs>();
}
