//! What is asked, and what was answered.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::{Answers, ImportError, Question, address};
use crate::ServiceKey;

/// Something that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The name of the service for people.
    Name,
    /// Its stable name.
    Key,
    /// What it is for.
    Category,
    /// The service's page about its API.
    Documentation,
    /// The URL that calls are joined to.
    BaseUrl,
    /// The way accounts prove themselves: one of the document's, or [`Free`].
    Authentication,
    /// Which authorization server, if there are several.
    AuthorizationServer,
}

impl Answer {
    /// Everything that can be answered.
    pub const ALL: [Self; 7] = [
        Self::Name,
        Self::Key,
        Self::Category,
        Self::Documentation,
        Self::BaseUrl,
        Self::Authentication,
        Self::AuthorizationServer,
    ];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Key => "key",
            Self::Category => "category",
            Self::Documentation => "documentation",
            Self::BaseUrl => "base_url",
            Self::Authentication => "authentication",
            Self::AuthorizationServer => "authorization_server",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Answer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == text).ok_or("nothing of this name is asked")
    }
}

/// The answers, read.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) name: Option<String>,
    pub(super) key: Option<ServiceKey>,
    pub(super) category: Option<String>,
    pub(super) documentation: Option<Url>,
    pub(super) base_url: Option<Url>,
    pub(super) authentication: Option<String>,
    pub(super) authorization_server: Option<Url>,
}

impl Answered {
    pub(super) fn new(answers: &Answers) -> Result<Self, ImportError> {
        const LONGEST: usize = 500;
        let mut read = Self::default();
        for (key, text) in answers {
            let refused = |reason: String| ImportError::Answer { key: *key, reason };
            let text = text.trim();
            if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
                return Err(refused(format!(
                    "it is empty, longer than {LONGEST} bytes, or has control characters"
                )));
            }
            let url = || {
                let url = Url::parse(text).map_err(|_| refused(address::UNREADABLE.to_owned()))?;
                match address::unfit(&url) {
                    Some(reason) => Err(refused(format!("it is {reason}"))),
                    None => Ok(url),
                }
            };
            match key {
                Answer::Name => read.name = Some(text.to_owned()),
                Answer::Category => read.category = Some(text.to_owned()),
                Answer::Authentication => read.authentication = Some(text.to_owned()),
                Answer::Key => read.key = Some(text.parse().map_err(|error| refused(format!("{error}")))?),
                Answer::Documentation => read.documentation = Some(url()?),
                Answer::AuthorizationServer => read.authorization_server = Some(url()?),
                Answer::BaseUrl => {
                    let url = url()?;
                    if url.query().is_some() || url.fragment().is_some() || text.contains(['{', '}']) {
                        return Err(refused("it has a query, a fragment or braces".to_owned()));
                    }
                    read.base_url = Some(url);
                }
            }
        }
        Ok(read)
    }
}

impl Question {
    pub(super) fn new(key: Answer, text: impl Into<String>) -> Self {
        Self { key, text: text.into(), choices: Vec::new(), suggestion: None, documents: Vec::new() }
    }

    pub(super) fn suggesting(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    pub(super) fn choosing(mut self, choices: Vec<String>) -> Self {
        self.choices = choices;
        self
    }
}
