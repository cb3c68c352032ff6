//! One organization: who is in it, who is invited, and for those who run it the forms to change that.

use std::sync::Arc;

use access_control::{
    Action, ChangeRole, CreateInvitation, LeaveOrganization, ListConnections, ListInvitations, ListMembers,
    ListSecrets, Permit, ReadOrganization, ReadOrganizationKey, RemoveMember, RevokeInvitation, Role,
    SignedIn, UpdateOrganization,
};
use endpoint::{Answer, Call, Paging, Problem};
use ids::{EmailAddress, InvitationId, OrganizationId, UserId};
use maud::{Markup, html};
use organizations::{
    Invitation, KnownMember, MemberSearch, NewInvitation, Organization, OrganizationChanges,
    OrganizationError,
};
use schemars::JsonSchema;
use time::OffsetDateTime;

use crate::Console;
use crate::layout::{again, minute, page};

/// How many invitations the page shows.
const SHOWN_INVITATIONS: usize = 200;

/// Which members are shown.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct Wanted {
    query: Option<String>,
    cursor: Option<String>,
}

/// A role that is given.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct RoleFields {
    role: Role,
}

/// What holds for the whole organization.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct SettingsFields {
    personal_accounts_in_apps: bool,
}

/// Who is invited.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct InvitationFields {
    email: EmailAddress,
    role: Role,
}

/// What the page shows.
struct Shown {
    organization: Organization,
    role: Role,
    text: String,
    members: Vec<KnownMember>,
    next_cursor: Option<String>,
    invitations: Vec<Invitation>,
}

/// `/organizations/{organization_id}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListMembers>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let text = call.query("query")?.unwrap_or_default();
    let shown = read(&console, permit.actor(), permit.organization(), text, &paging, call.now()).await?;
    Ok(page(shown.organization.name.as_str(), &content(&shown)))
}

