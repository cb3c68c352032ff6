//! Everybody who might call.

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    Anonymous,
    GarbageCookie,
    RevokedSession,
    OtherOrganization,
    RemovedMember,
    Member,
    Editor,
    Admin,
    Owner,
    ServerSecret,
    ServerSecretAndUserToken,
    UserTokenOnly,
    /// An Owner's session, sent by a page of an app.
    AppOrigin,
    /// An Owner's session, sent from a sibling host that does not name itself.
    SameSite,
}

impl Caller {
    pub const ALL: [Self; 14] = [
        Self::Anonymous,
        Self::GarbageCookie,
        Self::RevokedSession,
        Self::OtherOrganization,
        Self::RemovedMember,
        Self::Member,
        Self::Editor,
        Self::Admin,
        Self::Owner,
        Self::ServerSecret,
        Self::ServerSecretAndUserToken,
        Self::UserTokenOnly,
        Self::AppOrigin,
        Self::SameSite,
    ];

    /// As in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::GarbageCookie => "garbage cookie",
            Self::RevokedSession => "revoked session",
            Self::OtherOrganization => "other organization",
            Self::RemovedMember => "removed member",
            Self::Member => "Member",
            Self::Editor => "Editor",
            Self::Admin => "Admin",
            Self::Owner => "Owner",
            Self::ServerSecret => "server secret",
            Self::ServerSecretAndUserToken => "server secret and user token",
            Self::UserTokenOnly => "user token only",
            Self::AppOrigin => "page of an app",
            Self::SameSite => "unnamed sibling host",
        }
    }

    /// Whom of the demo's people it signs in as.
    pub const fn subject(self) -> Option<&'static str> {
        match self {
            Self::OtherOrganization | Self::RemovedMember => Some("outsider"),
            Self::Member => Some("member"),
            Self::Editor => Some("editor"),
            Self::Admin => Some("admin"),
            Self::Owner | Self::AppOrigin | Self::SameSite => Some("owner"),
            _ => None,
        }
    }
}
