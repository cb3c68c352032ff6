//! All facts at one instant, in maps that share what did not change with their predecessor.

use std::sync::Arc;

use access_control::FactsUnavailable;
use apps::{AgentTokenRecord, AppRecord, SecretRecord};
use ids::{AgentTokenId, AppId, OrganizationId, ServerSecretId, UserId};
use imbl::{HashMap, HashSet, OrdSet};
use organizations::OrganizationRecord;

/// A snapshot of the facts. A clone costs nothing; a change of a clone costs O(log n).
#[derive(Clone, Default)]
pub struct Snapshot {
    /// How many changes led to it.
    pub version: u64,
    organizations: HashMap<OrganizationId, Arc<OrganizationRecord>>,
    apps: HashMap<AppId, Arc<AppRecord>>,
    labels: HashMap<Arc<str>, AppId>,
    secrets: HashMap<[u8; 32], (AppId, ServerSecretId)>,
    agent_tokens: HashMap<[u8; 32], (AppId, AgentTokenId)>,
    organizations_of: HashMap<UserId, OrdSet<OrganizationId>>,
    apps_of: HashMap<OrganizationId, OrdSet<AppId>>,
    /// What changed and was not read again.
    outdated: Outdated,
}

/// What a snapshot does not answer for.
#[derive(Clone, Default, Debug)]
pub struct Outdated {
    /// These organizations and everything in them.
    pub organizations: HashSet<OrganizationId>,
    /// These apps.
    pub apps: HashSet<AppId>,
}

impl Outdated {
    /// Whether everything is current.
    pub fn is_empty(&self) -> bool {
        self.organizations.is_empty() && self.apps.is_empty()
    }
}

impl Snapshot {
    /// What is not current.
    pub fn outdated(&self) -> &Outdated {
        &self.outdated
    }

    /// Stops answering for an organization.
    pub fn doubt_organization(&mut self, id: OrganizationId) {
        self.outdated.organizations.insert(id);
    }

    /// Stops answering for an app.
    pub fn doubt_app(&mut self, id: AppId) {
        self.outdated.apps.insert(id);
    }

    /// Takes an organization as it is now, or that it is gone.
    pub fn put_organization(&mut self, id: OrganizationId, record: Option<OrganizationRecord>) {
        self.outdated.organizations.remove(&id);
        let before = self.organizations.get(&id).cloned();
        let was = |user: &UserId| before.as_ref().is_some_and(|old| old.facts.members.contains_key(user));
        let is = |user: &UserId| record.as_ref().is_some_and(|new| new.facts.members.contains_key(user));
        for user in before.iter().flat_map(|old| old.facts.members.keys()).filter(|user| !is(user)) {
            remove_from(&mut self.organizations_of, user, &id);
        }
        for user in record.iter().flat_map(|new| new.facts.members.keys()).filter(|user| !was(user)) {
            self.organizations_of.entry(*user).or_default().insert(id);
        }
        match record {
            Some(record) => {
                self.organizations.insert(id, Arc::new(record));
            }
            None => {
                self.organizations.remove(&id);
                // An organization takes its apps with it.
                for app in self.apps_of.remove(&id).into_iter().flatten() {
                    self.put_app(app, None);
                }
            }
        }
    }

    /// Takes an app as it is now, or that it is gone.
    pub fn put_app(&mut self, id: AppId, record: Option<AppRecord>) {
        self.outdated.apps.remove(&id);
        if let Some(before) = self.apps.remove(&id) {
            // A label or secret may belong to another app by now.
            if self.labels.get(before.label.as_str()) == Some(&id) {
                self.labels.remove(before.label.as_str());
            }
            for secret in &before.secrets {
                self.secrets.remove(&secret.hash);
            }
            for token in &before.agent_tokens {
                self.agent_tokens.remove(&token.hash);
            }
            if record.is_none() {
                remove_from(&mut self.apps_of, &before.organization(), &id);
            }
        }
        if let Some(record) = record {
            self.labels.insert(Arc::from(record.label.as_str()), id);
            for secret in &record.secrets {
                self.secrets.insert(secret.hash, (id, secret.id));
            }
            for token in &record.agent_tokens {
                self.agent_tokens.insert(token.hash, (id, token.token.id));
            }
            self.apps_of.entry(record.organization()).or_default().insert(id);
            self.apps.insert(id, Arc::new(record));
        }
    }

