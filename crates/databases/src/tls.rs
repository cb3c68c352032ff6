//! Whom a server's certificate has to convince.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::authorities::Authorities;
use crate::{ConnectError, Tls};

/// What is said of authorities that cannot be read.
const UNREADABLE: ConnectError =
    ConnectError::Certificate("the given authorities are no certificates in PEM");

/// The client's side of TLS as a target asks for it; nothing, if it wants clear text.
///
/// # Errors
/// The authorities cannot be read.
pub(crate) fn configuration(tls: &Tls) -> Result<Option<Arc<ClientConfig>>, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match tls {
        Tls::Off => return Ok(None),
        Tls::Full { authorities: None } => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            full(roots, &provider)?
        }
        Tls::Full { authorities: Some(authorities) } => {
            let given = Authorities::read(authorities).map_err(|_| UNREADABLE)?;
            let full = full(given.roots.clone(), &provider)?;
            Arc::new(Given { authorities: given, names: Some(full), provider: Arc::clone(&provider) })
        }
        Tls::Authority { authorities } => Arc::new(Given {
            authorities: Authorities::read(authorities).map_err(|_| UNREADABLE)?,
            names: None,
            provider: Arc::clone(&provider),
        }),
        Tls::Unverified => Arc::new(Anybody { provider: Arc::clone(&provider) }),
    };
    let configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConnectError::NoTls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(Arc::new(configuration)))
}

fn full(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, ConnectError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|_| UNREADABLE)
}

/// Why a handshake failed, in words of ours.
pub(crate) fn refused(error: &io::Error) -> ConnectError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let reason = match inner {
        Some(Error::InvalidCertificate(reason)) => reason,
        Some(Error::AlertReceived(_) | Error::PeerIncompatible(_)) => {
            return ConnectError::Certificate("the server and this client agree on no way of TLS");
        }
        Some(_) => return ConnectError::NoTls,
        None => return ConnectError::Tcp,
    };
    ConnectError::Certificate(match reason {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it does not name the database's host"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        // An authority of the same name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "it is not of a known authority",
        CertificateError::Revoked => "it has been revoked",
        _ => "it does not hold",
    })
}

/// Takes certificates of the given authorities, and those authorities themselves, as OpenSSL does: many servers have
/// one certificate that signed itself. With `names`, it has to name the host, too.
#[derive(Debug)]
struct Given {
    authorities: Authorities,
    names: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_given = self.authorities.certificates.iter().any(|certificate| certificate == end_entity);
        let certificate = ParsedCertificate::try_from(end_entity)?;
        match &self.names {
            Some(_) if is_given => rustls::client::verify_server_name(&certificate, server_name)?,
            Some(full) => {
                return full.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
            }
            None if is_given => {}
            None => verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.authorities.roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes every certificate; whoever answers has to own its key.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
