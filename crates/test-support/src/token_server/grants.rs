//! What an authorization server knows about its grants: which refresh token is good, and what becomes of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// What becomes of a refresh token that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It stays the same.
    Static,
    /// A new one comes, and the old one may be sent again for so long.
    Grace(Duration),
    /// A new one comes, and the old one works until one of the new tokens is used.
    UntilSuccessorUsed,
    /// A new one comes, and the old one sent again ends the grant (RFC 9700, 4.14.2).
    SingleUse,
}

/// What was given out.
#[derive(Clone, Debug)]
pub struct GrantedTokens {
    /// Whose: one person's consent.
    pub grant: usize,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// What came of one grant so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantHistory {
    /// How many refreshes it answered with tokens, or meant to before the answer was cut.
    pub refreshes: u64,
    /// How many refresh tokens came again that may not.
    pub double_spends: u64,
    /// Whether it is over.
    pub revoked: bool,
}

/// The grants of a server.
#[derive(Debug)]
pub(super) struct Grants {
    reuse: Reuse,
    lifetime: Duration,
    grants: Vec<Grant>,
    refresh_tokens: HashMap<String, (usize, u64)>,
    access_tokens: HashMap<String, Access>,
}

#[derive(Debug, Default)]
struct Grant {
    history: GrantHistory,
    /// The number of the newest refresh token.
    newest: u64,
    newest_token: String,
    /// The oldest that still works beside it, and when it was first used.
    before: Option<(u64, Instant)>,
    successor_used: bool,
    ends_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Access {
    grant: usize,
    generation: u64,
    ends_at: Instant,
}

/// How an access token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is good, and whose it is.
    Living(usize),
    /// It was.
    Ended,
    /// It never was, or its grant is over.
    Unknown,
}

impl Grants {
    pub(super) fn new(reuse: Reuse, lifetime: Duration) -> Self {
        Self {
            reuse,
            lifetime,
            grants: Vec::new(),
            refresh_tokens: HashMap::new(),
            access_tokens: HashMap::new(),
        }
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.refresh_tokens.keys().chain(self.access_tokens.keys()).cloned().collect()
    }

    pub(super) fn set(&mut self, reuse: Reuse, lifetime: Duration) {
        (self.reuse, self.lifetime) = (reuse, lifetime);
    }

    pub(super) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Somebody consents.
    pub(super) fn grant(&mut self) -> GrantedTokens {
        let grant = self.grants.len();
        self.grants.push(Grant { newest_token: random_text(), ..Grant::default() });
        let refresh = self.grants[grant].newest_token.clone();
        self.refresh_tokens.insert(refresh.clone(), (grant, 0));
        GrantedTokens { grant, access: self.access(grant, 0), refresh }
    }

    /// A refresh token comes. None is an `invalid_grant`.
    pub(super) fn refresh(&mut self, token: &str) -> Option<GrantedTokens> {
        let (number, generation) = *self.refresh_tokens.get(token)?;
        let reuse = self.reuse;
        let grant = &mut self.grants[number];
        if grant.history.revoked {
            return None;
        }
        let is_newest = generation == grant.newest;
        let may = is_newest
            || match (reuse, grant.before) {
                (Reuse::Static, _) => true,
                (Reuse::Grace(grace), Some((before, since))) => {
                    generation == before && since.elapsed() <= grace
                }
                (Reuse::UntilSuccessorUsed, Some((before, _))) => {
                    generation == before && !grant.successor_used
                }
                _ => false,
            };
        if !may {
            grant.history.double_spends += 1;
            // Whoever has a token twice may have stolen it.
            grant.history.revoked = reuse != Reuse::UntilSuccessorUsed;
            return None;
        }
        grant.history.refreshes += 1;
        if reuse == Reuse::Static {
            let refresh = token.to_owned();
            return Some(GrantedTokens { grant: number, access: self.access(number, generation), refresh });
        }
        // Sent again, the old one has a further successor; when it was first used counts.
        let since = match grant.before {
            Some((before, since)) if before == generation => since,
            _ => Instant::now(),
        };
        grant.before = Some((generation, since));
        grant.newest += 1;
        grant.successor_used = false;
        let (newest, refresh) = (grant.newest, random_text());
        grant.newest_token.clone_from(&refresh);
        self.refresh_tokens.insert(refresh.clone(), (number, newest));
        Some(GrantedTokens { grant: number, access: self.access(number, newest), refresh })
    }

    /// An access token comes.
    pub(super) fn used(&mut self, token: &str) -> Found {
        let Some(access) = self.access_tokens.get(token).copied() else { return Found::Unknown };
        let grant = &mut self.grants[access.grant];
        if grant.history.revoked {
            return Found::Unknown;
        }
        if access.generation == grant.newest {
            grant.successor_used = true;
        }
        if access.ends_at <= Instant::now() { Found::Ended } else { Found::Living(access.grant) }
    }

    /// The grant of a token of either kind ends (RFC 7009).
    pub(super) fn revoke(&mut self, token: &str) {
        let access = self.access_tokens.get(token).map(|access| access.grant);
        let refresh = self.refresh_tokens.get(token).map(|(grant, _)| *grant);
        if let Some(grant) = access.or(refresh) {
            self.grants[grant].history.revoked = true;
        }
    }

    pub(super) fn revoke_grant(&mut self, grant: usize) {
        self.grants[grant].history.revoked = true;
    }

    pub(super) fn history(&self, grant: usize) -> GrantHistory {
        self.grants[grant].history
    }

    pub(super) fn all(&self) -> Vec<GrantHistory> {
        self.grants.iter().map(|grant| grant.history).collect()
    }

    /// How long ago the newest access token ended, or how long it lives.
    pub(super) fn has_living_access(&self, grant: usize) -> bool {
        self.grants[grant].ends_at.is_some_and(|end| end > Instant::now())
    }

    fn access(&mut self, grant: usize, generation: u64) -> String {
        let token = random_text();
        let ends_at = Instant::now() + self.lifetime;
        self.grants[grant].ends_at = Some(ends_at);
        self.access_tokens.insert(token.clone(), Access { grant, generation, ends_at });
        token
    }
}

pub(super) fn random_text() -> String {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}
