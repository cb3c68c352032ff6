//! Records as signed HTTP requests, after the Standard Webhooks specification: `webhook-id`,
//! `webhook-timestamp` and `webhook-signature` (HMAC-SHA-256).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use audit::Linked;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptography::HashKey;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{Delivery, DeliveryError};

/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// What a secret begins with.
const SECRET: &str = "whsec_";
/// How many bytes a secret has (Standard Webhooks: 24 to 64).
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a webhook cannot be used as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Not an https address.
    #[error("the address must begin with https:// (http:// only on this machine) and name no user")]
    Address,
    /// Not a secret of the right form.
    #[error("the secret must be whsec_ and 24 to 64 random bytes in base64")]
    Secret,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
}

/// An HTTP endpoint that gets the trail.
pub struct Webhook {
    address: Url,
    key: HashKey,
    client: reqwest::Client,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses of webhooks are often secrets themselves.
        formatter.debug_struct("Webhook").field("host", &self.address.host_str()).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The endpoint at `address`, and the secret it shares with us; `tls` says whom to trust.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(address: &str, secret: &str, tls: rustls::ClientConfig) -> Result<Self, WebhookError> {
        let address = Url::parse(address).map_err(|_| WebhookError::Address)?;
        let secure = match address.scheme() {
            "https" => true,
            "http" => is_this_machine(&address),
            _ => false,
        };
        if !secure || !address.username().is_empty() || address.password().is_some() {
            return Err(WebhookError::Address);
        }
        let bytes = secret.strip_prefix(SECRET).and_then(|text| STANDARD.decode(text).ok());
        let bytes = Zeroizing::new(bytes.ok_or(WebhookError::Secret)?);
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(WebhookError::Secret);
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // What is signed for one address is for that address.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .user_agent("vybe-control-plane")
            .build()
            .map_err(|_| WebhookError::Tls)?;
        Ok(Self { address, key: HashKey::from_secret(&bytes), client })
    }

    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let body = body(delivery);
        let (first, last) = delivery.bounds();
        // The same for the same records, so that a receiver recognises what it has.
        let id = format!("audit_{}_{first}_{last}", delivery.chain);
        let timestamp = clock::now().unix_timestamp().to_string();
        let signature = self.key.hash(format!("{id}.{timestamp}.{body}").as_bytes());
        let answer = self
            .client
            .post(self.address.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(signature)))
            .body(body)
            .send()
            .await
            .map_err(|error| DeliveryError::Request(error.without_url().into()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let retry_after =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Err(DeliveryError::Refused {
            status: status.as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
        })
    }
}

/// Plain HTTP never leaves this machine. A name can be made to mean anything, so only this one counts.
fn is_this_machine(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The lines of an export as a JSON document: each record is the very text that its hash is of.
fn body(delivery: &Delivery) -> String {
    let lines: Vec<String> = delivery.records.iter().map(line).collect();
    let (first, last) = delivery.bounds();
    let at = delivery.records.last().map_or("", |linked| linked.record.at.as_str());
    format!(
        "{{\"type\":\"audit.events\",\"timestamp\":\"{at}\",\"data\":{{\"chain\":\"{}\",\"from\":{first},\"to\":{last},\
         \"events\":[{}]}}}}",
        delivery.chain,
        lines.join(",")
    )
}

fn line(linked: &Linked) -> String {
    linked.record.line(linked.hash).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, secret: &str) -> Result<(), WebhookError> {
        let tls =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
        Webhook::new(address, secret, tls).map(|_| ())
    }

    #[test]
    fn plain_http_stays_on_this_machine_and_a_secret_is_long_enough() {
        let secret = format!("whsec_{}", STANDARD.encode([7; 32]));
        for address in [
            "https://siem.example.com/hook",
            "http://127.0.0.1:8080/",
            "http://[::1]:1/",
            "http://localhost:1",
        ] {
            assert_eq!(check(address, &secret), Ok(()), "{address}");
        }
        for address in [
            "http://siem.example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "ftp://127.0.0.1/",
            "https://user:password@siem.example.com/",
            "siem.example.com",
            "",
        ] {
            assert_eq!(check(address, &secret), Err(WebhookError::Address), "{address}");
        }
        for secret in [
            "",
            "whsec_",
            "secret",
            &STANDARD.encode([7; 32]),
            &format!("whsec_{}", STANDARD.encode([7; 23])),
        ] {
            assert_eq!(check("https://siem.example.com", secret), Err(WebhookError::Secret), "{secret}");
        }
    }
}
