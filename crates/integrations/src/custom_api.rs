//! Custom APIs: services that people describe by hand, without what proves them.

use std::collections::{BTreeMap, BTreeSet};

use access_control::UsableBy;
use catalogue::{Api, Authentication, HostPattern, Place, Placement, RateLimit, Service, Template, Tier};
use ids::{CustomApiId, Name, OrganizationId, SecretId, UserId};
use secrets_vault::{Kind, NewValue, Owner};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

/// The longest base URL, in bytes.
const LONGEST_URL: usize = 2048;

/// The most headers of every call, and the longest value of one.
const MOST_HEADERS: usize = 20;
const LONGEST_HEADER: usize = 1024;

/// The schema of entries that such a service becomes.
const SCHEMA: u32 = 1;

/// A service that people described by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomApi {
    /// Its identifier.
    pub id: CustomApiId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it is.
    pub definition: CustomApiDefinition,
    /// How often it was written.
    pub version: i64,
    /// Its credentials in the vault.
    pub credentials: SecretId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: OffsetDateTime,
    /// Who changed it last.
    pub updated_by: UserId,
    /// When.
    pub updated_at: OffsetDateTime,
}

/// What a custom API is. It is sealed together with the credentials, so that whoever writes to the database cannot point
/// them at another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomApiDefinition {
    /// What people call it, once in the organization; case makes no difference.
    pub name: Name,
    /// What paths are joined to.
    pub base_url: Url,
    /// How its credentials are put into calls.
    pub authentication: CustomApiAuthentication,
    /// Headers of every call.
    pub headers: BTreeMap<String, String>,
    /// Which apps may call it.
    pub usable_by: UsableBy,
    /// Whether pages of these apps may, too, and not only their servers.
    pub from_pages: bool,
}

/// How the credentials of a custom API are put into calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomApiAuthentication {
    /// A key in `X-API-Key`.
    ApiKey,
    /// A token as `Authorization: Bearer`.
    BearerToken,
    /// User name and password as `Authorization: Basic`.
    Basic,
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomApiDefinitionError {
    /// The base URL is none, or none that credentials can go to.
    #[error(
        "the base URL is an https URL of a domain name or an IPv4 address, without user, query and fragment"
    )]
    BaseUrl,
    /// A header is none, or not a caller's to set.
    #[error("a header of every call is not acceptable: {0}")]
    Header(String),
    /// There are too many headers.
    #[error("there are at most {MOST_HEADERS} headers of every call")]
    TooManyHeaders,
    /// A key, token, user name or password that no header can carry.
    #[error("{0} is empty, too long, or has characters that do not belong there")]
    Credential(&'static str),
    /// What is given does not belong to this kind of credential.
    #[error("{0}")]
    OtherKind(&'static str),
}

impl CustomApiAuthentication {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ApiKey, Self::BearerToken, Self::Basic];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::BearerToken => "bearer_token",
            Self::Basic => "basic",
        }
    }

    fn entry(self) -> (Authentication, Placement) {
        let placement = |place, name: &str, format: &str| Placement {
            place,
            name: name.to_owned(),
            format: format.to_owned(),
        };
        match self {
            Self::ApiKey => (Authentication::ApiKey, placement(Place::Header, "X-API-Key", "{api_key}")),
            Self::BearerToken => {
                (Authentication::BearerToken, placement(Place::Header, "Authorization", "Bearer {token}"))
            }
            Self::Basic => (
                Authentication::Basic {
                    user_label: "User name".to_owned(),
                    password_label: Some("Password".to_owned()),
                },
                placement(Place::Basic, "Authorization", "{user}:{password}"),
            ),
        }
    }
}

impl CustomApiDefinition {
    /// What no two of one organization have alike.
    pub(crate) fn slot(&self) -> String {
        self.name.as_str().trim().to_lowercase()
    }

