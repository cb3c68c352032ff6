//! An invitation, and when it still holds.

use access_control::{Action, CreateInvitation, ManageOwners, Role};
use ids::{EmailAddress, InvitationId, OrganizationId, UserId};
use time::{Duration, OffsetDateTime};

use crate::Delivery;

/// How long an invitation holds: exactly 14 days.
pub const INVITATION_LIFETIME: Duration = Duration::days(14);

/// An invitation, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its identifier. Knowing it opens nothing.
    pub id: InvitationId,
    /// The organization it leads to.
    pub organization: OrganizationId,
    /// The only address that may accept it.
    pub email: EmailAddress,
    /// The role it gives, fixed when it was made.
    pub role: Role,
    /// Who invited.
    pub invited_by: UserId,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// The first instant at which it no longer holds.
    pub expires_at: OffsetDateTime,
    /// When it was accepted.
    pub accepted_at: Option<OffsetDateTime>,
    /// When it was taken back.
    pub revoked_at: Option<OffsetDateTime>,
    /// What became of the last letter; `None` while that is not known.
    pub last_delivery: Option<Delivery>,
}

impl Invitation {
    /// Whether it can be accepted at this instant.
    #[must_use]
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        self.accepted_at.is_none() && self.revoked_at.is_none() && now < self.expires_at
    }
}

/// Whether a member with role `inviter` may give `role` by an invitation.
pub(crate) fn may_invite(inviter: Role, role: Role) -> bool {
    CreateInvitation::RULE.contains(&inviter)
        && (role != Role::Owner || ManageOwners::RULE.contains(&inviter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(created_at: OffsetDateTime) -> Invitation {
        Invitation {
            id: InvitationId::generate(),
            organization: OrganizationId::generate(),
            email: "ada@example.com".parse().unwrap(),
            role: Role::Member,
            invited_by: UserId::generate(),
            created_at,
            expires_at: created_at + INVITATION_LIFETIME,
            accepted_at: None,
            revoked_at: None,
            last_delivery: None,
        }
    }

    #[test]
    fn z09_holds_for_fourteen_days_to_the_nanosecond() {
        let made = OffsetDateTime::UNIX_EPOCH;
        let open_after = |age: Duration| invitation(made).is_open(made + age);
        assert!(open_after(Duration::ZERO));
        assert!(open_after(Duration::days(14) - Duration::NANOSECOND));
        assert!(!open_after(Duration::days(14)));
    }

    #[test]
    fn z09_an_invitation_never_gives_more_than_the_inviter_may_give() {
        for inviter in Role::ALL {
            for role in Role::ALL {
                let expected = match inviter {
                    Role::Owner => true,
                    Role::Admin => role != Role::Owner,
                    Role::Editor | Role::Member => false,
                };
                assert_eq!(may_invite(inviter, role), expected, "{inviter} invites {role}");
            }
        }
    }
}
