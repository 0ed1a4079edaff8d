//! What checks over TLS need of this host: files of certificates and keys, and names. They are looked at when a configuration is
//! read, and not only when the first check is to be made and cannot be.

use std::collections::HashSet;
use std::fs::File;

use super::tls::Settings;
use crate::check::Obstacle;
use crate::config::Loaded;
use crate::model::{CheckKind, Config, HttpProbe, Tls};

/// What comes of it.
const CONSEQUENCE: &str = "no check that needs it can be made: a server stays as it is known, and one of which nothing is known stays \
                           out; a file that is mended is seen within half a minute, a name at a reload";

/// Warns of what the configuration's checks need and cannot use here, each once.
pub(crate) fn warn_of_unusable_tls(loaded: &mut Loaded) {
    let Some(config) = &loaded.config else { return };
    let mut settings = Settings::default();
    let mut seen = HashSet::new();
    let mut found: Vec<(Vec<String>, String)> = Vec::new();
    for probe in probes(config) {
        let Some(tls) = &probe.tls else { continue };
        for host in probe.pages.iter().map(|page| probe.host_of(page)) {
            if !seen.insert((tls, host)) {
                continue;
            }
            let Err(obstacle) = settings.connection(tls, host, probe.connect.target.ip()) else { continue };
            // What this host is short of for the moment is no fault of the files.
            if !obstacle.is_mistake() {
                continue;
            }
            let told = told(obstacle, tls, host);
            if !found.contains(&told) {
                found.push(told);
            }
        }
    }
    for (names, message) in found {
        loaded.report.warn_of_tls(&names, message, CONSEQUENCE);
    }
}

fn probes(config: &Config) -> impl Iterator<Item = &HttpProbe> {
    let servers = config.services.iter().flat_map(|service| &service.servers).flat_map(|server| &server.checks);
    servers.chain(config.checks.iter().map(|track| &track.check)).filter_map(|check| match &check.kind {
        CheckKind::Http(probe) => Some(probe.as_ref()),
        CheckKind::Tcp(_)
        | CheckKind::Script(_)
        | CheckKind::File(_)
        | CheckKind::Smtp(_)
        | CheckKind::Dns(_)
        | CheckKind::Udp(_)
        | CheckKind::Ping(_)
        | CheckKind::Path(_) => None,
    })
}

/// What is at fault, and a sentence of it.
fn told(obstacle: Obstacle, tls: &Tls, host: Option<&str>) -> (Vec<String>, String) {
    let mut names: Vec<String> = if obstacle == Obstacle::Authorities {
        tls.authorities.iter().cloned().collect()
    } else if obstacle == Obstacle::Identity {
        tls.identity.iter().flat_map(|own| [Some(own.certificate.clone()), own.key.clone()]).flatten().collect()
    } else {
        let name = tls.server_name.as_deref().or(host);
        return (name.map(str::to_owned).into_iter().collect(), format!("`{}`: {obstacle}", name.unwrap_or_default()));
    };
    let unread = names.iter().position(|name| File::open(name).is_err());
    if let Some(unread) = unread {
        names.swap(0, unread);
    }
    let why = names.first().and_then(|name| File::open(name).err());
    let message = match (why, names.is_empty()) {
        (Some(why), _) => format!("`{}` cannot be read: {why}", names.first().map_or("", String::as_str)),
        (None, false) => format!("`{}`: {obstacle}", names.join("` and `")),
        (None, true) => obstacle.to_string(),
    };
    (names, message)
}
