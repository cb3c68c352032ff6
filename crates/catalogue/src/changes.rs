//! What differs between two versions of an entry, and whether something of it breaks what uses it.

use std::collections::BTreeMap;

use crate::{Action, Authentication, Service, Template};

/// The most differences that are told.
const MOST: usize = 500;

/// A difference between two versions of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChange {
    /// Whether apps or accounts that use the service have to be looked at.
    pub is_breaking: bool,
    /// What it is, for people.
    pub text: String,
}

impl Service {
    /// What differs in `after`, breaking changes first.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<ServiceChange> {
        let mut found = Vec::new();
        let mut tell = |is_breaking: bool, text: String| found.push(ServiceChange { is_breaking, text });
        let (before_kind, after_kind) = (self.authentication.as_str(), after.authentication.as_str());
        if before_kind != after_kind {
            tell(true, format!("accounts prove themselves by {after_kind}, no longer by {before_kind}"));
        } else if self.authentication != after.authentication {
            let moved = places(self).iter().skip(1).ne(places(after).iter().skip(1));
            tell(moved, format!("{} of {after_kind} changed", if moved { "addresses" } else { "details" }));
        }
        if self.api.base != after.api.base {
            tell(true, format!("calls go to {}, no longer to {}", after.api.base, self.api.base));
        }
        for host in &after.api.hosts {
            if !self.api.hosts.contains(host) {
                tell(true, format!("credentials may go to {}, too", host.as_str()));
            }
        }
        for host in &self.api.hosts {
            if !after.api.hosts.contains(host) {
                tell(true, format!("credentials no longer go to {}", host.as_str()));
            }
        }
        if self.api.credential != after.api.credential {
            tell(true, "the credential has another place in calls".to_owned());
        }
        if self.api.headers != after.api.headers {
            tell(false, "calls bring other headers".to_owned());
        }
        for variable in &after.variables {
            match self.variables.iter().find(|known| known.key == variable.key) {
                None => {
                    tell(variable.default.is_none(), format!("accounts have a new value: {}", variable.key))
                }
                Some(known) if known.pattern != variable.pattern => {
                    tell(true, format!("other values are taken for {}", variable.key));
                }
                Some(_) => {}
            }
        }
        for variable in &self.variables {
            if !after.variables.iter().any(|known| known.key == variable.key) {
                tell(false, format!("accounts no longer have a value {}", variable.key));
            }
        }
        if self.api.test != after.api.test {
            tell(false, "accounts are tried out with another call".to_owned());
        }
        if self.name != after.name {
            tell(false, format!("it is called {}, no longer {}", after.name, self.name));
        }
        if self.documentation != after.documentation
            || self.categories != after.categories
            || self.quirks != after.quirks
        {
            tell(false, "what is said about it for people changed".to_owned());
        }
        changed_actions(&self.actions, &after.actions, &mut tell);
        found.sort_by_key(|change| !change.is_breaking);
        found.truncate(MOST);
        found
    }
}

fn changed_actions(before: &[Action], after: &[Action], tell: &mut impl FnMut(bool, String)) {
    let by_id = |actions: &'_ [Action]| -> BTreeMap<String, Action> {
        actions.iter().map(|action| (action.id.clone(), action.clone())).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    for (id, known) in &before {
        let Some(now) = after.get(id) else {
            tell(true, format!("the action {id} is gone"));
            continue;
        };
        if (&known.method, &known.path) != (&now.method, &now.path) {
            tell(
                true,
                format!(
                    "the action {id} is {} {}, no longer {} {}",
                    now.method, now.path, known.method, known.path
                ),
            );
        }
        for name in now.required.iter().filter(|name| !known.required.contains(name)) {
            tell(true, format!("the action {id} needs {name}"));
        }
        for name in known.required.iter().filter(|name| !now.required.contains(name)) {
            tell(false, format!("the action {id} no longer needs {name}"));
        }
        for name in known.query.iter().filter(|name| !now.query.contains(name)) {
            tell(true, format!("the action {id} no longer takes {name} in the query"));
        }
        for name in now.query.iter().filter(|name| !known.query.contains(name)) {
            tell(false, format!("the action {id} takes {name} in the query"));
        }
        if known.body != now.body {
            tell(true, format!("the action {id} writes its body otherwise"));
        }
    }
    for id in after.keys().filter(|id| !before.contains_key(*id)) {
        tell(false, format!("there is a new action {id}"));
    }
}

/// Everywhere a credential goes: calls first, then what its authentication asks.
pub(crate) fn places(service: &Service) -> Vec<&Template> {
    let mut all = vec![&service.api.base];
    match &service.authentication {
        Authentication::Oauth2Code(oauth) => {
            all.extend([&oauth.authorize_url, &oauth.token_url]);
            all.extend(&oauth.refresh_url);
            all.extend(oauth.revocation.iter().map(|revocation| &revocation.url));
        }
        Authentication::Oauth2ClientCredentials(client) => all.push(&client.token_url),
        Authentication::Oauth2JwtBearer(bearer) => all.extend(&bearer.token_url),
        Authentication::TwoStep(two) => all.push(&two.url),
        Authentication::Oauth1(oauth) => {
            all.extend([&oauth.request_token_url, &oauth.authorize_url, &oauth.access_token_url]);
        }
        Authentication::ApiKey
        | Authentication::BearerToken
        | Authentication::Basic { .. }
        | Authentication::SignatureV4 { .. }
        | Authentication::None => {}
    }
    all
}
