//! `vrrp_instance` and `vrrp_sync_group`.

mod authentication;
mod link;
mod notify;
mod tracks;
mod transport;

use super::super::draft::{Field, GroupDraft, InstanceDraft, SyncOfRouter};
use super::super::source::Spanned;
use super::tree::Statement;
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use super::{addresses, announce, global, keywords, routes};
use crate::model::{Priority, StartAs, Vrid};

pub(super) use transport::election;

/// One word of a `vrrp_instance`.
pub(super) fn word(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
    let name = statement.name();
    let Some(span) = statement.span() else { return true };
    match name {
        "authentication" => {
            walk.block(statement.children(), keywords::Place::Authentication, instance, authentication::word);
        }
        "virtual_ipaddress" => {
            if statement.children().next().is_some() {
                instance.addresses_at = Some(span);
            }
            instance.addresses.extend(addresses::list(walk, statement.children()));
        }
        "virtual_ipaddress_excluded" => instance.excluded.extend(addresses::list(walk, statement.children())),
        "virtual_routes" => instance.routes.extend(routes::routes(walk, statement.children())),
        "virtual_rules" => instance.rules.extend(routes::rules(walk, statement.children())),
        "promote_secondaries" => instance.promote_secondaries = true,
        "notify_priority_changes" => instance.priority_changes = walk.flag(statement),
        "kernel_rx_buf_size" => {
            let Some(value) = statement.word(1) else { return true };
            if value.text == "0" {
                announce::no_buffer(walk, value);
                return true;
            }
            instance.receive_buffer = walk.whole(value, IGNORED);
        }
        "auth_hmac" => instance.signed = Some(span),
        "track_src_ip" => instance.track_source = Some(span),
        "dont_track_primary" => instance.dont_track_primary = true,
        "strict_mode" => instance.strict = walk.flag(statement).map(|flag| Spanned::new(flag, span)),
        "skip_check_adv_addr" => instance.skip_address_check = walk.flag(statement),
        "accept" => instance.accept = Some(Spanned::new(true, span)),
        "no_accept" => instance.accept = Some(Spanned::new(false, span)),
        _ => {
            return tracks::word(walk, &mut instance.tracks, statement)
                || notify::word(walk, &mut instance.notify, statement)
                || announce::word(walk, &mut instance.announcements, statement)
                || link::word(walk, instance, statement)
                || transport::word(walk, &mut instance.transport, statement)
                || election(walk, &mut instance.election, statement)
                || value(walk, instance, statement);
        }
    }
    true
}

/// The words with one value.
fn value(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
    const STATES: [(&str, StartAs); 2] = [("MASTER", StartAs::Master), ("BACKUP", StartAs::Backup)];
    let Some(value) = statement.word(1) else { return true };
    let span = value.span;
    match statement.name() {
        "state" => {
            instance.start_as =
                Field::from(walk.choice(value, &STATES, Instead("taken as BACKUP, as in keepalived")), span);
        }
        "interface" => {
            instance.interface =
                Field::from(walk.interface(value, Instead("without an interface the router cannot run")), span);
        }
        "virtual_router_id" => {
            let number: Option<u8> = walk.whole(value, Instead("without one the router cannot run"));
            instance.vrid = Field::from(number.and_then(|number| Vrid::new(number).ok()), span);
        }
        "priority" => {
            let number: Option<u8> = walk.whole(value, Instead("taken as 100, as in keepalived"));
            instance.priority = Field::from(number.and_then(|number| Priority::new(number).ok()), span);
        }
        "advert_int" => {
            let instead = Instead("taken as 1 second, as in keepalived");
            instance.advert_interval = Field::from(walk.time(value, instead), span);
        }
        "lvs_sync_daemon_interface" => {
            let Some(interface) = walk.interface(value, Instead("connections are not copied to the other director"))
            else {
                return true;
            };
            let router = instance.name.clone();
            let interface = Spanned::new(interface, statement.line().unwrap_or(span));
            walk.draft.surroundings.sync_of_routers.push(SyncOfRouter { router, interface });
        }
        "version" => instance.version = Field::from(global::version(walk, statement), span),
        _ => return false,
    }
    true
}

/// One word of a `vrrp_sync_group`.
pub(super) fn group_word(walk: &mut Walk<'_>, group: &mut GroupDraft, statement: Statement<'_>) -> bool {
    match statement.name() {
        // One name a line is the rule; several on a line are common and meant the same.
        "group" => {
            group.members.extend(statement.children().flat_map(Statement::words).map(super::tree::Value::to_owned))
        }
        "notify_priority_changes" => group.priority_changes = walk.flag(statement),
        "sync_group_tracking_weight" => group.weighted = true,
        _ => {
            return tracks::word(walk, &mut group.tracks, statement)
                || notify::word(walk, &mut group.notify, statement);
        }
    }
    true
}
