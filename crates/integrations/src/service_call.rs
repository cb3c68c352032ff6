//! What is kept of calls of services.

use std::time::Duration;

use access_control::{AppCaller, Environment};
use ids::{AccountId, AppId, CustomApiId, OrganizationId, ServiceCallId, UserId};
use time::OffsetDateTime;

/// Calls of one second that differ in nothing but their paths, bodies and duration. It holds no path, no header and no
/// body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCall {
    /// Its identifier; ordered by the time of writing.
    pub id: ServiceCallId,
    /// The second in which they began.
    pub at: OffsetDateTime,
    /// Who called what.
    pub called: Called,
    /// What came of them.
    pub outcome: CallOutcome,
    /// The status that the service answered, if it did.
    pub status: Option<u16>,
    /// How many.
    pub count: u64,
    /// How long all of them took, waiting for a turn and for a token included.
    pub duration: Duration,
    /// How long the longest took.
    pub longest: Duration,
}

/// Who called what, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Called {
    /// The organization.
    pub organization: OrganizationId,
    /// The app.
    pub app: AppId,
    /// The person, if one is known.
    pub user: Option<UserId>,
    /// Where the call came from.
    pub via: CallVia,
    /// With what.
    pub with: CalledWith,
    /// The service's key; for a custom API its name.
    pub service: String,
    /// The host; empty if it never became known.
    pub host: String,
    /// `GET`, …; empty for what was not understood.
    pub method: String,
}

/// What proved a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CalledWith {
    /// An account at a service.
    Account(AccountId),
    /// A custom API.
    CustomApi(CustomApiId),
}

/// Where a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallVia {
    /// The server of a deployed app.
    Production,
    /// The server of an app that is being built.
    Preview,
    /// A page of the app.
    Page,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// The service did what it was asked, and its answer was passed on whole.
    Answered,
    /// The service answered something else: a redirect or a status from 400 on.
    Refused,
    /// The service had too many calls.
    Limited,
    /// The call was not understood, or may not be made like that.
    Invalid,
    /// There was no turn.
    Busy,
    /// The account has to be connected again.
    NeedsReconnect,
    /// Nothing could be sent to the service, or no token was to be had.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The answer was too large.
    Capped,
    /// The service's answer did not come whole.
    BrokeOff,
    /// Nobody waited for the answer any more, or took it too slowly.
    Abandoned,
}

impl CallVia {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Production, Self::Preview, Self::Page];

    /// The word for it in tables and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Preview => "preview",
            Self::Page => "page",
        }
    }
}

impl From<&AppCaller> for CallVia {
    fn from(caller: &AppCaller) -> Self {
        match caller.environment() {
            Some(Environment::Production) => Self::Production,
            Some(Environment::Preview) => Self::Preview,
            None => Self::Page,
        }
    }
}

impl CalledWith {
    /// The account, if it is one.
    #[must_use]
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(id),
            Self::CustomApi(_) => None,
        }
    }

    /// The custom API, if it is one.
    #[must_use]
    pub const fn custom_api(self) -> Option<CustomApiId> {
        match self {
            Self::Account(_) => None,
            Self::CustomApi(id) => Some(id),
        }
    }
}

impl CallOutcome {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Answered,
        Self::Refused,
        Self::Limited,
        Self::Invalid,
        Self::Busy,
        Self::NeedsReconnect,
        Self::Unreachable,
        Self::TimedOut,
        Self::Capped,
        Self::BrokeOff,
        Self::Abandoned,
    ];

    /// The word for it in tables and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Limited => "limited",
            Self::Invalid => "invalid",
            Self::Busy => "busy",
            Self::NeedsReconnect => "needs_reconnect",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Capped => "capped",
            Self::BrokeOff => "broke_off",
            Self::Abandoned => "abandoned",
        }
    }
}
