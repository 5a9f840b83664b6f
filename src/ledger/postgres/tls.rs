//! How far a server's certificate is believed. One that can't be verified is never accepted.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;

/// What `sslmode` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// No TLS.
    Disable,
    /// TLS where the server offers it, and then verified.
    Prefer,
    /// The certificate has to be signed by an authority we know.
    VerifyCa,
    /// It has to be the server's own as well.
    VerifyFull,
}

impl FromStr for Mode {
    type Err = String;

    /// `require` verifies in full: encryption to somebody unknown is worth nothing.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "verify-ca" => Ok(Self::VerifyCa),
            "require" | "verify-full" => Ok(Self::VerifyFull),
            _ => Err("has an sslmode that is none of disable, prefer, require, verify-ca and \
                      verify-full"
                .into()),
        }
    }
}

/// A way to open TLS connections.
#[derive(Clone)]
pub(super) struct Tls(pub(super) ClientConfig);

impl Tls {
    /// Reads the files of the authority's certificates, and of our certificate and its key. Nothing
    /// without TLS.
    pub(super) fn new(
        mode: Mode,
        root: Option<PathBuf>,
        identity: Option<(PathBuf, PathBuf)>,
    ) -> Result<Option<Self>, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("can't have TLS: {error}"))?;
        let builder = match (mode, root) {
            (Mode::Disable, None) if identity.is_none() => return Ok(None),
            (Mode::Disable, _) => {
                return Err(
                    "names certificates with sslmode=disable; set sslmode=verify-full".into()
                );
            }
            (Mode::VerifyCa, None) => {
                return Err("has sslmode=verify-ca without sslrootcert: any server with a public \
                            certificate would do; name your authority's, or set verify-full"
                    .into());
            }
            (Mode::VerifyCa, Some(root)) => {
                let verifier = Authority { roots: roots(&root)?, provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
            (Mode::Prefer | Mode::VerifyFull, Some(root)) => {
                let roots = Arc::new(roots(&root)?);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(|error| format!("has an sslrootcert that can't be used: {error}"))?;
                builder.with_webpki_verifier(verifier)
            }
            (Mode::Prefer | Mode::VerifyFull, None) => builder
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
        Ok(Some(Self(config)))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("sslrootcert", path)? {
        let cause = |error| format!("has an sslrootcert that can't be used: {error}");
        roots.add(certificate).map_err(cause)?;
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

/// Accepts whatever an authority has signed, by whatever name the server was reached.
#[derive(Debug)]
struct Authority {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Authority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
