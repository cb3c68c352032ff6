//! What differs between a file and the policy as it is, and the changes that would end it.

use std::collections::BTreeMap;
use std::fmt;

use access_control::{AppLevel, Subject};
use ids::{AppId, EmailAddress, GroupId, UserId};
use time::OffsetDateTime;

use super::{FileApp, FileGrant, FileRule, FileSubject, Placed, PolicyFile, PolicyFileError};
use crate::{Policy, PolicyApp, PolicyChange, WantedRule};

/// On which side something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the file, and not on the server.
    File,
    /// On the server, and not in the file.
    Server,
    /// On both, and not the same.
    Both,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it is.
    pub side: Side,
    /// What it is, for a person.
    pub what: String,
    /// What would end it, in order. Nothing for what is never removed because a file does not speak of it.
    pub changes: Vec<PolicyChange>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.side {
            Side::File => '+',
            Side::Server => '-',
            Side::Both => '~',
        };
        write!(formatter, "{sign} {}", self.what)
    }
}

impl PolicyFile {
    /// Compares. What the file says of an app or of a group is all there is to be of it. Members and apps
    /// that it does not speak of stay, and differ; with `prune`, such members are to be removed. Apps are
    /// never removed.
    ///
    /// # Errors
    /// The file names somebody or something that is not on the server.
    pub fn differences(
        &self,
        policy: &Policy,
        prune: bool,
        now: OffsetDateTime,
    ) -> Result<Vec<Difference>, PolicyFileError> {
        if self.organization != policy.organization {
            let reason = format!("the file is for {}, not for {}", self.organization, policy.organization);
            return Err(PolicyFileError(reason));
        }
        let comparison = Comparison::new(self, policy, now);
        let mut found = comparison.members(prune)?;
        found.extend(comparison.groups()?);
        found.extend(comparison.apps()?);
        Ok(found)
    }
}

struct Comparison<'a> {
    file: &'a PolicyFile,
    policy: &'a Policy,
    now: OffsetDateTime,
    by_email: BTreeMap<&'a EmailAddress, UserId>,
    emails: BTreeMap<UserId, &'a EmailAddress>,
    groups: BTreeMap<&'a str, GroupId>,
}

impl<'a> Comparison<'a> {
    fn new(file: &'a PolicyFile, policy: &'a Policy, now: OffsetDateTime) -> Self {
        Self {
            file,
            policy,
            now,
            by_email: policy.members.iter().map(|member| (&member.email, member.user_id)).collect(),
            emails: policy.members.iter().map(|member| (member.user_id, &member.email)).collect(),
            groups: policy.groups.iter().map(|group| (group.name.as_str(), group.id)).collect(),
        }
    }

    fn user(&self, email: &EmailAddress, at: usize) -> Result<UserId, PolicyFileError> {
        let unknown = || format!("{email} is no member of {}; invite them first", self.policy.organization);
        self.by_email.get(email).copied().ok_or_else(|| self.file.lines.error(at, &unknown()))
    }

    fn group(&self, name: &str, at: usize) -> Result<GroupId, PolicyFileError> {
        let unknown = || format!("there is no group called {name:?}; create it first");
        self.groups.get(name).copied().ok_or_else(|| self.file.lines.error(at, &unknown()))
    }

    fn email(&self, user: UserId) -> String {
        self.emails.get(&user).map_or_else(|| user.to_string(), ToString::to_string)
    }

