//! The oracle: decisions by the Cedar policies next to this file. Cedar knows the levels and the
//! subjects of a rule; which rules a path falls under is found by a plain loop over all of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use access_control::{AppRole, Decision, Means, PathRule, SignInAge, Subject};
use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use ids::PathRuleId;
use serde_json::{Value, json};

use crate::situation::{Cast, DOMAIN, NOW, Situation};

/// A decision, as far as anybody outside can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Forwarded, with this role in the app.
    Allowed(AppRole),
    /// As if there were no such app.
    Hidden,
    /// Refused by this rule, for good.
    Ruled(PathRuleId),
    /// Refused by this rule until the person signs in again.
    TooOld(PathRuleId),
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Allow(role) => Self::Allowed(role),
            Decision::Refuse(access_control::Reason::PathRule(rule)) => Self::Ruled(rule),
            Decision::Refuse(access_control::Reason::SignInTooOld(rule)) => Self::TooOld(rule),
            Decision::Refuse(_) => Self::Hidden,
        }
    }
}

/// All that the policies on rules look at.
type RuleQuestion = (&'static str, Situation, AppRole, Vec<Subject>, Option<SignInAge>);

/// Asks Cedar, and remembers the answers.
pub struct Oracle {
    cast: Cast,
    policies: PolicySet,
    levels: RefCell<HashMap<(Situation, &'static str), bool>>,
    rules: RefCell<HashMap<RuleQuestion, bool>>,
    /// Requests that Cedar decided.
    pub asked: Cell<usize>,
}

impl Oracle {
    pub fn new(cast: Cast, policies: &[&str]) -> Self {
        let policies = policies.concat().parse().unwrap_or_else(|error| panic!("{error:?}"));
        Self { cast, policies, levels: RefCell::default(), rules: RefCell::default(), asked: Cell::default() }
    }

    /// The role in the app that the organization and app level give.
    pub fn app_role(&self, situation: &Situation) -> Option<AppRole> {
        if self.may(situation, "edit") {
            return Some(AppRole::Editor);
        }
        self.may(situation, "view").then_some(AppRole::Viewer)
    }

    /// Whether an action on the organization, the app or the person's own account is permitted.
    pub fn may(&self, situation: &Situation, action: &'static str) -> bool {
        // What the policies on levels and roles look at.
        let mut key = Situation { signed_in_ago: 0, ..*situation };
        if !action.starts_with("account:") {
            key.means = Means::Browser;
        }
        if let Some(known) = self.levels.borrow().get(&(key, action)) {
            return *known;
        }
        let resource = match action.split_once(':') {
            Some(("organization", _)) => "Organization::\"acme\"",
            Some(("account", _)) => "Account::\"own\"",
            _ => "App::\"desk\"",
        };
        let means = match situation.means {
            Means::Browser => "browser",
            Means::ApiToken => "api_token",
        };
        let context = json!({ "now": NOW.unix_timestamp(), "means": means });
        let answer = self.ask(situation, action, resource, context, None);
        self.levels.borrow_mut().insert((key, action), answer);
        answer
    }

    /// Decides a request for pages, given by their canonical paths.
    pub fn decide(
        &self,
        situation: &Situation,
        rules: &[PathRule],
        method: &str,
        paths: &[&str],
        under_every_rule: bool,
    ) -> Outcome {
        let Some(role) = self.app_role(situation) else { return Outcome::Hidden };
        let mut asked: Vec<Vec<&PathRule>> =
            paths.iter().map(|path| deciding(rules, method, path).collect()).collect();
        if under_every_rule {
            asked.push(rules.iter().collect());
        }
        // First whom the rules name at all, wherever; then how long ago they signed in.
        for (action, refused) in
            [("pass", Outcome::Ruled as fn(PathRuleId) -> Outcome), ("pass_in_time", Outcome::TooOld)]
        {
            for deciding in &asked {
                let refusing = deciding.iter().filter(|rule| !self.passes(action, situation, role, rule));
                if let Some(rule) = refusing.map(|rule| rule.id).min() {
                    return refused(rule);
                }
            }
        }
        Outcome::Allowed(role)
    }

    fn passes(&self, action: &'static str, situation: &Situation, role: AppRole, rule: &PathRule) -> bool {
        // What a rule looks at.
        let key = Situation {
            role: situation.role,
            in_group: situation.in_group,
            signed_in_ago: situation.signed_in_ago,
            ..Situation::plain().next().expect("there is one")
        };
        let question = (action, key, role, rule.subjects.clone(), rule.sign_in_within);
        if let Some(known) = self.rules.borrow().get(&question) {
            return *known;
        }
        let resource = format!("PathRule::\"{}\"", rule.id);
        let context = json!({ "app_role": role.as_str(), "signed_in_ago": key.signed_in_ago });
        let answer = self.ask(&key, action, &resource, context, Some(rule));
        self.rules.borrow_mut().insert(question, answer);
        answer
    }

    fn ask(
        &self,
        situation: &Situation,
        action: &str,
        resource: &str,
        context: Value,
        rule: Option<&PathRule>,
    ) -> bool {
        self.asked.set(self.asked.get() + 1);
        let id = |text: &str| text.parse::<EntityUid>().unwrap_or_else(|error| panic!("{text}: {error}"));
        let principal = id(&format!("User::\"{}\"", self.cast.person));
        let action = id(&format!("Action::\"{action}\""));
        let context = Context::from_json_value(context, None).expect("a context");
        let request = Request::new(principal, action, id(resource), context, None).expect("a request");
        let entities = Entities::from_json_value(self.entities(situation, rule), None).expect("entities");
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &entities);
        let errors: Vec<_> = answer.diagnostics().errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:?}");
        answer.decision() == cedar_policy::Decision::Allow
    }

    fn entities(&self, situation: &Situation, rule: Option<&PathRule>) -> Value {
        let user = |id: ids::UserId| json!({ "type": "User", "id": id.to_string() });
        let reference = |id: Value| json!({ "__entity": id });
        let group = |id: ids::GroupId| json!({ "type": "Group", "id": id.to_string() });
        let mut person = json!({});
        if let Some(role) = situation.role {
            person["organization_role"] = json!(role.as_str());
        }
        if let Some(domain) = situation.domain {
            person["hosted_domain"] = json!(domain);
        }
        let groups = if situation.in_group { vec![group(self.cast.group)] } else { Vec::new() };
        let mut organization = json!({});
        if situation.domain_wanted {
            organization["hosted_domain"] = json!(DOMAIN);
        }
        let organization_id = json!({ "type": "Organization", "id": "acme" });
        let creator = if situation.creator { self.cast.person } else { self.cast.somebody_else };
        let mut app = json!({
            "level": situation.level.as_str(),
            "creator": reference(user(creator)),
            "organization": reference(organization_id.clone()),
        });
        if let Some((role, end)) = situation.grant {
            app["grant"] = json!({ "role": role.as_str() });
            if let Some(seconds) = end {
                app["grant"]["ends_at"] = json!(NOW.unix_timestamp() + seconds);
            }
        }
        let mut entities = vec![
            json!({ "uid": user(self.cast.person), "attrs": person, "parents": groups }),
            json!({ "uid": organization_id, "attrs": organization, "parents": [] }),
            json!({ "uid": { "type": "App", "id": "desk" }, "attrs": app, "parents": [] }),
        ];
        if let Some(rule) = rule {
            let mut attributes = json!({ "users": [], "groups": [], "roles": [], "app_roles": [] });
            for subject in &rule.subjects {
                let (set, member) = match *subject {
                    Subject::User(named) => ("users", reference(user(named))),
                    Subject::Group(named) => ("groups", reference(group(named))),
                    Subject::Role(role) => ("roles", json!(role.as_str())),
                    Subject::AppRole(role) => ("app_roles", json!(role.as_str())),
                };
                attributes[set].as_array_mut().expect("a set").push(member);
            }
            if let Some(age) = rule.sign_in_within {
                attributes["minutes"] = json!(age.minutes());
            }
            let uid = json!({ "type": "PathRule", "id": rule.id.to_string() });
            entities.push(json!({ "uid": uid, "attrs": attributes, "parents": [] }));
        }
        Value::Array(entities)
    }
}

/// The rules that decide for a path: of those that cover it, the longest.
fn deciding<'a>(rules: &'a [PathRule], method: &'a str, path: &'a str) -> impl Iterator<Item = &'a PathRule> {
    let method = if method == "HEAD" { "GET" } else { method };
    let length = move |rule: &PathRule| {
        let pattern = rule.pattern.to_string();
        let named = rule.methods.is_empty() || rule.methods.iter().any(|named| named.as_str() == method);
        if named { length_if_covers(&pattern, path) } else { None }
    };
    let longest = rules.iter().filter_map(length).max();
    rules.iter().filter(move |rule| longest.is_some() && length(rule) == longest)
}

fn length_if_covers(pattern: &str, path: &str) -> Option<usize> {
    let mut path = path.split('/').filter(|segment| !segment.is_empty());
    let mut length = 0;
    for wanted in pattern.split('/').filter(|segment| !segment.is_empty()) {
        let found = path.next()?;
        if wanted != "*" && wanted != found {
            return None;
        }
        length += 1;
    }
    Some(length)
}
