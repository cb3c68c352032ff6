//! A certificate authority of one's own, for one domain on one machine.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::{DevelopmentError, Folder};

/// The files that the server and its clients need.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// What clients trust: the authority's own certificate (PEM).
    pub authority: PathBuf,
    /// The server's certificate, then the authority's (PEM).
    pub chain: PathBuf,
    /// The server's private key (PEM, PKCS #8).
    pub key: PathBuf,
}

const AUTHORITY: &str = "authority.pem";
const AUTHORITY_KEY: &str = "authority.key";

/// Makes the authority on the first run, and a fresh server certificate on every run.
///
/// The authority may only speak for `domain` and what lies below it (RFC 5280, section 4.2.1.10), so
/// trusting it in a browser gives nobody power over other sites.
///
/// # Errors
/// A file cannot be read or written, or is damaged.
pub fn certificates(folder: &Folder, domain: &str) -> Result<Certificates, DevelopmentError> {
    let authority = Authority::open(folder, domain)?;
    let key = KeyPair::generate()?;
    let names = vec![domain.to_owned(), format!("*.{domain}")];
    let chain = authority.sign(server_params(names, domain)?, &key)?;
    Ok(Certificates {
        authority: folder.file(AUTHORITY),
        chain: folder.write("server.pem", chain.as_bytes())?,
        key: folder.write("server.key", Zeroizing::new(key.serialize_pem()).as_bytes())?,
    })
}

/// The authority in the folder.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: Zeroizing<String>,
}

impl Authority {
    /// Opens it; makes it on the first run.
    fn open(folder: &Folder, domain: &str) -> Result<Self, DevelopmentError> {
        let key_text = folder
            .read_or_make(AUTHORITY_KEY, || Ok(Zeroizing::new(KeyPair::generate()?.serialize_pem())))?;
        let damaged = |source| DevelopmentError::Damaged { path: folder.file(AUTHORITY_KEY), source };
        let key = KeyPair::from_pem(&key_text).map_err(damaged)?;
        let params = authority_params(domain)?;
        let certificate =
            folder.read_or_make(AUTHORITY, || Ok(Zeroizing::new(params.self_signed(&key)?.pem())))?;
        Ok(Self { params, key, certificate })
    }

    /// A server's certificate, then its own (PEM).
    fn sign(&self, server: CertificateParams, key: &KeyPair) -> Result<String, DevelopmentError> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let server = server.signed_by(key, &issuer)?;
        Ok(format!("{}{}", server.pem(), self.certificate.as_str()))
    }
}

/// A certificate for a server on 127.0.0.1, of the authority that [`certificates`] has made, and its private key.
///
/// # Errors
/// As [`certificates`].
pub(crate) fn loopback_certificate(
    folder: &Folder,
    domain: &str,
) -> Result<(String, Zeroizing<String>), DevelopmentError> {
    let authority = Authority::open(folder, domain)?;
    let key = KeyPair::generate()?;
    // No name that looks like a host: OpenSSL would hold it against the names that the authority may speak for.
    let params = server_params(vec!["127.0.0.1".to_owned()], "The demo database")?;
    let certificate = authority.sign(params, &key)?;
    Ok((certificate, Zeroizing::new(key.serialize_pem())))
}

fn authority_params(domain: &str) -> Result<CertificateParams, DevelopmentError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name("Vybe development authority (this machine only)");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(3650);
    Ok(params)
}

fn server_params(names: Vec<String>, common_name: &str) -> Result<CertificateParams, DevelopmentError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name(common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(90);
    Ok(params)
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
