//! `[[instance]]`: a virtual router.

mod addresses;
mod announce;
mod link;
mod notify;
mod transport;

use std::time::Duration;

use ::toml::de::DeTable;

use super::read::{Entry, Reader};
use super::{routes, top, trackers};
use crate::config::draft::{Authentication, Field, InstanceDraft, TrackDraft, TrackKind};
use crate::config::source::{Span, Spanned};
use crate::model::{Priority, StartAs, Vrid, VrrpVersion};

pub(super) use addresses::list as addresses;
pub(super) use announce::LONGEST_SPACING;
pub(super) use notify::{command, notify};

const INSTANCE: [&str; 24] = [
    "name",
    "interface",
    "vrid",
    "version",
    "start",
    "priority",
    "advert-interval",
    "addresses",
    "excluded-addresses",
    "routes",
    "rules",
    "promote-secondaries",
    "vmac",
    "ipvlan",
    "receive-buffer",
    "password",
    "authentication",
    "strict",
    "skip-address-check",
    "accept",
    "track-primary",
    "track-source",
    "announce",
    "notify",
];

pub(super) const TRACKS: [&str; 6] =
    ["track-interfaces", "track-scripts", "track-processes", "track-files", "track-services", "track-checks"];

/// One of [`TRACKS`].
pub(super) fn tracks(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<TrackDraft> {
    let kind = match entry.key {
        "track-interfaces" => TrackKind::Interface,
        "track-scripts" => TrackKind::Script,
        "track-processes" => TrackKind::Process,
        "track-files" => TrackKind::File,
        "track-services" => TrackKind::Service,
        _ => TrackKind::Check,
    };
    trackers::tracks(reader, entry, kind)
}

/// One virtual router.
pub(super) fn instance(reader: &mut Reader<'_>, table: &DeTable<'_>, at: Span) {
    let entries = reader.entries(
        table,
        &[&INSTANCE[..], &transport::TRANSPORT, &transport::ELECTION, &TRACKS].concat(),
        "in [[instance]]",
    );
    let Some(name) = top::name(reader, &entries, at, "this instance") else { return };
    let mut draft = InstanceDraft::new(name);
    for entry in entries {
        let span = entry.span;
        match entry.key {
            "name" => {}
            key if transport::TRANSPORT.contains(&key) => {
                transport::transport(reader, &mut draft.transport, entry);
            }
            key if transport::ELECTION.contains(&key) => transport::election(reader, &mut draft.election, entry),
            "interface" => draft.interface = Field::from(reader.interface(entry), span),
            "vrid" => {
                let number: Option<u8> = reader.number(entry, 1..=255, "a virtual router id");
                draft.vrid = Field::from(number.and_then(|number| Vrid::new(number).ok()), span);
            }
            "version" => {
                let number: Option<u8> = reader.number(entry, 2..=3, "a version of VRRP");
                let version = number.map(|number| if number == 2 { VrrpVersion::V2 } else { VrrpVersion::V3 });
                draft.version = Field::from(version, span);
            }
            "start" => {
                const CHOICES: [(&str, StartAs); 2] = [("backup", StartAs::Backup), ("master", StartAs::Master)];
                draft.start_as = Field::from(reader.choice(entry, &CHOICES), span);
            }
            "priority" => {
                let number: Option<u8> = reader.number(entry, 1..=255, "a priority");
                draft.priority = Field::from(number.and_then(|number| Priority::new(number).ok()), span);
            }
            "advert-interval" => {
                let allowed = Duration::from_millis(10)..=Duration::from_secs(255);
                draft.advert_interval = Field::from(reader.duration(entry, allowed, "a time"), span);
            }
            "addresses" => {
                draft.addresses = addresses::list(reader, entry);
                if entry.value.as_array().is_none_or(|array| !array.is_empty()) {
                    draft.addresses_at = Some(entry.key_span);
                }
            }
            "excluded-addresses" => draft.excluded = addresses::list(reader, entry),
            "password" => {
                reader.report.files_mut().hide(span);
                if let Some(text) = reader.text(entry, "a password") {
                    draft.password = Field::Set(Spanned::new(text.to_owned(), span));
                    // What another key says counts, wherever it stands.
                    if matches!(draft.authentication, Field::Absent) {
                        draft.authentication = Field::Set(Spanned::new(Authentication::Password, span));
                    }
                }
            }
            "authentication" => {
                const CHOICES: [(&str, Authentication); 2] =
                    [("password", Authentication::Password), ("header", Authentication::Header)];
                draft.authentication = Field::from(reader.choice(entry, &CHOICES), span);
            }
            "strict" => draft.strict = reader.flag(entry).map(|flag| Spanned::new(flag, span)),
            "skip-address-check" => draft.skip_address_check = reader.flag(entry),
            "accept" => draft.accept = reader.flag(entry).map(|flag| Spanned::new(flag, span)),
            "track-primary" => draft.dont_track_primary = reader.flag(entry) == Some(false),
            "track-source" => draft.track_source = (reader.flag(entry) == Some(true)).then_some(span),
            key if TRACKS.contains(&key) => draft.tracks.extend(tracks(reader, entry)),
            "announce" => draft.announcements = announce::announce(reader, entry),
            "routes" => draft.routes = routes::routes(reader, entry),
            "rules" => draft.rules = routes::rules(reader, entry),
            "promote-secondaries" => draft.promote_secondaries = reader.flag(entry).unwrap_or(false),
            "vmac" => link::vmac(reader, &mut draft, entry),
            "ipvlan" => link::ipvlan(reader, &mut draft, entry),
            "receive-buffer" => {
                draft.receive_buffer = reader.number(entry, 1..=i64::from(i32::MAX), "a number of bytes");
            }
            _ => (draft.notify, draft.priority_changes) = notify(reader, entry),
        }
    }
    reader.draft.add_router(draft, reader.report);
}
