//! TLS for checks: what is trusted, and what its failures mean.
//!
//! Sessions are never resumed: each probe sees the certificate anew. Where a check does not ask for it, nothing about a
//! certificate is looked at; who then answers may be anybody, as with keepalived's `SSL_GET`.

mod identity;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::obstacle;
use crate::check::{Obstacle, TlsProblem};
use crate::model::{Identity, Tls};

/// What cannot be made is tried again after this time: a file may have been mended. Not with each probe: to read a key with a
/// password takes as long as it was made to take.
const AGAIN: Duration = Duration::from_secs(30);

/// Settings that differ in more than the server's name, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Settings {
    made: HashMap<Key, Made>,
}

/// What came of the making.
#[derive(Debug)]
enum Made {
    Ready(Arc<ClientConfig>),
    /// It could not be made at this time.
    Hindered(Obstacle, Instant),
}

/// What makes a difference: whether certificates are looked at, whose authorities count, whether a name is told, who we are.
type Key = (bool, Option<String>, bool, Option<Box<Identity>>);

impl Settings {
    /// The client's side of a connection to this address, for a page of this host.
    pub(super) fn connection(
        &mut self,
        tls: &Tls,
        host: Option<&str>,
        address: IpAddr,
    ) -> Result<ClientConnection, Obstacle> {
        let name = match (&tls.server_name, host.filter(|_| tls.named_by_host)) {
            (Some(name), _) => Some(ServerName::try_from(name.clone()).map_err(|_| Obstacle::ServerName)?),
            // Who does not look at certificates does not care.
            (None, Some(host)) => match ServerName::try_from(without_port(host).to_owned()) {
                Ok(name) => Some(name),
                Err(_) if tls.verify => return Err(Obstacle::ServerName),
                Err(_) => None,
            },
            (None, None) => None,
        };
        let key = (tls.verify, tls.authorities.clone().filter(|_| tls.verify), name.is_some(), tls.identity.clone());
        let config = self.get(key, Instant::now(), || config(tls, name.is_some()))?;
        ClientConnection::new(config, name.unwrap_or(ServerName::IpAddress(address.into())))
            .map_err(|_| Obstacle::ServerName)
    }

    fn get(
        &mut self,
        key: Key,
        now: Instant,
        make: impl FnOnce() -> Result<ClientConfig, Obstacle>,
    ) -> Result<Arc<ClientConfig>, Obstacle> {
        match self.made.get(&key) {
            Some(Made::Ready(config)) => return Ok(Arc::clone(config)),
            Some(Made::Hindered(obstacle, at)) if now.saturating_duration_since(*at) < AGAIN => return Err(*obstacle),
            Some(Made::Hindered(..)) | None => {}
        }
        match make() {
            Ok(config) => {
                let config = Arc::new(config);
                self.made.insert(key, Made::Ready(Arc::clone(&config)));
                Ok(config)
            }
            // That says nothing of the files, and is soon over.
            Err(obstacle) if is_shortage(obstacle) => Err(obstacle),
            Err(obstacle) => {
                self.made.insert(key, Made::Hindered(obstacle, now));
                Err(obstacle)
            }
        }
    }
}

/// This host has not what it takes to read any file.
const fn is_shortage(obstacle: Obstacle) -> bool {
    matches!(obstacle, Obstacle::ProcessFiles | Obstacle::SystemFiles | Obstacle::Memory)
}

/// Why a file could not be read: it is the file that is `at_fault`, unless this host is short of something.
fn unread(error: &io::Error, at_fault: Obstacle) -> Obstacle {
    let told = obstacle(error, at_fault);
    if is_shortage(told) { told } else { at_fault }
}

/// The same of what was to be read from it.
fn unusable(error: &pem::Error, at_fault: Obstacle) -> Obstacle {
    if let pem::Error::Io(error) = error { unread(error, at_fault) } else { at_fault }
}

/// A host as a request names it, without the port that may stand behind it.
fn without_port(host: &str) -> &str {
    if let Some(inside) = host.strip_prefix('[') {
        return inside.split(']').next().unwrap_or(inside);
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        Some(_) | None => host,
    }
}

fn config(tls: &Tls, named: bool) -> Result<ClientConfig, Obstacle> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Obstacle::Other(0))?;
    let builder = if tls.verify {
        builder.with_root_certificates(authorities(tls.authorities.as_deref())?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = identity::read(identity)?;
            builder.with_client_auth_cert(certificates, key).map_err(|_| Obstacle::Identity)?
        }
    };
    config.resumption = Resumption::disabled();
    config.enable_sni = named;
    Ok(config)
}

/// Certificates in a file, or those that the host trusts.
fn authorities(file: Option<&str>) -> Result<RootCertStore, Obstacle> {
    let mut store = RootCertStore::empty();
    let found = match file {
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(&error, Obstacle::Authorities))?,
        None => of_host()?,
    };
    let (added, _) = store.add_parsable_certificates(found);
    if added == 0 { Err(Obstacle::Authorities) } else { Ok(store) }
}

/// Certificates that the host trusts. With some of them left out for a shortage, servers would fail whose authority is one of those.
fn of_host() -> Result<Vec<CertificateDer<'static>>, Obstacle> {
    let found = rustls_native_certs::load_native_certs();
    let why = found.errors.iter().filter_map(|error| {
        if let rustls_native_certs::ErrorKind::Io { inner, .. } = &error.kind { Some(inner) } else { None }
    });
    match why.map(|error| unread(error, Obstacle::Authorities)).find(|obstacle| is_shortage(*obstacle)) {
        Some(shortage) => Err(shortage),
        None => Ok(found.certs),
    }
}

