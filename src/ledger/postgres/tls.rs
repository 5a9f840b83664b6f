//! TLS to the server. Its certificate and host name are always verified.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// The parameter `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    Disable,
    /// Unlike libpq's `require`, also verifies the certificate and the host name.
    Require,
}

impl FromStr for TlsMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "disable" => Ok(Self::Disable),
            "require" => Ok(Self::Require),
            _ => Err("has an unsupported sslmode; write sslmode=require, which verifies the \
                      certificate and the host name, or sslmode=disable"
                .into()),
        }
    }
}

/// Settings of TLS connections.
#[derive(Clone)]
pub(super) struct TlsSettings(pub(super) ClientConfig);

impl TlsSettings {
    /// Reads the root certificates, or the system's if there is no file, and the client's
    /// certificate and key.
    pub(super) fn new(
        root: Option<PathBuf>,
        identity: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("can't use TLS: {error}"))?;
        let builder = match root {
            Some(root) => builder.with_root_certificates(root_store(&root)?),
            None => builder
                .with_platform_verifier()
                .map_err(|error| format!("can't use this system's certificates: {error}"))?,
        };
        let config = match identity {
            Some((certificate, key)) => {
                let chain = certificates("sslcert", &certificate)?;
                let key = PrivateKeyDer::from_pem_file(&key)
                    .map_err(|error| unreadable("sslkey", &key, &error))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("has an sslkey that can't be used: {error}"))?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self(config))
    }
}

fn root_store(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("sslrootcert", path)? {
        roots
            .add(certificate)
            .map_err(|error| format!("has an sslrootcert that can't be used: {error}"))?;
    }
    Ok(roots)
}

fn certificates(name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => {
            Err(format!("has {name}={}, which holds no certificate in PEM", path.display()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(name, path, &error)),
    }
}

fn unreadable(name: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> String {
    format!("has {name}={}, which can't be read: {error}", path.display())
}