/// Gives a member another role.
pub(crate) async fn change_role(
    console: Arc<Console>,
    permit: Permit<ChangeRole>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let user: UserId = call.path("user_id")?;
    let role = role(&call.form().await?)?;
    let outcome = console.members.change_role(&permit, call.id(), user, role).await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Ends a membership.
pub(crate) async fn remove_member(
    console: Arc<Console>,
    permit: Permit<RemoveMember>,
    call: Call,
) -> Result<Answer, Problem> {
    let user: UserId = call.path("user_id")?;
    let outcome = console.members.remove(&permit, call.id(), user).await.map(drop);
    if outcome.is_ok() && user == permit.user() {
        return Ok(Answer::see_other("/organizations"));
    }
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Ends one's own membership.
pub(crate) async fn leave(
    console: Arc<Console>,
    permit: Permit<LeaveOrganization>,
    call: Call,
) -> Result<Answer, Problem> {
    match console.members.leave(&permit, call.id()).await {
        Ok(()) => Ok(Answer::see_other("/organizations")),
        refused => answer(&console, permit.actor(), permit.organization(), &call, refused).await,
    }
}

/// Invites somebody.
pub(crate) async fn invite(
    console: Arc<Console>,
    permit: Permit<CreateInvitation>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = call.form().await?;
    let role = role(&fields)?;
    let email = field(&fields, "email").trim().parse::<EmailAddress>();
    let email = email.map_err(|error| Problem::invalid("invalid_email", sentence(&error)))?;
    let outcome = console.invitations.create(&permit, call.id(), email, role, call.now()).await;
    invited(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Sends an invitation again.
pub(crate) async fn resend(
    console: Arc<Console>,
    permit: Permit<CreateInvitation>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: InvitationId = call.path("invitation_id")?;
    let outcome = console.invitations.renew(&permit, call.id(), id, call.now()).await;
    invited(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Takes an invitation back.
pub(crate) async fn revoke(
    console: Arc<Console>,
    permit: Permit<RevokeInvitation>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: InvitationId = call.path("invitation_id")?;
    let outcome = console.invitations.revoke(&permit, call.id(), id, call.now()).await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Changes what holds for the whole organization.
pub(crate) async fn change_settings(
    console: Arc<Console>,
    permit: Permit<UpdateOrganization>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = call.form().await?;
    let personal_accounts = field(&fields, "personal_accounts_in_apps").parse::<bool>();
    let personal_accounts = personal_accounts.map_err(|_| {
        Problem::invalid("invalid_organization", "personal_accounts_in_apps is true or false.")
    })?;
    let changes = OrganizationChanges {
        personal_accounts_in_apps: Some(personal_accounts),
        ..OrganizationChanges::default()
    };
    let outcome = console.organizations.update(&permit, call.id(), changes).await.map(|_| ());
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Back to the page, or the page with what is wrong.
async fn answer(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    call: &Call,
    outcome: Result<(), OrganizationError>,
) -> Result<Answer, Problem> {
    match outcome {
        Ok(()) => Ok(Answer::see_other(&format!("/organizations/{organization}"))),
        // What is not there is no matter of this page.
        Err(OrganizationError::NotFound) => Err(Problem::not_found()),
        Err(error) => {
            let shown = first(console, actor, organization, call.now()).await?;
            again(error.into(), shown.organization.name.as_str(), &content(&shown))
        }
    }
}

/// The link, which can be shown this once, and the page.
async fn invited(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    call: &Call,
    outcome: Result<NewInvitation, OrganizationError>,
) -> Result<Answer, Problem> {
    let made = match outcome {
        Ok(made) => made,
        Err(error) => return answer(console, actor, organization, call, Err(error)).await,
    };
    let shown = first(console, actor, organization, call.now()).await?;
    let told = html! {
        p role="status" id="invited" {
            "Invited " strong { (made.invitation.email) } ". " (made.delivery.sentence())
            " This is the link, shown this once:"
        }
        pre { (made.link) }
        (content(&shown))
    };
    Ok(page(shown.organization.name.as_str(), &told))
}

async fn first(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    now: OffsetDateTime,
) -> Result<Shown, Problem> {
    read(console, actor, organization, String::new(), &Paging::default(), now).await
}

async fn read(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    text: String,
    paging: &Paging,
    now: OffsetDateTime,
) -> Result<Shown, Problem> {
    let read = console.permit::<ReadOrganization>(actor, organization, now)?;
    let list: Permit<ListMembers> = read.also()?;
    let wanted = MemberSearch { text: Some(text.clone()).filter(|text| !text.is_empty()), role: None };
    let mut members = console.members.search(&list, &wanted, paging.after()?, paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut members, |known| known.member.user.to_string());
    let invitations = match read.also::<ListInvitations>() {
        Ok(list) => console.invitations.list(&list, None, SHOWN_INVITATIONS, now).await?,
        Err(_) => Vec::new(),
    };
    let role = read.role();
    let organization = console.organizations.read(&read).await?;
    Ok(Shown { organization, role, text, members, next_cursor, invitations })
}

fn content(shown: &Shown) -> Markup {
    let base = format!("/organizations/{}", shown.organization.id);
    let runs = ChangeRole::RULE.contains(&shown.role);
    html! {
        dl {
            dt { "Slug" } dd { (shown.organization.slug) }
            dt { "Identifier" } dd { (shown.organization.id) }
            dt { "Your role" } dd { (shown.role) }
        }
        p {
            @if ListSecrets::RULE.contains(&shown.role) { a href={ (base) "/secrets" } { "Secrets" } " · " }
            a href={ (base) "/own-secrets" } { "Your own secrets" } " "
            @if ListConnections::RULE.contains(&shown.role) { "· " a href={ (base) "/databases" } { "Databases" } " " }
            "· " a href={ (base) "/services" } { "Services" } " · " a href={ (base) "/own-accounts" } { "Your own accounts" } " "
            @if ReadOrganizationKey::RULE.contains(&shown.role) { "· " a href={ (base) "/keys" } { "Keys" } }
        }
        @if UpdateOrganization::RULE.contains(&shown.role) { (settings(&shown.organization, &base)) }
        h2 { "Members" }
        form method="get" action=(base) {
            label { "Name or e-mail address" input name="query" value=(shown.text) maxlength="200"; }
            button.quiet type="submit" { "Search" }
        }
        table id="members" {
            tr { th { "Member" } th { "Role" } @if runs { th {} } }
            @for known in &shown.members { (member(known, &base, runs, shown.role)) }
        }
        @if let Some(cursor) = &shown.next_cursor {
            p { a href={ (base) "?" (following(&shown.text, cursor)) } { "More members" } }
        }
        @if runs { (invitations(shown, &base)) }
        form method="post" action={ (base) "/leave" } {
            button.bad type="submit" { "Leave this organization" }
        }
    }
}

/// What holds for the whole organization.
fn settings(organization: &Organization, base: &str) -> Markup {
    html! {
        h2 { "Settings" }
        form method="post" action={ (base) "/settings" } {
            label {
                "Personal accounts in deployed apps; previews may use them in any case"
                select name="personal_accounts_in_apps" {
                    option value="true" selected[organization.personal_accounts_in_apps] { "Apps may use them, for the person who is signed in" }
                    option value="false" selected[!organization.personal_accounts_in_apps] { "Apps use shared accounts only" }
                }
            }
            button type="submit" { "Save" }
        }
    }
}

fn member(known: &KnownMember, base: &str, runs: bool, own: Role) -> Markup {
    let path = format!("{base}/members/{}", known.member.user);
    html! {
        tr {
            td {
                @if let Some(person) = &known.person { (person.name) br; span.quiet { (person.email) } }
            }
            td {
                @if runs {
                    form.inline method="post" action={ (path) "/role" } {
                        (roles(own, known.member.role))
                        button.quiet type="submit" { "Change" }
                    }
                } @else { (known.member.role) }
            }
            @if runs {
                td {
                    form.inline method="post" action={ (path) "/remove" } {
                        button.quiet type="submit" { "Remove" }
                    }
                }
            }
        }
    }
}

fn invitations(shown: &Shown, base: &str) -> Markup {
    html! {
        h2 { "Invitations" }
        @if !shown.invitations.is_empty() {
            table id="invitations" {
                tr { th { "E-mail" } th { "Role" } th { "Until" } th { "Letter" } th {} }
                @for invitation in &shown.invitations {
                    @let path = format!("{base}/invitations/{}", invitation.id);
                    tr {
                        td { (invitation.email) }
                        td { (invitation.role) }
                        td { (minute(invitation.expires_at)) }
                        td { (invitation.last_delivery.map_or("", |delivery| delivery.as_str())) }
                        td {
                            form.inline method="post" action={ (path) "/resend" } {
                                button.quiet type="submit" { "Send again" }
                            }
                            " "
                            form.inline method="post" action={ (path) "/revoke" } {
                                button.quiet type="submit" { "Take back" }
                            }
                        }
                    }
                }
            }
        }
        form method="post" action={ (base) "/invitations" } {
            label { "E-mail address" input name="email" type="email" required maxlength="254"; }
            label { "Role" (roles(shown.role, Role::Member)) }
            button type="submit" { "Invite" }
        }
    }
}

/// The roles to choose from. Which of them somebody may really give is decided when it is given.
fn roles(own: Role, chosen: Role) -> Markup {
    html! {
        select name="role" {
            @for role in Role::ALL {
                @if role != Role::Owner || own == Role::Owner || chosen == Role::Owner {
                    option value=(role) selected[role == chosen] { (role) }
                }
            }
        }
    }
}

fn following(text: &str, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !text.is_empty() {
        query.append_pair("query", text);
    }
    query.append_pair("cursor", cursor).finish()
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

fn role(fields: &[(String, String)]) -> Result<Role, Problem> {
    let role = field(fields, "role").parse();
    role.map_err(|_| Problem::invalid("invalid_role", "role is owner, admin, editor or member."))
}

fn sentence(error: &dyn std::fmt::Display) -> String {
    format!("This is {error}.")
}
