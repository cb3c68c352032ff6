//! Entries made from documents that services publish: OpenAPI 2, 3.0 and 3.1, OpenID Connect discovery, metadata of
//! authorization servers (RFC 8414) and of protected resources (RFC 9728).
//!
//! The author of a document is not trusted: nothing in it becomes an address unless it is a public `https` one, references
//! lead nowhere but into the document, and size, depth and aliases are bounded. What a document leaves open is asked,
//! never guessed; what it says beyond an entry is told in a note.

mod actions;
mod address;
mod answers;
mod authorization_server;
mod document;
mod draft;
mod oauth_flows;
mod openapi;
mod operations;
mod protected_resource;
mod references;
mod schemes;
mod server_url;
mod servers;
mod test_call;

use std::collections::BTreeMap;

use url::Url;

pub use answers::Answer;
use answers::Answered;
use document::Format;
pub use document::LARGEST_DOCUMENT;

use crate::{Service, ServiceError};

/// Answers to questions, by [`Question::key`]. Any of them may be given at once, whether or not it was asked.
pub type Answers = BTreeMap<Answer, String>;

/// A document to make an entry from.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// JSON or YAML.
    pub document: &'a str,
    /// Where it was fetched from; none if somebody handed it in.
    pub fetched_from: Option<&'a Url>,
    /// The metadata of the authorization server that the document leads to, and where it was fetched from.
    pub authorization_server: Option<(&'a str, Option<&'a Url>)>,
    /// What was answered so far.
    pub answers: &'a Answers,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What kind of document it is, in the words of its standard.
    pub format: &'static str,
    /// The entry; none as long as there are questions.
    pub service: Option<Service>,
    /// What has to be answered first.
    pub questions: Vec<Question>,
    /// What of the document is not in the entry, and what was assumed; for people.
    pub notes: Vec<String>,
}

/// Something that a document leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub key: Answer,
    /// The same for people.
    pub text: String,
    /// The answers that there are; any text if there are none.
    pub choices: Vec<String>,
    /// What is probably right.
    pub suggestion: Option<String>,
    /// Documents that would answer it: the first of these that can be fetched, as [`Import::authorization_server`].
    pub documents: Vec<Url>,
}

/// Why a document becomes no entry.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is larger, deeper or more often repeated than any that is published.
    #[error("the document is too large: at most {} MiB, 128 levels and 2 million values are read", LARGEST_DOCUMENT >> 20)]
    TooLarge,
    /// It is neither JSON nor YAML.
    #[error("the document cannot be read: {0}")]
    Syntax(String),
    /// It is none of the kinds that can be imported.
    #[error(
        "the document is none that can be imported: OpenAPI 2, 3.0 or 3.1, OpenID Connect discovery, or metadata of an \
         authorization server or a protected resource"
    )]
    Format,
    /// It names an address that no credential goes to.
    #[error("{what} is {url}, {reason}")]
    Address {
        /// What the address is for.
        what: String,
        /// The address, shortened.
        url: String,
        /// Why none goes there.
        reason: &'static str,
    },
    /// It asks for something that the platform cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// It is about another service than its address says (RFC 8414, 3.3; RFC 9728, 3.3).
    #[error("the document was fetched from {fetched_from}, and says that it is about {about}")]
    OtherIssuer {
        /// Where it was fetched from.
        fetched_from: String,
        /// Whom it is about.
        about: String,
    },
    /// An answer is none to its question.
    #[error("the answer to {key} cannot be taken: {reason}")]
    Answer {
        /// The question.
        key: Answer,
        /// What is wrong with it.
        reason: String,
    },
    /// What would come out is no entry.
    #[error("the document makes no entry: {0}")]
    Entry(#[from] ServiceError),
}

impl Import<'_> {
    /// Makes an entry, or says what is missing.
    ///
    /// # Errors
    /// The document cannot become an entry, whatever is answered; or an answer cannot be taken.
    pub fn propose(&self) -> Result<Proposal, ImportError> {
        let document = document::read(self.document)?;
        let answered = Answered::new(self.answers)?;
        match Format::of(&document).ok_or(ImportError::Format)? {
            Format::Openapi(name) => openapi::propose(&document, name, self, &answered),
            Format::AuthorizationServer(name) => {
                authorization_server::propose(&document, name, self, &answered)
            }
            Format::ProtectedResource => protected_resource::propose(&document, self, &answered),
        }
    }
}
