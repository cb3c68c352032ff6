//! JSON as it comes in and goes out. Every body refuses fields it does not name, so that nobody can
//! set what only the platform sets.

use access_control::Role;
use endpoint::{Instant, PagingParameters};
use ids::{DomainName, EmailAddress, GroupId, InvitationId, Name, OrganizationId, OrganizationSlug, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Delivery, Group, HostedDomain, Invitation, KnownMember, Member, NewInvitation, Organization,
    OrganizationChanges,
};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetUpBody {
    /// The code from the platform's log.
    pub code: String,
    pub slug: OrganizationSlug,
    pub name: Name,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OrganizationBody {
    pub slug: OrganizationSlug,
    pub name: Name,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OrganizationChangesBody {
    #[serde(default)]
    name: Option<Name>,
    /// `null` takes sign-ins of any domain.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<DomainName>")]
    hosted_domain: Option<Option<HostedDomain>>,
    /// Whether deployed apps may use personal accounts at services, on behalf of those whose they are.
    #[serde(default)]
    personal_accounts_in_apps: Option<bool>,
}

/// A field that is there, be it `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl From<OrganizationChangesBody> for OrganizationChanges {
    fn from(body: OrganizationChangesBody) -> Self {
        Self {
            name: body.name,
            hosted_domain: body.hosted_domain,
            personal_accounts_in_apps: body.personal_accounts_in_apps,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RoleBody {
    /// owner, admin, editor or member.
    pub role: Role,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InvitationBody {
    pub email: EmailAddress,
    /// owner, admin, editor or member.
    pub role: Role,
}

/// Parameters of deleting an organization.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(super) struct DeletionParameters {
    /// The slug of what is deleted, repeated, so that nobody deletes another organization by a slip.
    #[expect(dead_code, reason = "describes the query, which is read by name")]
    slug: OrganizationSlug,
}

/// Parameters of the list of members.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(super) struct MemberParameters {
    /// A part of the name or e-mail address, in any case.
    #[expect(dead_code, reason = "describes the query, which is read by name")]
    query: Option<String>,
    #[expect(dead_code, reason = "describes the query, which is read by name")]
    role: Option<Role>,
    #[schemars(flatten)]
    #[expect(dead_code, reason = "describes the query, which is read by name")]
    paging: PagingParameters,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AcceptBody {
    /// The secret from the link.
    pub token: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupBody {
    pub name: Name,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationAnswer {
    id: OrganizationId,
    slug: OrganizationSlug,
    name: Name,
    hosted_domain: Option<String>,
    /// Whether deployed apps may use personal accounts at services.
    personal_accounts_in_apps: bool,
    created_at: Instant,
    role: Role,
}

impl OrganizationAnswer {
    pub fn new(organization: Organization, role: Role) -> Self {
        Self {
            id: organization.id,
            slug: organization.slug,
            name: organization.name,
            hosted_domain: organization.hosted_domain.map(|domain| domain.to_string()),
            personal_accounts_in_apps: organization.personal_accounts_in_apps,
            created_at: organization.created_at.into(),
            role,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberAnswer {
    user_id: UserId,
    role: Role,
    email: Option<EmailAddress>,
    name: Option<String>,
    picture: Option<String>,
    created_at: Instant,
}

impl From<KnownMember> for MemberAnswer {
    fn from(known: KnownMember) -> Self {
        let (email, name, picture) = match known.person {
            Some(person) => (Some(person.email), Some(person.name), person.picture),
            None => (None, None, None),
        };
        let Member { user, role, created_at } = known.member;
        Self { user_id: user, role, email, name, picture, created_at: created_at.into() }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitationAnswer {
    id: InvitationId,
    email: EmailAddress,
    role: Role,
    invited_by: UserId,
    created_at: Instant,
    expires_at: Instant,
    /// What became of the last letter; `null` while that is not known.
    last_delivery: Option<Delivery>,
}

impl From<Invitation> for InvitationAnswer {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at.into(),
            expires_at: invitation.expires_at.into(),
            last_delivery: invitation.last_delivery,
        }
    }
}

/// An invitation whose secret can be shown this once.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewInvitationAnswer {
    #[serde(flatten)]
    invitation: InvitationAnswer,
    /// Where it is accepted. It holds the secret.
    link: String,
    delivery: Delivery,
    /// The delivery in a sentence.
    delivery_detail: &'static str,
}

impl From<NewInvitation> for NewInvitationAnswer {
    fn from(made: NewInvitation) -> Self {
        Self {
            invitation: made.invitation.into(),
            link: made.link,
            delivery: made.delivery,
            delivery_detail: made.delivery.sentence(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AcceptedAnswer {
    pub organization_id: OrganizationId,
    pub role: Role,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupAnswer {
    id: GroupId,
    name: Name,
    members: Vec<UserId>,
    created_at: Instant,
}

impl From<Group> for GroupAnswer {
    fn from(group: Group) -> Self {
        Self { id: group.id, name: group.name, members: group.members, created_at: group.created_at.into() }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MembersAnswer {
    pub members: Vec<MemberAnswer>,
    /// `null` when nothing follows.
    pub next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitationsAnswer {
    pub invitations: Vec<InvitationAnswer>,
    /// `null` when nothing follows.
    pub next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupsAnswer {
    pub groups: Vec<GroupAnswer>,
    /// `null` when nothing follows.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z06_bodies_refuse_fields_that_only_the_platform_sets() {
        fn check<T: for<'de> Deserialize<'de>>(good: &str) {
            assert!(serde_json::from_str::<T>(good).is_ok(), "{good}");
            for field in
                ["id", "role_", "organizationId", "org_id", "ownerId", "createdBy", "user_id", "expiresAt"]
            {
                let bad = good.replacen('{', &format!("{{\"{field}\":\"x\","), 1);
                assert!(serde_json::from_str::<T>(&bad).is_err(), "{bad}");
            }
        }
        check::<SetUpBody>(r#"{"code":"c","slug":"acme","name":"Acme"}"#);
        check::<OrganizationBody>(r#"{"slug":"acme","name":"Acme"}"#);
        check::<OrganizationChangesBody>(r#"{"name":"Acme","hostedDomain":null}"#);
        check::<RoleBody>(r#"{"role":"admin"}"#);
        check::<InvitationBody>(r#"{"email":"a@b.co","role":"member"}"#);
        check::<AcceptBody>(r#"{"token":"t"}"#);
        check::<GroupBody>(r#"{"name":"Finance"}"#);
    }

    #[test]
    fn a_left_out_hosted_domain_is_not_a_removed_one() {
        let read = |text: &str| {
            OrganizationChanges::from(serde_json::from_str::<OrganizationChangesBody>(text).unwrap())
        };
        assert_eq!(read(r#"{"name":"A"}"#).hosted_domain, None);
        assert_eq!(read(r#"{"hostedDomain":null}"#).hosted_domain, Some(None));
        assert!(read(r#"{"hostedDomain":"a.co"}"#).hosted_domain.unwrap().is_some());
    }
}
