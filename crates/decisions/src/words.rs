//! An explanation as sentences for a person.

use access_control::{AppLevel, AppRole, Decision, Explanation, PathRule, Reason, Role, Step, Subject};
use ids::PathRuleId;

/// What was looked at, level by level, and what decided. `rules` are those of the app.
#[must_use]
pub fn in_words(explanation: &Explanation, rules: &[PathRule]) -> Vec<String> {
    let rule = |id: &PathRuleId| {
        rules.iter().find(|rule| rule.id == *id).map_or_else(|| id.to_string(), rule_in_words)
    };
    let mut sentences: Vec<String> = explanation
        .steps
        .iter()
        .map(|step| match step {
            Step::Organization { role: None, .. } => "Organization: not a member that counts.".to_owned(),
            Step::Organization { role: Some(role), .. } => format!("Organization: {}.", role_in_words(*role)),
            Step::App { access_level, app_role, .. } => app_in_words(*access_level, *app_role),
            Step::Path { path, rules, .. } if rules.is_empty() => {
                format!("Path {path}: no rule covers it, so the app's level decides.")
            }
            Step::Path { path, rules, .. } => {
                let rules: Vec<String> = rules.iter().map(rule).collect();
                format!("Path {path}: decided by {}.", rules.join("; and by "))
            }
            Step::EveryRule { refused_by: None } => {
                "The request may run code of any page: every rule of the app lets it through.".to_owned()
            }
            Step::EveryRule { refused_by: Some(id) } => {
                format!("The request may run code of any page, and so falls under {}.", rule(id))
            }
        })
        .collect();
    sentences.push(match explanation.decision {
        Decision::Allow(role) => format!("Allowed, as {role} of the app."),
        Decision::Refuse(reason) => reason_in_words(reason, rule),
    });
    sentences
}

/// A rule: what it covers, and whom it lets through.
fn rule_in_words(rule: &PathRule) -> String {
    let methods: Vec<&str> = rule.methods.iter().map(|method| method.as_str()).collect();
    let methods = if methods.is_empty() { "all methods".to_owned() } else { methods.join(", ") };
    let subjects: Vec<String> = rule.subjects.iter().map(subject_in_words).collect();
    let subjects = if subjects.is_empty() { "nobody".to_owned() } else { subjects.join(", ") };
    let age = match rule.sign_in_within {
        Some(age) => format!(" who signed in within {} minutes", age.minutes()),
        None => String::new(),
    };
    format!("the rule {} for {} ({methods}), which lets through {subjects}{age}", rule.id, rule.pattern)
}

fn subject_in_words(subject: &Subject) -> String {
    match subject {
        Subject::User(user) => format!("the person {user}"),
        Subject::Group(group) => format!("the group {group}"),
        Subject::Role(role) => format!("{role}s of the organization"),
        Subject::AppRole(role) => format!("{role}s of the app"),
    }
}

const fn role_in_words(role: Role) -> &'static str {
    match role {
        Role::Owner => "an Owner",
        Role::Admin => "an Admin",
        Role::Editor => "an Editor",
        Role::Member => "a Member",
    }
}

fn app_in_words(level: AppLevel, role: Option<AppRole>) -> String {
    let level = match level {
        AppLevel::Organization => "for every member of the organization",
        AppLevel::Restricted => "for people with a grant only",
        AppLevel::User => "for its creator only",
    };
    match role {
        Some(role) => format!("App: {level}; the person is {role}."),
        None => format!("App: {level}; the person has no role in it."),
    }
}

fn reason_in_words(reason: Reason, rule: impl Fn(&PathRuleId) -> String) -> String {
    match reason {
        Reason::NotAMember => "Refused: not a member of the organization.".to_owned(),
        Reason::OtherHostedDomain => {
            "Refused: the organization wants a sign-in of another hosted domain.".to_owned()
        }
        Reason::NotGranted => "Refused: no grant that holds at that instant.".to_owned(),
        Reason::NotCreator => "Refused: not the app's creator.".to_owned(),
        Reason::PathRule(id) => format!("Refused by {}.", rule(&id)),
        Reason::SignInTooOld(id) => format!("Refused: the sign-in is too old for {}.", rule(&id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_the_rule() {
        let rule = PathRule {
            id: PathRuleId::generate(),
            pattern: "/admin".parse().unwrap(),
            methods: vec!["POST".parse().unwrap()],
            subjects: vec![Subject::Role(Role::Owner)],
            sign_in_within: Some(access_control::SignInAge::try_from(15).unwrap()),
        };
        let words = rule_in_words(&rule);
        for part in [rule.id.to_string().as_str(), "/admin", "POST", "owners", "15 minutes"] {
            assert!(words.contains(part), "{words} lacks {part}");
        }
    }
}
