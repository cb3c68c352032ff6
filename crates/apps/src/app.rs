//! An app as it is managed.

use std::fmt;
use std::str::FromStr;

use access_control::AppLevel;
use ids::{AppId, AppSlug, HostLabel, OrganizationId, UserId};
use time::OffsetDateTime;

use crate::UpstreamUrl;

/// What people call an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppName(String);

/// A text that is no app name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 80 characters, no control or direction characters and no spaces at its ends")]
pub struct AppNameError;

/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

impl AppName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppName {
    type Err = AppNameError;

    fn from_str(text: &str) -> Result<Self, AppNameError> {
        let length_ok = (1..=LONGEST_NAME).contains(&text.chars().count());
        if length_ok && text.trim() == text && !text.chars().any(is_deceptive) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AppNameError)
        }
    }
}

/// Characters that break a line of a log, or make a text read as another (RUSTSEC-2025-0055).
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for AppName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a new app is made from.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// Its slug, unique in the organization.
    pub slug: AppSlug,
    /// Its name.
    pub name: AppName,
}

/// An app.
#[derive(Clone, Debug)]
pub struct App {
    /// Its identifier.
    pub id: AppId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// Its slug.
    pub slug: AppSlug,
    /// Its name.
    pub name: AppName,
    /// The first label of its host.
    pub label: HostLabel,
    /// Who it is for.
    pub level: AppLevel,
    /// Who made it.
    pub creator: UserId,
    /// Where it runs, if that was said.
    pub upstream: Option<UpstreamUrl>,
    /// The app opted out of judging a Server Action under every rule.
    pub server_actions_judged_by_page: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}
