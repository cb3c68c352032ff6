//! What is decided for a person and a request, and why.

use std::fmt;
use std::sync::Arc;

use access_control::{
    AppRequest, ExplainAccess, Explanation, Facts as _, Means, Permit, Refusal, SignedIn, explain,
};
use directory::Directory;
use ids::{EmailAddress, SessionId, UserId};
use organizations::People;
use time::{Duration, OffsetDateTime};

use crate::{PolicyError, Probe};

/// Reads a method and a request target (path and query) as the middleware reads them, or says why they have
/// no single reading.
pub type ReadTarget = Arc<dyn Fn(&str, &str) -> Result<Probe, String> + Send + Sync>;

/// Explanations of decisions that nobody asked for yet.
#[derive(Clone)]
pub struct Explanations {
    /// The facts.
    pub directory: Directory,
    /// Addresses of people.
    pub people: Arc<dyn People>,
    /// How requests are read.
    pub read: ReadTarget,
}

impl fmt::Debug for Explanations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Explanations").finish_non_exhaustive()
    }
}

/// A person, by one of two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// By identifier.
    User(UserId),
    /// By verified e-mail address.
    Email(EmailAddress),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// For whom.
    pub whom: Whom,
    /// The method token.
    pub method: String,
    /// Path and query, as in a request.
    pub target: String,
    /// How long ago the person is taken to have signed in.
    pub signed_in_ago: Duration,
    /// Whether the request is taken to carry a Next.js Server Action.
    pub server_action: bool,
}

/// What is decided, and why.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Level by level.
    pub explanation: Explanation,
    /// The same in sentences.
    pub words: Vec<String>,
    /// The member, if the person is one. Of others nothing is said, not even whether they have an account.
    pub member: Option<UserId>,
    /// What the request reaches.
    pub probe: Probe,
    /// The version of the facts.
    pub policy_version: u64,
}

impl Explanations {
    /// Explains. A hosted domain that the organization asks for is taken to be that of the sign-in.
    ///
    /// # Errors
    /// The request has no single reading, or the facts are not available.
    pub async fn explain(
        &self,
        permit: &Permit<ExplainAccess>,
        question: &Question,
        now: OffsetDateTime,
    ) -> Result<Explained, PolicyError> {
        let mut probe = (self.read)(&question.method, &question.target).map_err(PolicyError::Unreadable)?;
        probe.under_every_rule |= question.server_action;
        let named = match &question.whom {
            Whom::User(user) => Some(*user),
            Whom::Email(email) => self.people.with_email(email).await.map_err(PolicyError::Neighbour)?,
        };
        let policy_version = self.directory.version();
        let organization = self.directory.organization(permit.organization())?.ok_or(Refusal::NotFound)?;
        let app = self.directory.app_record(permit.app())?.ok_or(Refusal::NotFound)?;
        let member = named.filter(|user| organization.members.contains_key(user));
        let viewer = SignedIn {
            // Whoever is no member is anybody: an account and none are explained alike.
            user: member.unwrap_or_else(UserId::generate),
            session: SessionId::generate(),
            hosted_domain: organization.hosted_domain.clone(),
            authenticated_at: now - question.signed_in_ago,
            means: Means::Browser,
        };
        let explanation = explain(&AppRequest {
            viewer: &viewer,
            organization: &organization,
            app: &app.facts,
            method: &probe.method,
            paths: &probe.paths,
            under_every_rule: probe.under_every_rule,
            now,
        });
        let words = decisions::in_words(&explanation, app.facts.rules.as_slice());
        Ok(Explained { explanation, words, member, probe, policy_version })
    }
}
