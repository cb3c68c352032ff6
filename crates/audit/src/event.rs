//! One line of the audit trail.

use ids::{
    AccountId, AgentTokenId, AppId, AuditEventId, ConnectionId, CustomApiId, DataKeyId, DataQueryId,
    DecisionId, GroupId, ImportedServiceId, InvitationId, KeyRotationId, OauthClientId, OrganizationId,
    PathRuleId, RequestId, SecretId, ServerSecretId, SessionId, SigningKeyId, UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::Occasion;

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A signed-in person.
    Person(UserId),
    /// An app with its server secret.
    App(AppId),
    /// A coding agent, with its token for one app.
    Agent(AppId, AgentTokenId),
    /// The platform itself: a background task or the operator's command line.
    System,
}

/// What was acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A person.
    User(UserId),
    /// A session.
    Session(SessionId),
    /// Every session of a person.
    SessionsOf(UserId),
    /// An organization.
    Organization(OrganizationId),
    /// A member of the event's organization.
    Member(UserId),
    /// An invitation.
    Invitation(InvitationId),
    /// A group.
    Group(GroupId),
    /// An app.
    App(AppId),
    /// A grant on an app.
    Grant(AppId, UserId),
    /// A path rule of an app.
    PathRule(AppId, PathRuleId),
    /// A server secret of an app.
    ServerSecret(AppId, ServerSecretId),
    /// An agent's token for an app.
    AgentToken(AppId, AgentTokenId),
    /// A session that a person made for a program.
    ApiToken(SessionId),
    /// A key that signs user tokens.
    SigningKey(SigningKeyId),
    /// A value in the vault.
    Secret(SecretId),
    /// A connection to a customer's database.
    Connection(ConnectionId),
    /// A service that an organization imported.
    ImportedService(ImportedServiceId),
    /// What an organization is registered as at a service.
    OauthClient(OauthClientId),
    /// An account at a service.
    Account(AccountId),
    /// A custom API.
    CustomApi(CustomApiId),
    /// A saved query of an app.
    DataQuery(AppId, DataQueryId),
    /// A key that seals values.
    DataKey(DataKeyId),
    /// The replacement of a key by its successor.
    KeyRotation(KeyRotationId),
    /// The platform as a whole.
    Platform,
}

/// Whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// The word used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// Who did what to what, when, in which request.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its identifier.
    pub id: AuditEventId,
    /// When.
    pub at: OffsetDateTime,
    /// The organization it belongs to, if any.
    pub organization: Option<OrganizationId>,
    /// Who acted.
    pub actor: Actor,
    /// The action's name, as in the access matrix.
    pub action: &'static str,
    /// Whether it happened.
    pub outcome: Outcome,
    /// What was acted on.
    pub target: Target,
    /// The request.
    pub request: Option<RequestId>,
    /// The decision, where one was numbered.
    pub decision: Option<DecisionId>,
    /// Before and after, without secrets.
    pub detail: Value,
    /// Whether other processes are told. They are, unless nothing that they may know changed.
    pub announced: bool,
}

impl Event {
    /// An event for something done now.
    #[must_use]
    pub fn done(actor: Actor, action: &'static str, target: Target) -> Self {
        Self {
            id: AuditEventId::generate(),
            at: clock::now(),
            organization: None,
            actor,
            action,
            outcome: Outcome::Done,
            target,
            request: None,
            decision: None,
            detail: Value::Null,
            announced: true,
        }
    }

    /// For something new that no other process can know yet, nor know better: it need not be announced.
    #[must_use]
    pub fn unannounced(mut self) -> Self {
        self.announced = false;
        self
    }

    /// An event for something refused now.
    #[must_use]
    pub fn refused(actor: Actor, action: &'static str, target: Target) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(actor, action, target) }
    }

    /// The organization it belongs to.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// The request of the occasion it happened on.
    #[must_use]
    pub fn during(self, occasion: Occasion) -> Self {
        self.in_request(occasion.request)
    }

    /// The request it happened in.
    #[must_use]
    pub fn in_request(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self
    }

    /// The decision that led to it.
    #[must_use]
    pub fn decided(mut self, decision: DecisionId) -> Self {
        self.decision = Some(decision);
        self
    }

    /// What changed, without secrets.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}
