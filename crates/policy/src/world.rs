//! Everything that decisions in one organization read, at one instant, and what changes make of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_control::{
    AppFacts, AppLevel, AppRole, Facts, FactsUnavailable, GrantFacts, OrganizationFacts, PathRules, Role,
    Subject,
};
use apps::{AppError, MOST_PATH_RULES};
use cryptography::{Sha256, hexadecimal};
use ids::{AppId, OrganizationId, PathRuleId, UserId};
use organizations::OrganizationError;
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;

use crate::{PolicyChange, PolicyError};

/// The facts of an organization and of apps of it.
#[derive(Clone, Debug)]
pub struct World {
    organization: Arc<OrganizationFacts>,
    apps: BTreeMap<AppId, Arc<AppFacts>>,
}

impl Facts for World {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok((id == self.organization.id).then(|| Arc::clone(&self.organization)))
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.get(&id).cloned())
    }
}

impl World {
    /// These facts. Apps of other organizations are left out.
    #[must_use]
    pub fn new(organization: Arc<OrganizationFacts>, apps: impl IntoIterator<Item = Arc<AppFacts>>) -> Self {
        let own = apps.into_iter().filter(|app| app.organization == organization.id);
        Self { apps: own.map(|app| (app.id, app)).collect(), organization }
    }

    /// The organization.
    #[must_use]
    pub fn organization_facts(&self) -> &Arc<OrganizationFacts> {
        &self.organization
    }

    /// The apps, by identifier.
    #[must_use]
    pub fn apps(&self) -> &BTreeMap<AppId, Arc<AppFacts>> {
        &self.apps
    }

    /// Makes a change that `actor` asks for, as the use cases of organizations and apps make it, and
    /// refuses what they refuse. Whether the actor may ask for it is not looked at.
    ///
    /// # Errors
    /// As the use case.
    pub fn apply(
        &mut self,
        change: &PolicyChange,
        actor: UserId,
        now: OffsetDateTime,
    ) -> Result<(), PolicyError> {
        match change {
            PolicyChange::SetRole { user_id, role } => self.set_role(*user_id, *role),
            PolicyChange::RemoveMember { user_id } => self.remove_member(*user_id),
            PolicyChange::AddGroupMember { group_id, user_id } => {
                let groups = &mut self.member(*user_id)?.groups;
                if !groups.contains(group_id) {
                    groups.push(*group_id);
                }
                Ok(())
            }
            PolicyChange::RemoveGroupMember { group_id, user_id } => {
                let groups = &mut self.member(*user_id)?.groups;
                let before = groups.len();
                groups.retain(|group| group != group_id);
                if groups.len() == before { Err(OrganizationError::NotFound.into()) } else { Ok(()) }
            }
            PolicyChange::SetLevel { app_id, level } => self.set_level(*app_id, *level, actor),
            PolicyChange::PutGrant { app_id, user_id, role, expires_at } => {
                let grant = GrantFacts { role: *role, expires_at: *expires_at };
                if expires_at.is_some_and(|end| end <= now) {
                    return Err(AppError::EndPassed.into());
                }
                self.app_mut(*app_id)?;
                self.must_be_member(*user_id)?;
                self.change_grants(*app_id, |grants| {
                    grants.insert(*user_id, grant);
                    Ok(())
                })
            }
            PolicyChange::DeleteGrant { app_id, user_id } => self.change_grants(*app_id, |grants| {
                grants.remove(user_id).map(|_| ()).ok_or(PolicyError::App(AppError::NotFound))
            }),
            PolicyChange::AddPathRule { app_id, rule } => {
                self.change_rules(*app_id, None, Some(rule.called(PathRuleId::generate())))
            }
            PolicyChange::ReplacePathRule { app_id, rule_id, rule } => {
                self.change_rules(*app_id, Some(*rule_id), Some(rule.called(*rule_id)))
            }
            PolicyChange::DeletePathRule { app_id, rule_id } => {
                self.change_rules(*app_id, Some(*rule_id), None)
            }
        }
    }

    fn member(&mut self, user: UserId) -> Result<&mut access_control::MemberFacts, PolicyError> {
        let organization = Arc::make_mut(&mut self.organization);
        organization.members.get_mut(&user).ok_or(OrganizationError::NotFound.into())
    }

    fn must_be_member(&self, user: UserId) -> Result<(), PolicyError> {
        if self.organization.members.contains_key(&user) { Ok(()) } else { Err(AppError::NotAMember.into()) }
    }

    fn app_mut(&mut self, app: AppId) -> Result<&mut AppFacts, PolicyError> {
        self.apps.get_mut(&app).map(Arc::make_mut).ok_or(AppError::NotFound.into())
    }

    fn set_role(&mut self, user: UserId, role: Role) -> Result<(), PolicyError> {
        let before = self.member(user)?.role;
        if before != role {
            self.keep_an_owner(before)?;
            self.member(user)?.role = role;
        }
        Ok(())
    }

