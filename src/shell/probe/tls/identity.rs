//! A client's certificate and its key, from files.

use std::fs;

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{unread, unusable};
use crate::check::Obstacle;
use crate::model::Identity;

/// Around a key that is kept under a password (RFC 7468, section 11).
const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

/// The certificate with those behind it, and the key. There may be none, or the password may be another one.
pub(super) fn read(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Obstacle> {
    let bad = |error: pem::Error| unusable(&error, Obstacle::Identity);
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(&identity.certificate).and_then(Iterator::collect).map_err(bad)?;
    let key = fs::read_to_string(identity.key.as_ref().unwrap_or(&identity.certificate))
        .map_err(|error| unread(&error, Obstacle::Identity))?;
    let key = match identity.password.as_ref().and_then(|password| Some((password, encrypted(&key)?))) {
        Some((password, pem)) => decrypt(pem, password).ok_or(Obstacle::Identity)?,
        None => PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(bad)?,
    };
    if certificates.is_empty() { Err(Obstacle::Identity) } else { Ok((certificates, key)) }
}

fn encrypted(text: &str) -> Option<&str> {
    let from = text.get(text.find(BEGIN)?..)?;
    from.get(..from.find(END)? + END.len())
}

fn decrypt(pem: &str, password: &str) -> Option<PrivateKeyDer<'static>> {
    let (_, document) = SecretDocument::from_pem(pem).ok()?;
    let key = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).ok()?.decrypt(password).ok()?;
    Some(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec())))
}