    fn members(&self, prune: bool) -> Result<Vec<Difference>, PolicyFileError> {
        let mut found = Vec::new();
        for (email, role) in &self.file.members {
            self.user(email, role.at)?;
        }
        for member in &self.policy.members {
            let user_id = member.user_id;
            let (what, changes) = match self.file.members.get(&member.email) {
                Some(wanted) if wanted.value == member.role => continue,
                Some(wanted) => {
                    let what = format!("member {}: {} -> {}", member.email, member.role, wanted.value);
                    (what, vec![PolicyChange::SetRole { user_id, role: wanted.value }])
                }
                None if prune => {
                    let what = format!("member {} ({})", member.email, member.role);
                    (what, vec![PolicyChange::RemoveMember { user_id }])
                }
                None => {
                    (format!("member {} ({}); stays without --prune", member.email, member.role), Vec::new())
                }
            };
            let side = if self.file.members.contains_key(&member.email) { Side::Both } else { Side::Server };
            found.push(Difference { side, what, changes });
        }
        // Who gains comes first, so that the last Owner can hand over; oneself comes last.
        let last = |difference: &Difference| match difference.changes.first() {
            Some(PolicyChange::SetRole { user_id, role }) => {
                (*user_id == self.policy.reader_id, std::cmp::Reverse(Some(*role)))
            }
            Some(PolicyChange::RemoveMember { user_id }) => {
                (*user_id == self.policy.reader_id, std::cmp::Reverse(None))
            }
            _ => (false, std::cmp::Reverse(None)),
        };
        found.sort_by_key(last);
        Ok(found)
    }

    fn groups(&self) -> Result<Vec<Difference>, PolicyFileError> {
        let mut found = Vec::new();
        for (name, wanted) in &self.file.groups {
            let group_id = self.group(name, wanted.at)?;
            let is = self.policy.groups.iter().find(|group| group.id == group_id);
            let is = is.map(|group| group.members.as_slice()).unwrap_or_default();
            let mut members = Vec::new();
            for member in &wanted.value.members {
                members.push(self.user(&member.value, member.at)?);
            }
            let name = &wanted.value.name;
            for user_id in members.iter().copied().filter(|user| !is.contains(user)) {
                found.push(Difference {
                    side: Side::File,
                    what: format!("group {name}: {}", self.email(user_id)),
                    changes: vec![PolicyChange::AddGroupMember { group_id, user_id }],
                });
            }
            for user_id in is.iter().copied().filter(|user| !members.contains(user)) {
                found.push(Difference {
                    side: Side::Server,
                    what: format!("group {name}: {}", self.email(user_id)),
                    changes: vec![PolicyChange::RemoveGroupMember { group_id, user_id }],
                });
            }
        }
        for group in &self.policy.groups {
            if !self.file.groups.contains_key(group.name.as_str()) {
                let what = format!("group {}; stays as it is", group.name);
                found.push(Difference { side: Side::Server, what, changes: Vec::new() });
            }
        }
        Ok(found)
    }

    fn apps(&self) -> Result<Vec<Difference>, PolicyFileError> {
        let mut found = Vec::new();
        for (slug, wanted) in &self.file.apps {
            let is = self.policy.apps.iter().find(|app| app.slug.as_str() == slug).ok_or_else(|| {
                let reason = format!("there is no app {slug} that you can edit; create it first");
                self.file.lines.error(wanted.at, &reason)
            })?;
            found.extend(self.rules(is, &wanted.value)?);
            found.extend(self.level_and_grants(is, &wanted.value)?);
        }
        for app in &self.policy.apps {
            if !self.file.apps.contains_key(app.slug.as_str()) {
                let what = format!("app {}; stays as it is", app.slug);
                found.push(Difference { side: Side::Server, what, changes: Vec::new() });
            }
        }
        Ok(found)
    }