    /// The apps of an organization in which a person has a grant, is named by a rule, or issued a token.
    pub fn apps_naming(&self, organization: OrganizationId, user: UserId) -> Vec<AppId> {
        let names = |app: &AppRecord| {
            let subject = access_control::Subject::User(user);
            app.facts.grants.contains_key(&user)
                || app.agent_tokens.iter().any(|token| token.token.issued_by.user == user)
                || app.facts.rules.as_slice().iter().any(|rule| rule.subjects.contains(&subject))
        };
        let apps = self.apps_of.get(&organization).into_iter().flatten();
        apps.filter(|id| self.apps.get(*id).is_some_and(|app| names(app))).copied().collect()
    }

    /// An organization.
    pub fn organization(
        &self,
        id: OrganizationId,
    ) -> Result<Option<&Arc<OrganizationRecord>>, FactsUnavailable> {
        self.trust_organization(id)?;
        Ok(self.organizations.get(&id))
    }

    /// An app.
    pub fn app(&self, id: AppId) -> Result<Option<&Arc<AppRecord>>, FactsUnavailable> {
        if self.outdated.apps.contains(&id) {
            return Err(FactsUnavailable);
        }
        let Some(app) = self.apps.get(&id) else { return Ok(None) };
        self.trust_organization(app.organization())?;
        Ok(Some(app))
    }

    /// The app that owns a host label.
    pub fn app_at(&self, label: &str) -> Result<Option<&Arc<AppRecord>>, FactsUnavailable> {
        match self.labels.get(label) {
            Some(id) => self.app(*id),
            None => self.absent(),
        }
    }

    /// The app and secret behind a keyed hash.
    pub fn app_by_secret(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(&Arc<AppRecord>, &SecretRecord)>, FactsUnavailable> {
        let Some((app, secret)) = self.secrets.get(hash) else { return self.absent() };
        let Some(app) = self.app(*app)? else { return Ok(None) };
        Ok(app.secrets.iter().find(|record| record.id == *secret).map(|record| (app, record)))
    }

    /// The app and agent token behind a keyed hash.
    pub fn app_by_agent_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(&Arc<AppRecord>, &AgentTokenRecord)>, FactsUnavailable> {
        let Some((app, token)) = self.agent_tokens.get(hash) else { return self.absent() };
        let Some(app) = self.app(*app)? else { return Ok(None) };
        Ok(app.agent_tokens.iter().find(|record| record.token.id == *token).map(|record| (app, record)))
    }

    /// The organizations that a person is a member of, oldest first.
    pub fn organizations_of(&self, user: UserId) -> Result<Vec<OrganizationId>, FactsUnavailable> {
        if !self.outdated.organizations.is_empty() {
            return Err(FactsUnavailable);
        }
        Ok(self.organizations_of.get(&user).into_iter().flatten().copied().collect())
    }

    /// The apps of an organization, oldest first.
    pub fn apps_of(&self, organization: OrganizationId) -> Result<Vec<Arc<AppRecord>>, FactsUnavailable> {
        self.trust_organization(organization)?;
        // An app that was not read may be one of these.
        if !self.outdated.apps.is_empty() {
            return Err(FactsUnavailable);
        }
        let ids = self.apps_of.get(&organization).into_iter().flatten();
        Ok(ids.filter_map(|id| self.apps.get(id).cloned()).collect())
    }

    /// How many organizations and apps there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.organizations.len(), self.apps.len())
    }

    fn trust_organization(&self, id: OrganizationId) -> Result<(), FactsUnavailable> {
        if self.outdated.organizations.contains(&id) { Err(FactsUnavailable) } else { Ok(()) }
    }

    /// Nothing is known by this name, which means something only if everything was read.
    fn absent<T>(&self) -> Result<Option<T>, FactsUnavailable> {
        if self.outdated.is_empty() { Ok(None) } else { Err(FactsUnavailable) }
    }
}

fn remove_from<K, V>(map: &mut HashMap<K, OrdSet<V>>, key: &K, value: &V)
where
    K: Clone + Eq + std::hash::Hash,
    V: Clone + Ord,
{
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}
