//! One entry.

use serde::{Deserialize, Serialize};
use time::Date;
use url::Url;

use crate::{Action, Api, Authentication, Learned, ServiceError, ServiceKey, Tier, Values, Variable};

/// An entry whose facts were compared with the service's pages this long ago drops a tier.
const FRESH: time::Duration = time::Duration::days(365);

/// What the platform knows about a service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The schema of the entry: 1.
    pub schema: u32,
    /// Its stable name.
    pub id: ServiceKey,
    /// Its name for people.
    pub name: String,
    /// What it is for: `crm`, `files`, …
    pub categories: Vec<String>,
    /// How far the entry was tried.
    pub tier: Tier,
    /// The service's page that the facts come from.
    pub documentation: Url,
    /// The day on which the facts were compared with that page. Without one, they were not.
    #[serde(default, with = "day")]
    pub checked: Option<Date>,
    /// What differs from the standards, in one sentence each.
    #[serde(default)]
    pub quirks: Vec<String>,
    /// What whoever connects an account is asked.
    #[serde(default, rename = "variable")]
    pub variables: Vec<Variable>,
    /// What the service says about each account.
    #[serde(default, rename = "learned")]
    pub learned: Vec<Learned>,
    /// How an account is proved.
    pub authentication: Authentication,
    /// Where a credential may be sent.
    pub api: Api,
    /// What apps can ask by name.
    #[serde(default, rename = "action")]
    pub actions: Vec<Action>,
}

/// How old the facts of an entry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonthsOld {
    /// They were never compared with the service's page.
    NeverChecked,
    /// Compared within a year.
    Fresh,
    /// Compared more than a year ago.
    Stale,
}

impl Service {
    /// Reads an entry.
    ///
    /// # Errors
    /// It is not of this schema, or breaks a rule of the catalogue.
    pub fn parse(text: &str) -> Result<Self, ServiceError> {
        let service: Self = toml::from_str(text)?;
        service.check()?;
        Ok(service)
    }

    /// How old its facts are.
    #[must_use]
    pub fn age(&self, today: Date) -> MonthsOld {
        match self.checked {
            None => MonthsOld::NeverChecked,
            Some(checked) if today - checked <= FRESH => MonthsOld::Fresh,
            Some(_) => MonthsOld::Stale,
        }
    }

    /// The tier that counts today: facts that were never checked, or not for a year, are worth a tier less.
    #[must_use]
    pub fn tier_today(&self, today: Date) -> Tier {
        if self.age(today) == MonthsOld::Fresh { self.tier } else { self.tier.lower() }
    }

    /// The URL that calls of an account with these values are joined to.
    ///
    /// # Errors
    /// A value is missing or does not fit; or the host is none of `api.hosts`.
    pub fn base_url(&self, values: &Values) -> Result<Url, crate::RenderError> {
        let url = self.api.base.url(values)?;
        if self.may_get_credentials(&url) { Ok(url) } else { Err(crate::RenderError::NotHttps) }
    }

    /// Whether a credential may be sent to this URL's host in a call.
    #[must_use]
    pub fn may_get_credentials(&self, url: &Url) -> bool {
        url.scheme() == "https"
            && url.host_str().is_some_and(|host| self.api.hosts.iter().any(|pattern| pattern.matches(host)))
    }

    /// Holds the entry against the rules that types do not hold.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn check(&self) -> Result<(), ServiceError> {
        crate::rules::check(self)
    }
}

mod day {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
    use time::{Date, Month};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let Some(written) = Option::<toml::value::Datetime>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let (Some(date), None, None) = (written.date, written.time, written.offset) else {
            return Err(D::Error::custom("expected a day such as 2026-09-30"));
        };
        Month::try_from(date.month)
            .and_then(|month| Date::from_calendar_date(i32::from(date.year), month, date.day))
            .map(Some)
            .map_err(D::Error::custom)
    }

    pub(super) fn serialize<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        let written = day.map(|day| toml::value::Datetime {
            date: Some(toml::value::Date {
                year: u16::try_from(day.year()).unwrap_or_default(),
                month: u8::from(day.month()),
                day: day.day(),
            }),
            time: None,
            offset: None,
        });
        written.serialize(serializer)
    }
}
