//! A policy as a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use access_control::{Method, Subject};
use ids::{EmailAddress, GroupId, UserId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Policy, PolicyApp, WantedRule};

impl Policy {
    /// The policy as a file: the same text for the same policy. Identifiers do not occur in it.
    #[must_use]
    pub fn to_file(&self) -> String {
        let names = Names::of(self);
        let mut text = format!("organization = {}\n\n[members]\n", quoted(self.organization.as_str()));
        for member in &self.members {
            line(&mut text, &format!("{} = {}", quoted(member.email.as_str()), quoted(member.role.as_str())));
        }
        text.push_str("\n[groups]\n");
        for group in &self.groups {
            let mut emails: Vec<_> = group.members.iter().filter_map(|user| names.person(*user)).collect();
            emails.sort_unstable();
            line(&mut text, &format!("{} = {}", quoted(group.name.as_str()), list(&emails)));
        }
        for app in &self.apps {
            names.write_app(&mut text, app);
        }
        text
    }
}

/// What people and groups are called.
struct Names<'a> {
    people: BTreeMap<UserId, &'a EmailAddress>,
    groups: BTreeMap<GroupId, &'a str>,
}

impl<'a> Names<'a> {
    fn of(policy: &'a Policy) -> Self {
        Self {
            people: policy.members.iter().map(|member| (member.user_id, &member.email)).collect(),
            groups: policy.groups.iter().map(|group| (group.id, group.name.as_str())).collect(),
        }
    }

    fn person(&self, user: UserId) -> Option<&'a str> {
        self.people.get(&user).map(|email| email.as_str())
    }

    fn write_app(&self, text: &mut String, app: &PolicyApp) {
        let table = format!("apps.{}", quoted(app.slug.as_str()));
        line(text, &format!("\n[{table}]\nlevel = {}", quoted(app.level.as_str())));
        let grants = app.grants.iter().filter_map(|grant| {
            let email = self.person(grant.user_id)?;
            let role = quoted(grant.role.as_str());
            let until = grant.expires_at.map(|end| format!(", until = {}", instant(end))).unwrap_or_default();
            Some((email, format!("{} = {{ role = {role}{until} }}", quoted(email))))
        });
        let mut grants: Vec<_> = grants.collect();
        grants.sort_unstable();
        if !grants.is_empty() {
            line(text, &format!("\n[{table}.grants]"));
            grants.iter().for_each(|(_, grant)| line(text, grant));
        }
        let mut rules: Vec<String> = app.path_rules.iter().map(|rule| self.rule(&rule.rule)).collect();
        rules.sort_unstable();
        // Two rules that say the same are one.
        rules.dedup();
        for rule in rules {
            line(text, &format!("\n[[{table}.path_rules]]\n{rule}"));
        }
    }

    fn rule(&self, rule: &WantedRule) -> String {
        let mut text = format!("pattern = {}", quoted(&rule.pattern.to_string()));
        if !rule.methods.is_empty() {
            let mut methods: Vec<&str> = rule.methods.iter().map(Method::as_str).collect();
            methods.sort_unstable();
            let _ = write!(text, "\nmethods = {}", list(&methods));
        }
        let mut subjects: Vec<String> = rule.subjects.iter().filter_map(|one| self.subject(*one)).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        let _ = write!(text, "\nsubjects = {}", list(&subjects));
        if let Some(age) = rule.sign_in_within_minutes {
            let _ = write!(text, "\nsign_in_within_minutes = {}", age.minutes());
        }
        text
    }

    /// Who is no member any more, and groups that are gone, let nobody through.
    fn subject(&self, subject: Subject) -> Option<String> {
        Some(match subject {
            Subject::User(user) => format!("user:{}", self.person(user)?),
            Subject::Group(group) => format!("group:{}", self.groups.get(&group)?),
            Subject::Role(role) => format!("role:{role}"),
            Subject::AppRole(role) => format!("app_role:{role}"),
        })
    }
}

/// RFC 3339 in UTC, to the second: what is behind it is left out on both sides of a comparison.
fn instant(at: OffsetDateTime) -> String {
    let whole = at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_default()
}

fn line(text: &mut String, content: &str) {
    text.push_str(content);
    text.push('\n');
}

fn list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| self::quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A basic string of TOML on one line, which is also a key.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_quotes_stay_names() {
        for name in ["x \"y\" \\ 'z'", "'''", "a\tb", "\u{e9}"] {
            let table: toml::Table = toml::from_str(&format!("{0} = {0}", quoted(name))).unwrap();
            assert_eq!(table[name].as_str(), Some(name));
        }
    }
}
