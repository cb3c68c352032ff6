//! Reading an ID token (OpenID Connect Core 1.0, section 3.1.3.7). Nothing is optional.

use ids::EmailAddress;
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, Nonce};
use time::OffsetDateTime;

use crate::openid::IdentityToken;
use crate::users::Profile;

/// How far the provider's clock may be ahead of ours, in seconds.
const SKEW: i64 = 60;
/// How long ago a token may have been made that was fetched just now, in seconds.
const OLDEST: i64 = 15 * 60;

/// Signatures that a published key verifies. Neither `none` nor anything made with a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why an ID token is not believed. For the log; a client is not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdTokenError {
    /// Perhaps the provider has a new key.
    #[error("the signature does not verify with the provider's keys")]
    Signature,
    #[error("{0}")]
    Claims(String),
    #[error("the authorised party is another client")]
    AuthorisedParty,
    #[error("the token was made in the future, or long ago")]
    IssuedAt,
    #[error("the person signed in in the future")]
    SignedInLater,
    #[error("the e-mail address is not verified")]
    EmailUnverified,
    #[error("the e-mail address is malformed")]
    EmailMalformed,
}

/// What a believed token proves.
pub(crate) struct Proved {
    pub(crate) subject: String,
    hosted_domain: Option<String>,
    /// When the person signed in at the provider, by our clock, if the token says so.
    pub(crate) signed_in_at: Option<OffsetDateTime>,
    /// Absent if the token has no e-mail address: some providers tell it at another endpoint only.
    pub(crate) told: Option<Told>,
}

/// What a provider tells about a person, not judged yet.
pub(crate) struct Told {
    pub(crate) email: String,
    pub(crate) email_verified: Option<bool>,
    pub(crate) name: Option<String>,
    pub(crate) picture: Option<String>,
}

/// What the token proves.
pub(crate) fn read(
    token: &IdentityToken,
    issuer: &IssuerUrl,
    client: &ClientId,
    keys: CoreJsonWebKeySet,
    nonce: &Nonce,
    now: OffsetDateTime,
) -> Result<Proved, IdTokenError> {
    // A "public client" has no secret that an HMAC could be checked with.
    let verifier =
        IdTokenVerifier::new_public_client(client.clone(), issuer.clone(), keys).set_allowed_algs(ALGORITHMS);
    let claims = token.claims(&verifier, nonce).map_err(|error| match error {
        ClaimsVerificationError::SignatureVerification(_) => IdTokenError::Signature,
        other => IdTokenError::Claims(other.to_string()),
    })?;
    // The library leaves `azp` and the time of issue to its caller.
    if claims.authorized_party().is_some_and(|party| party != client) {
        return Err(IdTokenError::AuthorisedParty);
    }
    let (arrival, now) = (now, now.unix_timestamp());
    if claims.expiration().timestamp() <= now {
        return Err(IdTokenError::Claims("the token has expired".to_owned()));
    }
    let age = now - claims.issue_time().timestamp();
    if !(-SKEW..=OLDEST).contains(&age) {
        return Err(IdTokenError::IssuedAt);
    }
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > 255 {
        return Err(IdTokenError::Claims("the subject is empty or too long".to_owned()));
    }
    let signed_in_at = match claims.auth_time() {
        None => None,
        Some(at) if at.timestamp() > now + SKEW => return Err(IdTokenError::SignedInLater),
        // The token was made just now, so its age is mostly the difference between the two clocks.
        Some(at) => OffsetDateTime::from_unix_timestamp(at.timestamp() + age.clamp(-SKEW, SKEW))
            .ok()
            .map(|at| at.min(arrival)),
    };
    Ok(Proved {
        subject: subject.to_owned(),
        signed_in_at,
        hosted_domain: claims.additional_claims().hd.clone(),
        told: claims.email().map(|email| Told {
            email: email.to_string(),
            email_verified: claims.email_verified(),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            picture: claims
                .picture()
                .and_then(|picture| picture.get(None))
                .map(|picture| picture.to_string()),
        }),
    })
}

impl Proved {
    /// The profile, from what the provider told about this very subject.
    pub(crate) fn profile(self, issuer: &IssuerUrl, told: Told) -> Result<Profile, IdTokenError> {
        if told.email_verified != Some(true) {
            return Err(IdTokenError::EmailUnverified);
        }
        let email: EmailAddress = told.email.parse().map_err(|_| IdTokenError::EmailMalformed)?;
        Ok(Profile {
            issuer: issuer.to_string(),
            subject: self.subject,
            email,
            name: told.name,
            picture: told.picture,
            hosted_domain: self.hosted_domain,
        })
    }
}
