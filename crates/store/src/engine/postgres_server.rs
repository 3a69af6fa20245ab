//! Where PostgreSQL is and how a connection to it is made: address, TLS, session settings, errors in plain words.
//!
//! The address is `postgres://user@host:port/name?sslmode=…&sslrootcert=…&options=…`; the password may come separately.
//! Invariants: under `sslmode=require` (stricter here than in libpq) and `verify-…` the certificate is checked against the
//! system's authorities or `sslrootcert`; no error repeats the address, because it may hold a password.
//! Weakness: without `sslmode` TLS is used where the server offers it, whatever its certificate: safe from listeners, not
//! from somebody who takes the server's place. Debian's PostgreSQL comes with a certificate that nobody signed.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use postgres::{
    Client, Config,
    config::{Host, SslMode},
};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::OpenError;

/// How to reach one PostgreSQL database.
pub(super) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    set_up: String,
}

impl Server {
    pub(super) fn new(
        url: &str,
        password: Option<&SecretString>,
        statement_timeout: Duration,
    ) -> Result<Self, OpenError> {
        let (url, root_cert) = take_root_cert(url);
        let mut config = Config::from_str(&url).map_err(|error| {
            // The driver's text names the parameter, not its value.
            let detail = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            OpenError::BadAddress(detail)
        })?;
        if let Some(password) = password {
            config.password(password.expose_secret());
        }
        config
            .connect_timeout(Duration::from_secs(10))
            .application_name("yuezhi");
        // jit: compiling a query costs more than our queries take. The time-outs keep a stuck session from holding locks.
        let set_up = format!(
            "SET statement_timeout = {}; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; \
             SET jit = off; SET client_min_messages = warning; SET timezone = 'UTC'",
            statement_timeout.as_millis()
        );
        Ok(Self {
            tls: MakeRustlsConnect::new(tls_config(config.get_ssl_mode(), root_cert.as_deref())?),
            config,
            set_up,
        })
    }

    /// Must not be called on a thread that runs async code: the driver starts its own runtime.
    pub(super) fn connect(&self) -> Result<Client, OpenError> {
        let mut client = self
            .config
            .connect(self.tls.clone())
            .map_err(|error| self.explain(&error))?;
        client
            .batch_execute(&self.set_up)
            .map_err(|error| self.explain(&error))?;
        Ok(client)
    }

    /// Host and port, for errors.
    fn name(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}")
    }

    fn explain(&self, error: &postgres::Error) -> OpenError {
        let server = self.name();
        let user = self.config.get_user().unwrap_or("(none)").to_owned();
        match error.code().map(postgres::error::SqlState::code) {
            Some("28P01" | "28000") => OpenError::LogIn { server, user },
            Some("3D000") => OpenError::NoDatabase {
                server,
                name: self.config.get_dbname().unwrap_or(&user).to_owned(),
            },
            Some(_) => OpenError::Server {
                server,
                detail: error
                    .as_db_error()
                    .map_or_else(|| error.to_string(), |answer| answer.message().to_owned()),
            },
            None => {
                let detail = std::error::Error::source(error)
                    .map_or_else(|| error.to_string(), ToString::to_string);
                // The driver tells these apart by text alone.
                if detail.contains("password missing") {
                    OpenError::LogIn { server, user }
                } else if error.to_string().contains("TLS") {
                    OpenError::NotTrusted { server, detail }
                } else {
                    OpenError::NoServer { server, detail }
                }
            }
        }
    }
}

/// The driver does not know libpq's `sslrootcert` and its `verify-…` modes; ours always verifies.
fn take_root_cert(url: &str) -> (String, Option<String>) {
    let Some((address, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut root_cert = None;
    let kept: Vec<&str> = query
        .split('&')
        .map(|pair| match pair {
            "sslmode=verify-full" | "sslmode=verify-ca" => "sslmode=require",
            pair => pair,
        })
        .filter(|pair| match pair.strip_prefix("sslrootcert=") {
            Some(path) => {
                root_cert = Some(path.to_owned());
                false
            }
            None => true,
        })
        .collect();
    (format!("{address}?{}", kept.join("&")), root_cert)
}

fn tls_config(mode: SslMode, root_cert: Option<&str>) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::BadAddress(format!("TLS cannot be set up: {error}")))?;
    if mode == SslMode::Prefer && root_cert.is_none() {
        let verifier = Arc::new(AnyCertificate(provider));
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match root_cert {
        Some(path) => add_file(&mut roots, Path::new(path))?,
        None => {
            // A machine without authorities can still use a server without TLS; with TLS the handshake then says so.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), OpenError> {
    let refused = |detail: String| OpenError::Certificate {
        path: path.to_owned(),
        detail,
    };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("it holds no certificate".to_owned()));
    }
    Ok(())
}

/// For `sslmode=prefer`, which would go on without TLS too: any certificate, but the handshake must be its owner's.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_of_libpq_that_verify_are_understood() {
        let (url, root) = take_root_cert(
            "postgres://u@h/db?sslmode=verify-full&sslrootcert=/etc/ca.pem&options=-cx%3D1",
        );
        assert_eq!(url, "postgres://u@h/db?sslmode=require&options=-cx%3D1");
        assert_eq!(root.as_deref(), Some("/etc/ca.pem"));
    }

    #[test]
    fn an_address_that_cannot_be_read_is_not_repeated() {
        let error = Server::new("postgres://u:geheim@h/db?nonsense=1", None, Duration::ZERO)
            .err()
            .unwrap();
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}
