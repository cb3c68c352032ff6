//! Making organizations, apps, and what there is in them, through the management API.

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{SHORT, World, object, text};
use crate::ProofError;
use crate::caller::{AppKind, Person};
use crate::requests::Objects;

impl World {
    /// A new organization of somebody's own.
    pub async fn organization(&self, owner: Person) -> Result<Objects, ProofError> {
        let slug = self.unique();
        let body = json!({ "slug": slug, "name": "Proof" });
        let made = self.api(owner, "POST", "/organizations", Some(body)).await?;
        let id = text("a new organization", &made, "/id")?;
        self.to_delete(owner, &id, &slug);
        Ok(Objects::from([
            ("organization_id", id),
            ("organization_slug", slug),
            ("provider", self.people.provider().to_owned()),
            // Of no service: nobody comes back from one here.
            ("place", "0".repeat(32)),
        ]))
    }

    /// Everybody but the outsider becomes what they are called.
    pub async fn join_all(&self, organization: &Objects) -> Result<(), ProofError> {
        for (person, role) in
            [(Person::Admin, "admin"), (Person::Editor, "editor"), (Person::Member, "member")]
        {
            self.join(Person::Owner, organization, person, role).await?;
        }
        Ok(())
    }

    pub async fn join(
        &self,
        owner: Person,
        organization: &Objects,
        person: Person,
        role: &str,
    ) -> Result<(), ProofError> {
        let email = self.session(person).await?.email;
        let (_, token) = self.invitation(owner, organization, &email, role).await?;
        self.api(person, "POST", "/invitations/accept", Some(json!({ "token": token }))).await?;
        Ok(())
    }

    /// An open invitation and its token.
    pub async fn invitation(
        &self,
        owner: Person,
        organization: &Objects,
        email: &str,
        role: &str,
    ) -> Result<(String, String), ProofError> {
        let path = format!("/organizations/{}/invitations", object(organization, "organization_id")?);
        let made = self.api(owner, "POST", &path, Some(json!({ "email": email, "role": role }))).await?;
        let link = text("a new invitation", &made, "/link")?;
        let token = link.rsplit('=').next().unwrap_or_default().to_owned();
        Ok((text("a new invitation", &made, "/id")?, token))
    }

    /// What an organization has besides apps.
    pub(super) async fn furnish(
        &self,
        owner: Person,
        member: Person,
        objects: &mut Objects,
    ) -> Result<(), ProofError> {
        objects.insert("user_id", self.session(member).await?.user);
        objects.insert("owner_id", self.session(owner).await?.user);
        let group = self.group(owner, objects).await?;
        objects.insert("group_id", group);
        self.put_into_group(owner, objects).await?;
        let (invitation, token) = self.invitation(owner, objects, &self.email(), "member").await?;
        objects.insert("invitation_id", invitation);
        objects.insert("invitation_token", token);
        objects.insert("session_id", self.session(owner).await?.id);
        objects.insert("api_token_id", self.new_api_token(owner).await?.0);
        if self.declared.named("rotate_organization_key").is_some() {
            let path = format!("/organizations/{}/key-rotations", object(objects, "organization_id")?);
            let rotation = self.api(owner, "POST", &path, None).await?;
            objects.insert("key_rotation_id", text("a new rotation", &rotation, "/id")?);
        }
        if self.declared.named("read_audit_event").is_some() {
            let path = format!("/organizations/{}/audit-events", object(objects, "organization_id")?);
            let events = self.api(owner, "GET", &path, None).await?;
            objects.insert("event_id", text("the audit trail", &events, "/events/0/id")?);
        }
        self.secret(owner, "organization_secret_id", objects).await?;
        self.secret(member, "own_secret_id", objects).await?;
        if let Some(colleagues) = objects.remove("own_secret_id") {
            objects.insert("colleagues_secret_id", colleagues);
        }
        self.secret(owner, "own_secret_id", objects).await?;
        self.connection(owner, objects).await?;
        self.services(owner, member, objects).await?;
        objects.insert("letter", "newest".to_owned());
        Ok(())
    }