    fn level_and_grants(&self, is: &PolicyApp, wanted: &FileApp) -> Result<Vec<Difference>, PolicyFileError> {
        let (app_id, slug) = (is.id, &wanted.slug);
        let holds = |end: &Option<OffsetDateTime>| end.is_none_or(|end| self.now < end);
        let mut grants: BTreeMap<UserId, FileGrant> = BTreeMap::new();
        for (email, grant) in &wanted.grants {
            let user = self.user(email, grant.at)?;
            if holds(&grant.value.until) {
                grants.insert(user, grant.value);
            }
        }
        let standing = is.grants.iter().filter(|grant| holds(&grant.expires_at));
        let standing: BTreeMap<UserId, FileGrant> = standing
            .map(|grant| (grant.user_id, FileGrant { role: grant.role, until: grant.expires_at }))
            .collect();
        let mut found = Vec::new();
        for (user_id, grant) in &grants {
            let side = match standing.get(user_id) {
                Some(other) if same_grant(*other, *grant) => continue,
                Some(_) => Side::Both,
                None => Side::File,
            };
            let what = format!("app {slug}: grant {}", described_grant(&self.email(*user_id), *grant));
            found.push(Difference { side, what, changes: vec![put_grant(app_id, *user_id, *grant)] });
        }
        if is.level != wanted.level {
            let what = format!("app {slug}: {} -> {}", is.level, wanted.level);
            let changes = vec![PolicyChange::SetLevel { app_id, level: wanted.level }];
            found.push(Difference { side: Side::Both, what, changes });
        }
        for (user_id, grant) in standing.iter().filter(|(user, _)| !grants.contains_key(*user)) {
            let what = format!("app {slug}: grant {}", described_grant(&self.email(*user_id), *grant));
            let changes = vec![PolicyChange::DeleteGrant { app_id, user_id: *user_id }];
            found.push(Difference { side: Side::Server, what, changes });
        }
        if is.level != AppLevel::Restricted && wanted.level == AppLevel::Restricted {
            self.put_right_what_restricting_gives(app_id, &grants, &standing, &mut found);
        }
        // Without a grant of one's own there is nothing more to change, so it comes last.
        let own = |difference: &Difference| {
            difference.changes.iter().any(|change| {
                matches!(change, PolicyChange::DeleteGrant { user_id, .. } if *user_id == self.policy.reader_id)
            })
        };
        found.sort_by_key(own);
        Ok(found)
    }

    /// Whoever makes an app Restricted becomes an Editor of it. The file says whether that stays.
    fn put_right_what_restricting_gives(
        &self,
        app_id: AppId,
        grants: &BTreeMap<UserId, FileGrant>,
        standing: &BTreeMap<UserId, FileGrant>,
        found: &mut [Difference],
    ) {
        let user_id = self.policy.reader_id;
        let change = match grants.get(&user_id) {
            Some(FileGrant { role: access_control::AppRole::Editor, until: None }) => return,
            Some(grant) => put_grant(app_id, user_id, *grant),
            // It is deleted anyway.
            None if standing.contains_key(&user_id) => return,
            None => PolicyChange::DeleteGrant { app_id, user_id },
        };
        let is_level = |change: &PolicyChange| matches!(change, PolicyChange::SetLevel { .. });
        if let Some(level) = found.iter_mut().find(|difference| difference.changes.iter().any(is_level)) {
            level.changes.push(change);
        }
    }

    fn rules(&self, is: &PolicyApp, wanted: &FileApp) -> Result<Vec<Difference>, PolicyFileError> {
        let (app_id, slug) = (is.id, &wanted.slug);
        let mut missing = Vec::new();
        for rule in &wanted.path_rules {
            missing.push(self.rule(rule)?);
        }
        let mut surplus: Vec<_> =
            is.path_rules.iter().map(|rule| (rule.id, canonical(&self.known_of(&rule.rule)))).collect();
        let standing: Vec<WantedRule> = surplus.iter().map(|(_, rule)| rule.clone()).collect();
        // The same rule twice is as good as once.
        surplus.retain(|(_, rule)| !missing.contains(rule));
        missing.retain(|rule| !standing.contains(rule));
        let mut found = Vec::new();
        for rule in missing {
            let same_pages =
                |other: &WantedRule| other.pattern == rule.pattern && other.methods == rule.methods;
            let place = surplus.iter().position(|(_, other)| same_pages(other));
            let what = format!("app {slug}: {}", self.described_rule(&rule));
            found.push(match place.map(|place| surplus.remove(place)) {
                Some((rule_id, _)) => {
                    let changes = vec![PolicyChange::ReplacePathRule { app_id, rule_id, rule }];
                    Difference { side: Side::Both, what, changes }
                }
                None => {
                    let changes = vec![PolicyChange::AddPathRule { app_id, rule }];
                    Difference { side: Side::File, what, changes }
                }
            });
        }
        for (rule_id, rule) in surplus {
            let what = format!("app {slug}: {}", self.described_rule(&rule));
            let changes = vec![PolicyChange::DeletePathRule { app_id, rule_id }];
            found.push(Difference { side: Side::Server, what, changes });
        }
        Ok(found)
    }