    /// Holds it against the rules that types do not hold.
    ///
    /// # Errors
    /// Which one it breaks.
    pub fn check(&self) -> Result<(), CustomApiDefinitionError> {
        let url = &self.base_url;
        let is_plain = url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.as_str().len() <= LONGEST_URL
            // Services read an encoded slash or dot in their own way.
            && !url.path().contains(['%', '{', '}', '\\'])
            && !url.path().trim_end_matches('/').contains("//");
        if !is_plain || host_pattern(url).is_none() {
            return Err(CustomApiDefinitionError::BaseUrl);
        }
        if self.headers.len() > MOST_HEADERS {
            return Err(CustomApiDefinitionError::TooManyHeaders);
        }
        let mut names = BTreeSet::new();
        for (name, value) in &self.headers {
            let is_fit = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_str(value).is_ok()
                && value.len() <= LONGEST_HEADER
                // Braces are places for values in entries.
                && !value.contains(['{', '}'])
                && !is_the_platforms(&name.to_ascii_lowercase())
                && names.insert(name.to_ascii_lowercase());
            if !is_fit {
                return Err(CustomApiDefinitionError::Header(name.chars().take(64).collect()));
            }
        }
        Ok(())
    }

    /// As an entry of the catalogue; none if the base URL is none that credentials can go to.
    pub(crate) fn to_service(&self) -> Option<Service> {
        let (authentication, placement) = self.authentication.entry();
        Some(Service {
            schema: SCHEMA,
            id: "custom-api".parse().ok()?,
            name: self.name.to_string(),
            categories: Vec::new(),
            tier: Tier::Documented,
            documentation: self.base_url.clone(),
            checked: None,
            quirks: Vec::new(),
            variables: Vec::new(),
            learned: Vec::new(),
            authentication,
            api: Api {
                base: Template::try_from(self.base_url.to_string()).ok()?,
                hosts: vec![host_pattern(&self.base_url)?],
                credential: vec![placement],
                headers: self.headers.clone(),
                test: None,
                rate_limit: RateLimit::default(),
                page: None,
            },
            actions: Vec::new(),
        })
    }

    /// Whether credentials go where they went, in the same way.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.base_url == other.base_url && self.authentication == other.authentication
    }

    /// Whether more apps may use it than before, or more of them.
    pub(crate) fn gives_more_than(&self, before: &Self) -> bool {
        self.usable_by.gives_more_than(&before.usable_by) || (self.from_pages && !before.from_pages)
    }

    /// What of it is not what was sealed, in the words of the API. Apps that are gone since then are no difference.
    pub(crate) fn differences(&self, sealed: &Self) -> Vec<&'static str> {
        [
            ("name", self.name == sealed.name),
            ("baseUrl", self.base_url == sealed.base_url),
            ("authentication", self.authentication == sealed.authentication),
            ("headers", self.headers == sealed.headers),
            ("apps", self.usable_by.is_or_was(&sealed.usable_by)),
            ("fromPages", self.from_pages == sealed.from_pages),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }
}

impl CustomApi {
    /// Whose key seals its credentials.
    pub(crate) const fn owner(&self) -> Owner {
        Owner::Organization(self.organization)
    }

    /// The place of its credentials in the vault.
    pub(crate) const fn place(&self) -> NewValue {
        NewValue { id: self.credentials, owner: self.owner(), kind: Kind::CustomApiCredentials }
    }
}

fn host_pattern(url: &Url) -> Option<HostPattern> {
    let host = url.host_str()?;
    // A star would be a pattern.
    if host.contains('*') { None } else { HostPattern::try_from(host.to_owned()).ok() }
}

/// Headers that prove something, that frame the message, or that say who asks: none that people set here.
fn is_the_platforms(name: &str) -> bool {
    const NAMES: [&str; 15] = [
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-api-key",
    ];
    NAMES.contains(&name)
        || ["proxy-", "x-forwarded-", "x-vybe-"].iter().any(|prefix| name.starts_with(prefix))
}