    /// A new secret, under the name that its identifier has in paths.
    pub async fn secret(
        &self,
        owner: Person,
        parameter: &'static str,
        objects: &mut Objects,
    ) -> Result<(), ProofError> {
        let mut body = json!({ "kind": "api_key", "name": self.unique(), "value": "proof" });
        if parameter != "own_secret_id" {
            body["environment"] = json!("preview");
        }
        let organization = || Ok(format!("/organizations/{}", object(objects, "organization_id")?));
        let path = match parameter {
            "own_secret_id" => format!("{}/own-secrets", organization()?),
            "app_secret_id" => format!("/apps/{}/secrets", object(objects, "app_id")?),
            _ => format!("{}/secrets", organization()?),
        };
        let made = self.api(owner, "POST", &path, Some(body)).await?;
        objects.insert(parameter, text("a new secret", &made, "/id")?);
        Ok(())
    }

    /// A new connection, to no database: names under `invalid` are asked of nobody (RFC 6761).
    pub async fn connection(&self, owner: Person, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("/organizations/{}/database-connections", object(objects, "organization_id")?);
        let body = json!({
            "kind": "external", "name": self.unique(), "engine": "postgresql", "host": "proof.invalid",
            "database": "proof", "user": "proof", "password": "proof", "readOnly": true,
        });
        let made = self.api(owner, "POST", &path, Some(body)).await?;
        objects.insert("connection_id", text("a new connection", &made, "/id")?);
        Ok(())
    }

    /// A new saved query of the app, on that connection.
    pub async fn data_query(&self, creator: Person, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("/apps/{}/data-queries", object(objects, "app_id")?);
        let connection = object(objects, "connection_id")?;
        let body = json!({ "name": self.unique(), "connectionId": connection, "sql": "SELECT 1" });
        let made = self.api(creator, "POST", &path, Some(body)).await?;
        objects.insert("data_query_id", text("a new saved query", &made, "/id")?);
        Ok(())
    }

    pub async fn group(&self, owner: Person, objects: &Objects) -> Result<String, ProofError> {
        let path = format!("/organizations/{}/groups", object(objects, "organization_id")?);
        let made = self.api(owner, "POST", &path, Some(json!({ "name": self.unique() }))).await?;
        text("a new group", &made, "/id")
    }

    /// Puts the member into the group.
    pub async fn put_into_group(&self, owner: Person, objects: &Objects) -> Result<(), ProofError> {
        let path = format!(
            "/organizations/{}/groups/{}/members/{}",
            object(objects, "organization_id")?,
            object(objects, "group_id")?,
            object(objects, "user_id")?
        );
        self.api(owner, "PUT", &path, None).await?;
        Ok(())
    }

    /// An app whose creator left it to nobody.
    pub async fn orphan(&self, objects: &mut Objects) -> Result<(), ProofError> {
        self.join(Person::Owner, objects, Person::Outsider, "editor").await?;
        let organization = format!("/organizations/{}", object(objects, "organization_id")?);
        let body = json!({ "slug": self.unique(), "name": "Proof" });
        let made = self.api(Person::Outsider, "POST", &format!("{organization}/apps"), Some(body)).await?;
        let app = text("a new app", &made, "/id")?;
        let level = Some(json!({ "level": "user" }));
        self.api(Person::Outsider, "PATCH", &format!("/apps/{app}"), level).await?;
        self.api(Person::Outsider, "POST", &format!("{organization}/leave"), None).await?;
        objects.insert("app_id", app);
        Ok(())
    }

