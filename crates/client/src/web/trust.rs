//! Which certificate of a server is taken for the right one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sip::digest::{Algorithm, equal};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Where Linux distributions keep the authorities that the machine trusts.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Whom to believe that it is the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever an authority that the machine trusts vouches for.
    System,
    /// Whoever one of these certificates vouches for, or is one of them.
    Certificates(Vec<CertificateDer<'static>>),
    /// The one whose certificate has this SHA-256, `sha256:` and hex digits.
    Pin(String),
    /// Everybody. For trials.
    Anybody,
}

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The machine has no list of authorities where we look for one.
    #[error(
        "this machine has no list of certificate authorities; name a file of them, or the server's fingerprint"
    )]
    NoAuthorities,
    /// A file cannot be read, or holds no certificate.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        why: String,
    },
    /// A fingerprint that is none.
    #[error("{0:?} is no fingerprint: write sha256: and 64 hex digits, as the server's log says it")]
    Fingerprint(String),
    /// Something that TLS cannot work with.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

impl Trust {
    /// The certificates of a PEM file.
    pub fn of_file(path: &Path) -> Result<Self, TrustError> {
        let failed = |why: String| TrustError::File { path: path.display().to_string(), why };
        let text = fs::read(path).map_err(|error| failed(error.to_string()))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let found = read.map_err(|error| failed(error.to_string()))?;
        if found.is_empty() {
            Err(failed("no certificate in it".to_owned()))
        } else {
            Ok(Self::Certificates(found))
        }
    }

    /// What TLS is told.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let verifier = |expected| Arc::new(Fingerprint { expected, algorithms });
        let mut config = match self {
            Self::System => builder.with_root_certificates(system()?).with_no_client_auth(),
            Self::Certificates(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(certificate.clone())?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Self::Pin(text) => {
                let digits =
                    text.strip_prefix("sha256:").unwrap_or(text).replace(':', "").to_ascii_lowercase();
                if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(TrustError::Fingerprint(text.clone()));
                }
                let builder = builder.dangerous().with_custom_certificate_verifier(verifier(Some(digits)));
                builder.with_no_client_auth()
            }
            Self::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(verifier(None)).with_no_client_auth()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn system() -> Result<RootCertStore, TrustError> {
    let path = SYSTEM.iter().map(Path::new).find(|path| path.exists()).ok_or(TrustError::NoAuthorities)?;
    let Trust::Certificates(certificates) = Trust::of_file(path)? else {
        return Err(TrustError::NoAuthorities);
    };
    let mut roots = RootCertStore::empty();
    // Lists hold certificates that no longer serve; the others do all the same.
    let _ = roots.add_parsable_certificates(certificates);
    Ok(roots)
}

/// Takes the certificate with one fingerprint, or any; that the server has its key is checked all the same.
#[derive(Debug)]
struct Fingerprint {
    expected: Option<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Fingerprint {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Algorithm::Sha256.hash(&[certificate]);
        match &self.expected {
            Some(expected) if !equal(found.as_str().as_bytes(), expected.as_bytes()) => {
                Err(rustls::Error::General(format!(
                    "another certificate than was expected: its fingerprint is sha256:{found}"
                )))
            }
            Some(_) | None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
