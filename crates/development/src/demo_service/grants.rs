//! What people of the demo service permitted, kept in the data folder, so that connections outlive a restart.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::{Token, digest};
use serde::{Deserialize, Serialize};

use crate::{DevelopmentError, Folder};

/// The file in the data folder.
const FILE: &str = "demo-service.json";
/// How long an access token lives, in seconds: short, so that refreshes can be watched.
pub(super) const ACCESS_LIFE: i64 = 120;
/// How long a code lives, in seconds.
const CODE_LIFE: i64 = 60;
/// More than a person at one machine makes; the oldest go first.
const MOST: usize = 20_000;

/// The service's memory.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Grants {
    /// The secret of the one client.
    pub client_secret: String,
    grants: BTreeMap<u64, Grant>,
    notes: BTreeMap<String, Vec<String>>,
    next: u64,
    #[serde(skip)]
    codes: BTreeMap<String, Code>,
}

/// What somebody permitted.
#[derive(Serialize, Deserialize)]
struct Grant {
    user: String,
    scope: String,
    access: String,
    access_ends: i64,
    refresh: String,
    /// What works until its successor is used.
    former: Option<String>,
}

struct Code {
    user: String,
    scope: String,
    challenge: String,
    ends: i64,
}

/// What a token request gets (RFC 6749, 5.1).
#[derive(Serialize)]
pub(super) struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    scope: String,
}

impl Grants {
    /// What is in the folder.
    pub fn open(folder: &Folder) -> Result<Self, DevelopmentError> {
        let kept = std::fs::read(folder.file(FILE)).ok();
        // What cannot be read is made anew: accounts then have to be connected again.
        let mut grants: Self = kept.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        if grants.client_secret.is_empty() {
            grants.client_secret = random()?;
            grants.keep(folder);
        }
        Ok(grants)
    }

    /// Writes everything down.
    pub fn keep(&self, folder: &Folder) {
        let kept = serde_json::to_vec(self)
            .map_err(|error| error.to_string())
            .and_then(|text| folder.write(FILE, &text).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            tracing::warn!(error, "the demo service forgets what happened when it ends");
        }
    }

    /// Somebody permits it.
    pub fn permit(&mut self, user: &str, scope: &str, challenge: &str, now: i64) -> Option<String> {
        self.codes.retain(|_, code| code.ends > now);
        let code = random().ok()?;
        let (user, scope, challenge) = (user.to_owned(), scope.to_owned(), challenge.to_owned());
        self.codes.insert(code.clone(), Code { user, scope, challenge, ends: now + CODE_LIFE });
        Some(code)
    }

    /// Exchanges a code (RFC 6749, 4.1.3; RFC 7636, 4.6).
    pub fn exchange(&mut self, code: &str, verifier: &str, now: i64) -> Option<Tokens> {
        let code = self.codes.remove(code).filter(|code| code.ends > now)?;
        if URL_SAFE_NO_PAD.encode(digest(verifier.as_bytes())) != code.challenge {
            return None;
        }
        while self.grants.len() >= MOST {
            self.grants.pop_first();
        }
        let grant = Grant {
            user: code.user,
            scope: code.scope,
            access: String::new(),
            access_ends: 0,
            refresh: random().ok()?,
            former: None,
        };
        self.next += 1;
        let grant = self.grants.entry(self.next).or_insert(grant);
        give(grant, now)
    }

    /// The next tokens (RFC 6749, 6). The token before works until the one that is given here is used.
    pub fn refresh(&mut self, token: &str, now: i64) -> Option<Tokens> {
        let known = |grant: &&mut Grant| grant.refresh == token || grant.former.as_deref() == Some(token);
        let grant = self.grants.values_mut().find(known)?;
        grant.former = Some(token.to_owned());
        grant.refresh = random().ok()?;
        give(grant, now)
    }

    /// Ends what a token belongs to (RFC 7009).
    pub fn revoke(&mut self, token: &str) {
        self.grants.retain(|_, grant| {
            grant.access != token && grant.refresh != token && grant.former.as_deref() != Some(token)
        });
    }

    /// Whose access token it is.
    pub fn user(&self, token: &str, now: i64) -> Option<&str> {
        let mut grants = self.grants.values();
        let found = grants.find(|grant| grant.access == token && grant.access_ends > now)?;
        Some(&found.user)
    }

    /// The notes of somebody.
    pub fn notes(&self, user: &str) -> &[String] {
        self.notes.get(user).map_or(&[], Vec::as_slice)
    }

    /// Adds one.
    pub fn add_note(&mut self, user: &str, text: &str) {
        let notes = self.notes.entry(user.to_owned()).or_default();
        if notes.len() < 100 {
            notes.push(text.chars().take(1000).collect());
        }
    }
}

fn give(grant: &mut Grant, now: i64) -> Option<Tokens> {
    grant.access = random().ok()?;
    grant.access_ends = now + ACCESS_LIFE;
    Some(Tokens {
        access_token: grant.access.clone(),
        token_type: "Bearer",
        expires_in: ACCESS_LIFE,
        refresh_token: grant.refresh.clone(),
        scope: grant.scope.clone(),
    })
}

fn random() -> Result<String, DevelopmentError> {
    Ok(Token::generate().map_err(|_| DevelopmentError::Key)?.reveal().as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn granted(grants: &mut Grants) -> Tokens {
        let code = grants.permit("ada", "notes:read", CHALLENGE, 1000).unwrap();
        assert!(grants.exchange(&code, VERIFIER, 1000 + CODE_LIFE).is_none(), "too late");
        let code = grants.permit("ada", "notes:read", CHALLENGE, 1000).unwrap();
        assert!(grants.exchange(&code, "another", 1001).is_none());
        assert!(grants.exchange(&code, VERIFIER, 1001).is_none(), "a code is tried once");
        let code = grants.permit("ada", "notes:read", CHALLENGE, 1000).unwrap();
        grants.exchange(&code, VERIFIER, 1001).unwrap()
    }

    #[test]
    fn a_token_works_until_its_successor_is_used_and_ends_when_it_is_revoked() {
        let mut grants = Grants::default();
        let first = granted(&mut grants);
        assert_eq!(grants.user(&first.access_token, 1002), Some("ada"));
        assert_eq!(grants.user(&first.access_token, 1001 + ACCESS_LIFE), None);
        let lost = grants.refresh(&first.refresh_token, 1010).unwrap();
        let second = grants.refresh(&first.refresh_token, 1011).unwrap();
        assert!(grants.refresh(&lost.refresh_token, 1012).is_none(), "it was given anew");
        let third = grants.refresh(&second.refresh_token, 1013).unwrap();
        assert!(grants.refresh(&first.refresh_token, 1014).is_none());
        assert_eq!(grants.user(&third.access_token, 1014), Some("ada"));
        grants.revoke(&third.refresh_token);
        assert_eq!(grants.user(&third.access_token, 1014), None);
        assert!(grants.refresh(&third.refresh_token, 1015).is_none());
    }

    #[test]
    fn what_was_permitted_is_known_after_a_restart() {
        let kept = tempfile::tempdir().unwrap();
        let folder = Folder::open(kept.path()).unwrap();
        let mut grants = Grants::open(&folder).unwrap();
        let tokens = granted(&mut grants);
        grants.add_note("ada", "hello");
        grants.keep(&folder);
        let mut again = Grants::open(&folder).unwrap();
        assert_eq!(again.client_secret, grants.client_secret);
        assert_eq!(again.notes("ada"), ["hello"]);
        assert!(again.refresh(&tokens.refresh_token, 1020).is_some());
    }
}
