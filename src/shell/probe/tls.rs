//! TLS for checks: what is trusted, and what its failures mean.
//!
//! Sessions are never resumed: each probe sees the certificate anew. Where a check does not ask for it, nothing about a
//! certificate is looked at; who then answers may be anybody, as with keepalived's `SSL_GET`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::check::{Obstacle, TlsProblem};
use crate::model::Tls;

/// Settings that differ in more than the server's name, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Settings {
    ready: HashMap<(bool, Option<String>, bool), Arc<ClientConfig>>,
}

impl Settings {
    /// The client's side of a connection to this address.
    pub(super) fn connection(&mut self, tls: &Tls, address: IpAddr) -> Result<ClientConnection, Obstacle> {
        let name = match &tls.server_name {
            Some(name) => ServerName::try_from(name.clone()).map_err(|_| Obstacle::ServerName)?,
            None => ServerName::IpAddress(address.into()),
        };
        let key = (tls.verify, tls.authorities.clone().filter(|_| tls.verify), tls.server_name.is_some());
        let config = match self.ready.get(&key) {
            Some(config) => Arc::clone(config),
            None => {
                let config = Arc::new(config(tls)?);
                self.ready.insert(key, Arc::clone(&config));
                config
            }
        };
        ClientConnection::new(config, name).map_err(|_| Obstacle::ServerName)
    }
}

fn config(tls: &Tls) -> Result<ClientConfig, Obstacle> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Obstacle::Other(0))?;
    let mut config = if tls.verify {
        builder.with_root_certificates(authorities(tls.authorities.as_deref())?).with_no_client_auth()
    } else {
        let anybody = Arc::new(Anybody(provider));
        builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
    };
    config.resumption = Resumption::disabled();
    config.enable_sni = tls.server_name.is_some();
    Ok(config)
}

/// Certificates in a file, or those that the host trusts.
fn authorities(file: Option<&str>) -> Result<RootCertStore, Obstacle> {
    let mut store = RootCertStore::empty();
    let found = match file {
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|_| Obstacle::Authorities)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _) = store.add_parsable_certificates(found);
    if added == 0 { Err(Obstacle::Authorities) } else { Ok(store) }
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
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
