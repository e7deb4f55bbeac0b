//! The certificate of the entrance: the operator's, or one that is made at the first start and kept.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sip_stack::auth::Algorithm;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Two PEM files.
    Files {
        /// Certificate chain, the server's own first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made here for these names; kept in the folder, if there is one.
    SelfMade {
        /// Names and addresses that the certificate is for.
        names: Vec<String>,
        /// Where it is kept.
        folder: Option<PathBuf>,
    },
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: no PEM with {expected}")]
    Pem {
        /// Which.
        path: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Certificate and key do not belong together, or are of a kind that is not known.
    #[error("the certificate does not serve: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("no certificate could be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// The certificate in use; a reload changes it for the connections that begin then.
#[derive(Debug)]
pub struct Certificate {
    source: Source,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads or makes it.
    pub fn open(source: Source) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(Arc::new(load(&source)?));
        Ok(Arc::new(Self { source, current }))
    }

    /// Takes another source, or the same one with new content. What was there stays if that fails.
    pub fn reload(&self, source: &Source) -> Result<(), TlsError> {
        // A self-made one is made for the life of its folder.
        if matches!(source, Source::SelfMade { .. }) && *source == self.source {
            return Ok(());
        }
        let new = Arc::new(load(source)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// `sha256:` and the hash of the server's certificate in hex: what a client can hold on to.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.current().cert.first().map_or(&[], |first| first.as_ref()))
    }

    /// The server's own certificate, which nodes with one certificate know each other by.
    pub fn own(&self) -> Option<CertificateDer<'static>> {
        self.current().cert.first().cloned()
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What accepts TLS connections: versions 1.2 and 1.3, sessions that may be resumed (RFC 2818 leaves it to TLS).
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// The cryptography of all our TLS.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// `sha256:` and the hash of a certificate in hex.
pub fn fingerprint(certificate: &[u8]) -> String {
    format!("sha256:{}", Algorithm::Sha256.hash(&[certificate]))
}

/// The certificates of a PEM file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let wrong = || TlsError::Pem { path: path.display().to_string(), expected: "a certificate" };
    found.ok().filter(|found| !found.is_empty()).ok_or_else(wrong)
}

fn load(source: &Source) -> Result<CertifiedKey, TlsError> {
    let (certificate, key) = match source {
        Source::Files { certificate, key } => (certificates(certificate)?, private_key(key)?),
        Source::SelfMade { names, folder: None } => made(names)?.1,
        Source::SelfMade { names, folder: Some(folder) } => {
            let (certificate, key) = (folder.join("certificate.pem"), folder.join("certificate-key.pem"));
            if certificate.exists() && key.exists() {
                (certificates(&certificate)?, private_key(&key)?)
            } else {
                let ((certificate_text, key_text), made) = made(names)?;
                fs::create_dir_all(folder).map_err(|error| in_file(folder, error))?;
                write(&key, &key_text, 0o600)?;
                write(&certificate, &certificate_text, 0o644)?;
                made
            }
        }
    };
    Ok(CertifiedKey::from_der(certificate, key, &provider())?)
}

type Made = ((String, String), (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>));

/// A certificate that vouches for itself, as PEM and as it is used.
fn made(names: &[String]) -> Result<Made, TlsError> {
    let made = rcgen::generate_simple_self_signed(names.to_vec())?;
    let texts = (made.cert.pem(), made.signing_key.serialize_pem());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|why| rustls::Error::General(why.to_owned()))?;
    Ok((texts, (vec![made.cert.der().clone()], key)))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| TlsError::Pem { path: path.display().to_string(), expected: "a private key" })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| in_file(path, error))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: io::Error) -> TlsError {
    TlsError::File { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::HandshakeKind;

    use super::*;

    fn self_made(folder: &Path) -> Source {
        Source::SelfMade { names: vec!["localhost".to_owned()], folder: Some(folder.to_owned()) }
    }

    #[test]
    fn a_self_made_certificate_is_kept_and_its_key_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let first = Certificate::open(self_made(folder.path())).unwrap().fingerprint();
        assert!(first.starts_with("sha256:") && first.len() == 71, "{first}");
        assert_eq!(Certificate::open(self_made(folder.path())).unwrap().fingerprint(), first);
        let mode = fs::metadata(folder.path().join("certificate-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_reload_takes_new_files_and_keeps_the_old_certificate_when_they_are_wrong() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&one, &other] {
            Certificate::open(self_made(folder.path())).unwrap();
        }
        let files = |folder: &tempfile::TempDir| Source::Files {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("certificate-key.pem"),
        };
        let certificate = Certificate::open(files(&one)).unwrap();
        let first = certificate.fingerprint();
        fs::copy(other.path().join("certificate.pem"), one.path().join("certificate.pem")).unwrap();
        assert!(matches!(certificate.reload(&files(&one)), Err(TlsError::Unusable(_))), "not its key");
        assert_eq!(certificate.fingerprint(), first);
        fs::copy(other.path().join("certificate-key.pem"), one.path().join("certificate-key.pem")).unwrap();
        certificate.reload(&files(&one)).unwrap();
        assert_ne!(certificate.fingerprint(), first);
        fs::write(one.path().join("certificate.pem"), "no certificate").unwrap();
        let said = certificate.reload(&files(&one)).unwrap_err().to_string();
        assert!(said.ends_with("certificate.pem: no PEM with a certificate"), "{said}");
    }

    /// A handshake in memory, and what the server says after it: how it went, on both sides.
    fn shake(
        server: &Arc<ServerConfig>,
        client: &Arc<rustls::ClientConfig>,
    ) -> (Option<HandshakeKind>, Option<HandshakeKind>) {
        let mut server = rustls::ServerConnection::new(Arc::clone(server)).unwrap();
        let mut client =
            rustls::ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap();
        while client.wants_write() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut wire = wire.as_slice();
            while !wire.is_empty() {
                server.read_tls(&mut wire).unwrap();
                server.process_new_packets().unwrap();
            }
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut wire = wire.as_slice();
            while !wire.is_empty() {
                client.read_tls(&mut wire).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        (server.handshake_kind(), client.handshake_kind())
    }

    #[test]
    fn a_session_is_resumed() {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let source = Source::SelfMade { names: vec!["localhost".to_owned()], folder: None };
            let certificate = Certificate::open(source).unwrap();
            let mut roots = rustls::RootCertStore::empty();
            roots.add(certificate.own().unwrap()).unwrap();
            let client = rustls::ClientConfig::builder_with_provider(provider());
            let client = client.with_protocol_versions(&[version]).unwrap();
            let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());
            let server = certificate.server().unwrap();
            let full = Some(HandshakeKind::Full);
            assert_eq!(shake(&server, &client), (full, full));
            let resumed = Some(HandshakeKind::Resumed);
            assert_eq!(shake(&server, &client), (resumed, resumed));
        }
    }
}