/// What an error means for the server.
pub(super) fn problem(error: &Error) -> TlsProblem {
    if let Error::InvalidCertificate(certificate) = error {
        return certificate_problem(certificate);
    }
    if let Error::AlertReceived(alert) = error {
        return TlsProblem::Alert(u8::from(*alert));
    }
    if let Error::InvalidMessage(_) = error {
        return TlsProblem::NotTls;
    }
    if let Error::PeerIncompatible(_) = error {
        return TlsProblem::NothingInCommon;
    }
    TlsProblem::Broken
}

fn certificate_problem(error: &CertificateError) -> TlsProblem {
    if matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
        TlsProblem::Expired
    } else if matches!(error, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) {
        TlsProblem::NotYetValid
    } else if *error == CertificateError::UnknownIssuer {
        TlsProblem::UnknownIssuer
    } else if matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) {
        TlsProblem::WrongName
    } else {
        TlsProblem::Certificate
    }
}

/// Takes any certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    // To ask whether it has the key of a certificate that anybody could have made would prove nothing, and old
    // certificates (X.509 version 1) could not even be read for it.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.0.signature_verification_algorithms.supported_schemes();
        // Those that could not be verified here are as good: a server that has a key of no other kind would refuse us.
        schemes.extend([
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]);
        schemes
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::process::Command;

    use nix::libc;
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    use super::*;

    /// Says which file is read, in a process that has no descriptors at times.
    const FILE: &str = "IPVSD_TEST_FILE";

    /// The limit is the whole process's.
    #[test]
    fn a_moment_without_descriptors_is_no_mistake_in_the_files() {
        let Ok(file) = std::env::var(FILE) else {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("bad.pem");
            std::fs::write(&file, "neither a certificate nor a key\n").unwrap();
            let (_, tests) = module_path!().split_once("::").unwrap();
            let alone = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &format!("{tests}::a_moment_without_descriptors_is_no_mistake_in_the_files")])
                .envs([(FILE, &file), ("SSL_CERT_FILE", &file)])
                .env_remove("SSL_CERT_DIR")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&alone.stdout);
            assert!(alone.status.success() && said.contains("1 passed"), "{said}");
            return;
        };
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let allow = |files| setrlimit(Resource::RLIMIT_NOFILE, files, hard).unwrap();
        let identity = Identity { certificate: file.clone(), key: None, password: None };
        let mut settings = Settings::default();
        for (tls, at_fault) in [
            (Tls { verify: true, authorities: Some(file), ..Tls::default() }, Obstacle::Authorities),
            (Tls { verify: true, ..Tls::default() }, Obstacle::Authorities),
            (Tls { verify: false, identity: Some(Box::new(identity)), ..Tls::default() }, Obstacle::Identity),
        ] {
            let mut connect = || settings.connection(&tls, None, Ipv4Addr::LOCALHOST.into()).err();
            allow(0);
            let without = connect();
            allow(soft);
            assert_eq!((without, connect()), (Some(Obstacle::ProcessFiles), Some(at_fault)), "{tls:?}");
            allow(0);
            let remembered = connect();
            allow(soft);
            assert_eq!(remembered, Some(at_fault), "{tls:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_at_fault_itself() {
        for (errno, expected) in [
            (libc::EMFILE, Obstacle::ProcessFiles),
            (libc::ENFILE, Obstacle::SystemFiles),
            (libc::ENOMEM, Obstacle::Memory),
            (libc::ENOENT, Obstacle::Identity),
            (libc::EACCES, Obstacle::Identity),
            (libc::EISDIR, Obstacle::Identity),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(unread(&error, Obstacle::Identity), expected, "{error}");
            assert_eq!(unusable(&pem::Error::Io(error), Obstacle::Identity), expected);
        }
        assert_eq!(unusable(&pem::Error::NoItemsFound, Obstacle::Authorities), Obstacle::Authorities);
    }

    #[test]
    fn what_cannot_be_made_is_not_tried_with_each_probe_and_what_was_mended_is_seen() {
        let tls = Tls { verify: false, ..Tls::default() };
        let key = |named| (false, None, named, None);
        let mut settings = Settings::default();
        let start = Instant::now();
        let mut made = 0;
        let mut get = |secs, works: bool| {
            let now = start + Duration::from_secs(secs);
            settings
                .get(key(false), now, || {
                    made += 1;
                    if works { config(&tls, false) } else { Err(Obstacle::Identity) }
                })
                .map(drop)
                .map_err(|obstacle| (obstacle, made))
        };
        assert_eq!(get(0, false), Err((Obstacle::Identity, 1)));
        assert_eq!(get(29, true), Err((Obstacle::Identity, 1)), "remembered");
        assert_eq!(get(30, false), Err((Obstacle::Identity, 2)));
        assert_eq!(get(59, true), Err((Obstacle::Identity, 2)));
        assert_eq!(get(60, true), Ok(()), "mended");
        assert_eq!(get(1000, false), Ok(()), "and kept");
        assert_eq!(settings.get(key(true), start, || Err(Obstacle::Authorities)).err(), Some(Obstacle::Authorities));
    }
}