    fn remove_member(&mut self, user: UserId) -> Result<(), PolicyError> {
        let role = self.member(user)?.role;
        self.keep_an_owner(role)?;
        Arc::make_mut(&mut self.organization).members.remove(&user);
        // What apps keep for a member goes with the membership.
        for app in self.apps.values_mut() {
            let named = |subject: &Subject| *subject == Subject::User(user);
            let in_rules = app.rules.as_slice().iter().any(|rule| rule.subjects.iter().any(named));
            if !in_rules && !app.grants.contains_key(&user) {
                continue;
            }
            let app = Arc::make_mut(app);
            app.grants.remove(&user);
            let mut rules = app.rules.as_slice().to_vec();
            rules.iter_mut().for_each(|rule| rule.subjects.retain(|subject| !named(subject)));
            app.rules = PathRules::new(rules);
        }
        Ok(())
    }

    fn keep_an_owner(&self, role: Role) -> Result<(), PolicyError> {
        let owners = self.organization.members.values().filter(|member| member.role == Role::Owner).count();
        if role == Role::Owner && owners < 2 { Err(OrganizationError::LastOwner.into()) } else { Ok(()) }
    }

    fn set_level(&mut self, app: AppId, level: AppLevel, actor: UserId) -> Result<(), PolicyError> {
        let app = self.app_mut(app)?;
        if app.level == level {
            return Ok(());
        }
        if level == AppLevel::User && app.creator != actor {
            return Err(AppError::NotCreator.into());
        }
        app.level = level;
        if level == AppLevel::Restricted {
            app.grants.insert(actor, GrantFacts { role: AppRole::Editor, expires_at: None });
        }
        Ok(())
    }

    fn change_grants(
        &mut self,
        app: AppId,
        change: impl FnOnce(&mut std::collections::HashMap<UserId, GrantFacts>) -> Result<(), PolicyError>,
    ) -> Result<(), PolicyError> {
        let organization = Arc::clone(&self.organization);
        let app = self.app_mut(app)?;
        let was_edited = has_lasting_editor(app, &organization);
        change(&mut app.grants)?;
        if app.level == AppLevel::Restricted && was_edited && !has_lasting_editor(app, &organization) {
            return Err(AppError::LastEditor.into());
        }
        Ok(())
    }

    fn change_rules(
        &mut self,
        app: AppId,
        leaves: Option<PathRuleId>,
        comes: Option<access_control::PathRule>,
    ) -> Result<(), PolicyError> {
        self.app_mut(app)?;
        for subject in comes.iter().flat_map(|rule| &rule.subjects) {
            if let Subject::User(user) = subject {
                self.must_be_member(*user)?;
            }
        }
        let app = self.app_mut(app)?;
        let mut rules = app.rules.as_slice().to_vec();
        if leaves.is_none() && u64::try_from(rules.len()).is_ok_and(|number| number >= MOST_PATH_RULES) {
            return Err(AppError::TooManyPathRules.into());
        }
        if let Some(id) = leaves {
            let position = rules.iter().position(|rule| rule.id == id);
            rules.remove(position.ok_or(PolicyError::App(AppError::NotFound))?);
        }
        rules.extend(comes);
        app.rules = PathRules::new(rules);
        Ok(())
    }

    /// SHA-256 over a draft and this world, in one spelling: whoever makes the draft's changes can say what
    /// they were simulated on.
    #[must_use]
    pub fn hash(&self, draft: &[PolicyChange]) -> SimulationHash {
        let mut hash = Sha256::new();
        // Each part on a line of its own; JSON has no line ends in it.
        let mut line = |part: &serde_json::Value| {
            hash.update(part.to_string().as_bytes());
            hash.update(b"\n");
        };
        line(&json!("vybe simulation 1"));
        for change in draft {
            line(&json!({ "change": change }));
        }
        let OrganizationFacts { id, hosted_domain, members } = &*self.organization;
        line(&json!({ "organization": id, "hostedDomain": hosted_domain.as_deref() }));
        let members: BTreeMap<_, _> = members.iter().collect();
        for (user, member) in members {
            let mut groups = member.groups.clone();
            groups.sort_unstable();
            line(&json!({ "member": user, "role": member.role, "groups": groups }));
        }
        for app in self.apps.values() {
            let AppFacts { id, level, creator, server_actions_judged_by_page, .. } = &**app;
            line(&json!({
                "app": id,
                "level": level,
                "creator": creator,
                "serverActionsJudgedByPage": server_actions_judged_by_page,
            }));
            let grants: BTreeMap<_, _> = app.grants.iter().collect();
            for (user, grant) in grants {
                let end = grant.expires_at.map(|end| end.unix_timestamp_nanos().to_string());
                line(&json!({ "grant": user, "role": grant.role, "expiresAt": end }));
            }
            for rule in app.rules.as_slice() {
                line(&json!({
                    "rule": rule.id,
                    "pattern": rule.pattern,
                    "methods": rule.methods,
                    "subjects": rule.subjects,
                    "signInWithinMinutes": rule.sign_in_within,
                }));
            }
        }
        SimulationHash(hexadecimal::encode(&hash.finish()))
    }
}

/// The hash of a draft and the world that it was simulated on, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SimulationHash(String);

impl SimulationHash {
    /// The 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn has_lasting_editor(app: &AppFacts, organization: &OrganizationFacts) -> bool {
    app.grants.iter().any(|(user, grant)| {
        let role = organization.members.get(user).map(|member| member.role);
        grant.role == AppRole::Editor
            && grant.expires_at.is_none()
            && matches!(role, Some(Role::Owner | Role::Admin | Role::Editor))
    })
}