    /// The rule without groups that are gone, which let nobody through and have no name.
    fn known_of(&self, rule: &WantedRule) -> WantedRule {
        let mut rule = rule.clone();
        rule.subjects.retain(|subject| match subject {
            Subject::User(user) => self.emails.contains_key(user),
            Subject::Group(group) => self.policy.groups.iter().any(|known| known.id == *group),
            Subject::Role(_) | Subject::AppRole(_) => true,
        });
        rule
    }

    fn rule(&self, rule: &Placed<FileRule>) -> Result<WantedRule, PolicyFileError> {
        let FileRule { pattern, methods, subjects, sign_in_within_minutes } = rule.value.clone();
        let mut named = Vec::new();
        for subject in &subjects {
            named.push(match subject {
                FileSubject::User(email) => Subject::User(self.user(email, rule.at)?),
                FileSubject::Group(name) => Subject::Group(self.group(name, rule.at)?),
                FileSubject::Role(role) => Subject::Role(*role),
                FileSubject::AppRole(role) => Subject::AppRole(*role),
            });
        }
        Ok(canonical(&WantedRule { pattern, methods, subjects: named, sign_in_within_minutes }))
    }

    fn described_rule(&self, rule: &WantedRule) -> String {
        let methods: Vec<&str> = rule.methods.iter().map(access_control::Method::as_str).collect();
        let methods = if methods.is_empty() { String::new() } else { format!("{} ", methods.join(", ")) };
        let subjects = rule.subjects.iter().map(|subject| match subject {
            Subject::User(user) => self.email(*user),
            Subject::Group(group) => {
                let known = self.policy.groups.iter().find(|known| known.id == *group);
                known.map_or_else(|| group.to_string(), |group| group.name.to_string())
            }
            Subject::Role(role) => role.to_string(),
            Subject::AppRole(role) => format!("app {role}"),
        });
        let subjects: Vec<String> = subjects.collect();
        let age = rule.sign_in_within_minutes.map(|age| format!(", signed in within {} min", age.minutes()));
        format!("rule {methods}{} for {}{}", rule.pattern, subjects.join(", "), age.unwrap_or_default())
    }
}

/// The same rule in one spelling.
fn canonical(rule: &WantedRule) -> WantedRule {
    let mut rule = rule.clone();
    rule.methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    rule.methods.dedup();
    rule.subjects.sort_unstable_by_key(|subject| match subject {
        Subject::User(user) => (0, user.to_string()),
        Subject::Group(group) => (1, group.to_string()),
        Subject::Role(role) => (2, role.to_string()),
        Subject::AppRole(role) => (3, role.to_string()),
    });
    rule.subjects.dedup();
    rule
}

/// Files name instants to the second.
fn same_grant(one: FileGrant, other: FileGrant) -> bool {
    let second = |grant: FileGrant| grant.until.map(OffsetDateTime::unix_timestamp);
    one.role == other.role && second(one) == second(other)
}

fn described_grant(email: &str, grant: FileGrant) -> String {
    let until = grant.until.map(|end| format!(" until {end}")).unwrap_or_default();
    format!("{email} {}{until}", grant.role)
}

fn put_grant(app_id: AppId, user_id: UserId, grant: FileGrant) -> PolicyChange {
    PolicyChange::PutGrant { app_id, user_id, role: grant.role, expires_at: grant.until }
}
