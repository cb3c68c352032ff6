//! Everybody who might call.

use crate::declared::{AppRole, Role};

/// Whom one can be signed in as. In the proof's organization each has the role of that name; the outsider
/// has an organization of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Person {
    Owner,
    Admin,
    Editor,
    Member,
    Outsider,
}

impl Person {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Editor, Self::Member, Self::Outsider];

    /// As the development provider and the callers file call them.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Member => "member",
            Self::Outsider => "outsider",
        }
    }
}

/// Which of the proof's apps a caller asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AppKind {
    /// Open to its organization.
    Organization,
    /// Restricted: the Admin views it, the Editor (who made it) and the Member were granted Editor.
    Restricted,
    /// Restricted, and the Admin's grant has ended.
    Lapsed,
    /// For the Editor, who made it, alone.
    Own,
}

impl AppKind {
    pub const ALL: [Self; 4] = [Self::Organization, Self::Restricted, Self::Lapsed, Self::Own];
}

/// With what a caller comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presents {
    Nothing,
    GarbageCookie,
    /// The cookie of a session that has ended.
    RevokedCookie,
    /// A session, from the platform's own pages.
    Cookie,
    /// A session, from the page of an app.
    CookieFromAppPage,
    /// The same, with the app's server secret.
    CookieAndSecret,
    /// A session, from a sibling host that does not name itself.
    CookieFromSibling,
    Secret,
    SecretAndUserToken,
    UserToken,
    ApiToken,
    RevokedApiToken,
    ApiTokenWithOrigin,
    ApiTokenWithCookie,
    AgentToken,
    AgentTokenWithCookie,
}

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    name: &'static str,
    pub(crate) presents: Presents,
    /// Whose session or token it is.
    pub(crate) person: Option<Person>,
    /// Their role in the organization asked about.
    pub(crate) role: Option<Role>,
    /// Which app they ask about.
    pub(crate) app: AppKind,
    /// Their role in that app.
    pub(crate) app_role: Option<AppRole>,
}

const fn stranger(name: &'static str, presents: Presents) -> Caller {
    Caller { name, presents, person: None, role: None, app: AppKind::Organization, app_role: None }
}

const fn outsider(name: &'static str) -> Caller {
    Caller { person: Some(Person::Outsider), ..stranger(name, Presents::Cookie) }
}

const fn member(name: &'static str, presents: Presents, person: Person) -> Caller {
    let (role, app_role) = match person {
        Person::Owner => (Some(Role::Owner), Some(AppRole::Editor)),
        Person::Admin => (Some(Role::Admin), Some(AppRole::Editor)),
        Person::Editor => (Some(Role::Editor), Some(AppRole::Editor)),
        Person::Member => (Some(Role::Member), Some(AppRole::Viewer)),
        Person::Outsider => (None, None),
    };
    Caller { name, presents, person: Some(person), role, app: AppKind::Organization, app_role }
}

/// Somebody who asks about another app than the one that is open to all.
const fn at(app: AppKind, name: &'static str, person: Person, app_role: Option<AppRole>) -> Caller {
    Caller { app, app_role, ..member(name, Presents::Cookie, person) }
}

impl Caller {
    /// Everybody who asks every endpoint.
    pub const ALL: [Self; 26] = [
        stranger("anonymous", Presents::Nothing),
        stranger("garbage cookie", Presents::GarbageCookie),
        stranger("revoked session", Presents::RevokedCookie),
        outsider("other organization"),
        outsider(REMOVED),
        member("Member", Presents::Cookie, Person::Member),
        member("Editor", Presents::Cookie, Person::Editor),
        member("Admin", Presents::Cookie, Person::Admin),
        member("Owner", Presents::Cookie, Person::Owner),
        member("Member's API token", Presents::ApiToken, Person::Member),
        member("Editor's API token", Presents::ApiToken, Person::Editor),
        member("Admin's API token", Presents::ApiToken, Person::Admin),
        member("Owner's API token", Presents::ApiToken, Person::Owner),
        member("other organization's API token", Presents::ApiToken, Person::Outsider),
        member("revoked API token", Presents::RevokedApiToken, Person::Owner),
        member("API token with an origin", Presents::ApiTokenWithOrigin, Person::Owner),
        member("API token with a cookie", Presents::ApiTokenWithCookie, Person::Owner),
        stranger("agent token", Presents::AgentToken),
        member("agent token with a cookie", Presents::AgentTokenWithCookie, Person::Owner),
        stranger("server secret", Presents::Secret),
        stranger("server secret and user token", Presents::SecretAndUserToken),
        stranger("user token only", Presents::UserToken),
        member("page of an app", Presents::CookieFromAppPage, Person::Owner),
        member("page of an app, other organization", Presents::CookieFromAppPage, Person::Outsider),
        member("page of an app with a server secret", Presents::CookieAndSecret, Person::Owner),
        member("unnamed sibling host", Presents::CookieFromSibling, Person::Owner),
    ];

    /// Everybody who asks the endpoints of an app once more, by its level and their grant.
    pub const BY_LEVEL: [Self; 7] = [
        at(AppKind::Restricted, "restricted: Owner, no grant", Person::Owner, None),
        at(AppKind::Restricted, "restricted: Admin, Viewer grant", Person::Admin, Some(AppRole::Viewer)),
        at(AppKind::Restricted, "restricted: Editor, Editor grant", Person::Editor, Some(AppRole::Editor)),
        at(AppKind::Restricted, "restricted: Member, Editor grant", Person::Member, Some(AppRole::Viewer)),
        at(AppKind::Lapsed, "restricted: Admin, grant ended", Person::Admin, None),
        at(AppKind::Own, "user: its creator", Person::Editor, Some(AppRole::Editor)),
        at(AppKind::Own, "user: Owner", Person::Owner, None),
    ];

    /// As in the document.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the person was a member until just now.
    pub(crate) fn was_removed(&self) -> bool {
        self.name == REMOVED
    }
}

const REMOVED: &str = "removed member";