    /// A new app with a grant, a rule and a secret.
    pub async fn app(&self, creator: Person, kind: AppKind, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("/organizations/{}/apps", object(objects, "organization_id")?);
        let body = json!({ "slug": self.unique(), "name": "Proof" });
        let made = self.api(creator, "POST", &path, Some(body)).await?;
        let app = text("a new app", &made, "/id")?;
        objects.insert("app_id", app.clone());
        objects.insert("host_label", text("a new app", &made, "/hostLabel")?);
        let level = match kind {
            AppKind::Organization => "organization",
            AppKind::Restricted | AppKind::Lapsed => "restricted",
            AppKind::Own => "user",
        };
        if kind != AppKind::Organization {
            let level = Some(json!({ "level": level }));
            self.api(creator, "PATCH", &format!("/apps/{app}"), level).await?;
        }
        let mut grants = Vec::new();
        if creator == Person::Editor {
            grants.push((Person::Member, json!({ "role": "editor" })));
        }
        match kind {
            AppKind::Restricted => grants.push((Person::Admin, json!({ "role": "viewer" }))),
            AppKind::Lapsed => {
                let end = OffsetDateTime::now_utc() + SHORT;
                let end = end.format(&Rfc3339).map_err(|error| ProofError::Witness(error.to_string()))?;
                grants.push((Person::Admin, json!({ "role": "editor", "expiresAt": end })));
            }
            AppKind::Organization | AppKind::Own => {}
        }
        for (person, body) in grants {
            let path = format!("/apps/{app}/grants/{}", self.session(person).await?.user);
            self.api(creator, "PUT", &path, Some(body)).await?;
        }
        let rule = json!({ "pattern": "/proof-only", "subjects": [{ "kind": "role", "value": "owner" }] });
        let rule = self.api(creator, "POST", &format!("/apps/{app}/path-rules"), Some(rule)).await?;
        objects.insert("rule_id", text("a new path rule", &rule, "/id")?);
        let secret = json!({ "environment": "preview" });
        let secret = self.api(creator, "POST", &format!("/apps/{app}/server-secrets"), Some(secret)).await?;
        objects.insert("secret_id", text("a new server secret", &secret, "/id")?);
        objects.insert("agent_token_id", self.new_agent_token(creator, &app).await?.0);
        self.secret(creator, "app_secret_id", objects).await?;
        Ok(())
    }

    /// The app that is open to all gets an upstream, and its origin is looked up.
    pub(super) async fn serve_app(&mut self) -> Result<(), ProofError> {
        let app = self.standing(AppKind::Organization)?.clone();
        let path = format!("/apps/{}", object(&app, "app_id")?);
        if let Some(server) = &self.app_server {
            let upstream = json!({ "upstream": server.origin() });
            self.api(Person::Editor, "PATCH", &path, Some(upstream)).await?;
        }
        let owner = self.session(Person::Owner).await?;
        let page = self.people.browser(&owner).open(&format!("{}/apps", self.platform)).await?;
        let start = format!("https://{}.", object(&app, "host_label")?);
        let html = page.reply.text();
        let link = html.find(&start).and_then(|at| html.get(at..)).and_then(|rest| rest.split('"').next());
        let link = link.and_then(|link| url::Url::parse(link).ok()).ok_or_else(|| ProofError::Answer {
            what: "GET /apps".to_owned(),
            lacks: format!("link to {start}"),
            answer: String::new(),
        })?;
        self.app_origin = link.origin().ascii_serialization();
        Ok(())
    }

    /// A decision about an app: its creator opens it.
    pub(super) async fn decision(&self, creator: Person, objects: &Objects) -> Result<String, ProofError> {
        let standing = object(self.standing(AppKind::Organization)?, "host_label")?;
        let origin = self.app_origin.replacen(standing, object(objects, "host_label")?, 1);
        let session = self.session(creator).await?;
        self.people.browser(&session).open(&format!("{origin}/proof")).await?;
        let path = format!("/apps/{}/decisions", object(objects, "app_id")?);
        let mut attempts = 0;
        loop {
            let list = self.api(creator, "GET", &path, None).await?;
            let found = text("the list of decisions", &list, "/decisions/0/id");
            attempts += 1;
            // They are kept a moment after they are made.
            if found.is_ok() || attempts == 50 {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}
