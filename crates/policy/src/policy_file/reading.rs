//! A file as a policy. Every refusal names the line.

use std::collections::BTreeMap;
use std::str::FromStr;

use access_control::{AppLevel, AppRole, Method, PathPattern, Role, SignInAge};
use ids::{AppSlug, EmailAddress, Name, OrganizationSlug};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use toml::Spanned;

use super::{FileApp, FileGrant, FileGroup, FileRule, FileSubject, Placed, PolicyFile, PolicyFileError};

/// Where the lines of a file begin.
#[derive(Clone, Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect())
    }

    /// An error at this place.
    pub(super) fn error(&self, at: usize, reason: &dyn std::fmt::Display) -> PolicyFileError {
        let line = self.0.partition_point(|start| *start <= at);
        PolicyFileError(format!("line {line}: {reason}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    organization: Spanned<String>,
    #[serde(default)]
    members: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    groups: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    #[serde(default)]
    apps: BTreeMap<Spanned<String>, AppTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppTable {
    level: Spanned<String>,
    #[serde(default)]
    grants: BTreeMap<Spanned<String>, GrantTable>,
    #[serde(default)]
    path_rules: Vec<Spanned<RuleTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantTable {
    role: Spanned<String>,
    until: Option<Spanned<toml::value::Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    pattern: Spanned<String>,
    #[serde(default)]
    methods: Vec<Spanned<String>>,
    subjects: Vec<Spanned<String>>,
    sign_in_within_minutes: Option<Spanned<u32>>,
}

impl FromStr for PolicyFile {
    type Err = PolicyFileError;

    fn from_str(text: &str) -> Result<Self, PolicyFileError> {
        let lines = Lines::of(text);
        let whole: Whole = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => lines.error(span.start, &error.message()),
            None => PolicyFileError(error.message().to_owned()),
        })?;
        let reader = Reader(&lines);
        Ok(Self {
            organization: reader.text::<OrganizationSlug>(&whole.organization)?,
            members: reader.map(whole.members, |role| reader.text::<Role>(role))?,
            groups: reader.groups(whole.groups)?,
            apps: reader.apps(whole.apps)?,
            lines,
        })
    }
}

struct Reader<'a>(&'a Lines);

impl Reader<'_> {
    fn text<T: FromStr>(&self, given: &Spanned<String>) -> Result<T, PolicyFileError>
    where
        T::Err: std::fmt::Display,
    {
        let read = given.get_ref().parse();
        read.map_err(|error: T::Err| {
            self.0.error(given.span().start, &format!("{:?}: {error}", given.get_ref()))
        })
    }

    /// A table by e-mail address; two spellings of one address are one address.
    fn map<V, T>(
        &self,
        table: BTreeMap<Spanned<String>, V>,
        value: impl Fn(&V) -> Result<T, PolicyFileError>,
    ) -> Result<BTreeMap<EmailAddress, Placed<T>>, PolicyFileError> {
        let mut read = BTreeMap::new();
        for (key, given) in &table {
            let placed = Placed { at: key.span().start, value: value(given)? };
            let email: EmailAddress = self.text(key)?;
            if read.insert(email, placed).is_some() {
                return Err(self.0.error(key.span().start, &format!("{} occurs twice", key.get_ref())));
            }
        }
        Ok(read)
    }

    fn groups(
        &self,
        table: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    ) -> Result<BTreeMap<String, Placed<FileGroup>>, PolicyFileError> {
        let mut read = BTreeMap::new();
        for (key, emails) in table {
            let name: Name = self.text(&key)?;
            let mut members: Vec<Placed<EmailAddress>> = Vec::new();
            for given in &emails {
                let email: EmailAddress = self.text(given)?;
                if members.iter().any(|member| member.value == email) {
                    return Err(self.0.error(given.span().start, &format!("{email} occurs twice")));
                }
                members.push(Placed { at: given.span().start, value: email });
            }
            let placed = Placed { at: key.span().start, value: FileGroup { name: name.clone(), members } };
            if read.insert(name.as_str().to_owned(), placed).is_some() {
                return Err(self.0.error(key.span().start, &format!("{} occurs twice", key.get_ref())));
            }
        }
        Ok(read)
    }

    fn apps(
        &self,
        table: BTreeMap<Spanned<String>, AppTable>,
    ) -> Result<BTreeMap<String, Placed<FileApp>>, PolicyFileError> {
        let mut read = BTreeMap::new();
        for (key, app) in table {
            let slug: AppSlug = self.text(&key)?;
            let mut path_rules: Vec<Placed<FileRule>> = Vec::new();
            for given in &app.path_rules {
                let at = given.get_ref().pattern.span().start;
                let rule = self.rule(given.get_ref())?;
                if path_rules.iter().any(|other| other.value == rule) {
                    return Err(self.0.error(at, &"this rule occurs twice"));
                }
                path_rules.push(Placed { at, value: rule });
            }
            let app = FileApp {
                slug: slug.clone(),
                level: self.text::<AppLevel>(&app.level)?,
                grants: self.map(app.grants, |grant| self.grant(grant))?,
                path_rules,
            };
            read.insert(slug.as_str().to_owned(), Placed { at: key.span().start, value: app });
        }
        Ok(read)
    }

    fn grant(&self, grant: &GrantTable) -> Result<FileGrant, PolicyFileError> {
        let until = grant.until.as_ref().map(|given| {
            // A local time would mean another instant elsewhere.
            OffsetDateTime::parse(&given.get_ref().to_string(), &Rfc3339).map_err(|_| {
                self.0.error(given.span().start, &"an instant has an offset, as in 2027-01-31T00:00:00Z")
            })
        });
        Ok(FileGrant { role: self.text::<AppRole>(&grant.role)?, until: until.transpose()? })
    }

    fn rule(&self, rule: &RuleTable) -> Result<FileRule, PolicyFileError> {
        let mut methods = Vec::new();
        for method in &rule.methods {
            methods.push(self.text::<Method>(method)?);
        }
        methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        methods.dedup();
        let mut subjects = Vec::new();
        for given in &rule.subjects {
            subjects.push(self.subject(given)?);
        }
        subjects.sort_unstable();
        subjects.dedup();
        let age = rule.sign_in_within_minutes.as_ref().map(|given| {
            SignInAge::try_from(*given.get_ref()).map_err(|error| self.0.error(given.span().start, &error))
        });
        Ok(FileRule {
            pattern: self.text::<PathPattern>(&rule.pattern)?,
            methods,
            subjects,
            sign_in_within_minutes: age.transpose()?,
        })
    }

    fn subject(&self, given: &Spanned<String>) -> Result<FileSubject, PolicyFileError> {
        let wrong = |reason: &dyn std::fmt::Display| {
            self.0.error(given.span().start, &format!("{:?}: {reason}", given.get_ref()))
        };
        match given.get_ref().split_once(':') {
            Some(("user", email)) => email.parse().map(FileSubject::User).map_err(|error| wrong(&error)),
            Some(("group", name)) => Ok(FileSubject::Group(name.to_owned())),
            Some(("role", role)) => role.parse().map(FileSubject::Role).map_err(|error| wrong(&error)),
            Some(("app_role", role)) => role.parse().map(FileSubject::AppRole).map_err(|error| wrong(&error)),
            _ => Err(wrong(&"a subject is user:<e-mail>, group:<name>, role:<role> or app_role:<role>")),
        }
    }
}
