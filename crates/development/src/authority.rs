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
    let key_text =
        folder.read_or_make(AUTHORITY_KEY, || Ok(Zeroizing::new(KeyPair::generate()?.serialize_pem())))?;
    let damaged = |source| DevelopmentError::Damaged { path: folder.file(AUTHORITY_KEY), source };
    let authority_key = KeyPair::from_pem(&key_text).map_err(damaged)?;
    let authority = authority_params(domain)?;
    let authority_pem = folder
        .read_or_make(AUTHORITY, || Ok(Zeroizing::new(authority.self_signed(&authority_key)?.pem())))?;

    let issuer = Issuer::from_params(&authority, &authority_key);
    let key = KeyPair::generate()?;
    let server = server_params(domain)?.signed_by(&key, &issuer)?;
    let chain = format!("{}{}", server.pem(), authority_pem.as_str());
    Ok(Certificates {
        authority: folder.file(AUTHORITY),
        chain: folder.write("server.pem", chain.as_bytes())?,
        key: folder.write("server.key", Zeroizing::new(key.serialize_pem()).as_bytes())?,
    })
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

fn server_params(domain: &str) -> Result<CertificateParams, DevelopmentError> {
    let mut params = CertificateParams::new(vec![domain.to_owned(), format!("*.{domain}")])?;
    params.distinguished_name = name(domain);
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
