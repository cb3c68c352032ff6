//! The policy of an organization as a file for people (TOML): written, read, and compared with what is.

mod difference;
mod reading;
mod writing;

use std::collections::BTreeMap;

use access_control::{AppLevel, Role};
use ids::{AppSlug, EmailAddress, Name, OrganizationSlug};

pub use difference::{Difference, Side};

use crate::policy_file::reading::Lines;

/// A policy file, read.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The organization's slug.
    pub organization: OrganizationSlug,
    members: BTreeMap<EmailAddress, Placed<Role>>,
    groups: BTreeMap<String, Placed<FileGroup>>,
    apps: BTreeMap<String, Placed<FileApp>>,
    lines: Lines,
}

/// Something, and where it stands in the file.
#[derive(Clone, Debug)]
struct Placed<T> {
    at: usize,
    value: T,
}

#[derive(Clone, Debug)]
struct FileGroup {
    name: Name,
    members: Vec<Placed<EmailAddress>>,
}

#[derive(Clone, Debug)]
struct FileApp {
    slug: AppSlug,
    level: AppLevel,
    grants: BTreeMap<EmailAddress, Placed<FileGrant>>,
    path_rules: Vec<Placed<FileRule>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileGrant {
    role: access_control::AppRole,
    until: Option<time::OffsetDateTime>,
}

/// A rule whose people and groups are named as people name them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileRule {
    pattern: access_control::PathPattern,
    methods: Vec<access_control::Method>,
    subjects: Vec<FileSubject>,
    sign_in_within_minutes: Option<access_control::SignInAge>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FileSubject {
    User(EmailAddress),
    Group(String),
    Role(Role),
    AppRole(access_control::AppRole),
}

/// What is wrong with a policy file. It says where, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyFileError(String);
