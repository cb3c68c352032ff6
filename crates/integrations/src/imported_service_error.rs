//! What can go wrong with services of organizations' own.

use audit::AuditError;
use catalogue::{ImportError, Question};
use service_client::CallError;

use crate::StoreError;

/// Why nothing was imported, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ImportedServiceError {
    /// The organization has no such service.
    #[error("there is no such service")]
    NotFound,
    /// The document cannot become an entry.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The document leaves something open.
    #[error("the document leaves something open: {}", open(.0))]
    Open(Vec<Question>),
    /// A place that gets the client's secret has a host that whoever connects an account would choose.
    #[error(
        "the place where {what} gets the secret of the organization's client, and whoever connects an account would choose its host: {url}. Replace the variable in the document by the organization's own value"
    )]
    OpenHost {
        /// What happens there.
        what: &'static str,
        /// Where it is.
        url: String,
    },
    /// The document is not at its address, or may not be fetched from there.
    #[error("the document was not fetched: {0}")]
    NotFetched(CallError),
    /// What is at the address is no text.
    #[error("what is at the address is no text")]
    NoText,
    /// The entry would be larger than any that is kept.
    #[error("the entry would be larger than {0} KiB; import a document with fewer operations")]
    TooLarge(usize),
    /// The organization has as many as it may have.
    #[error("an organization has at most {0} services of its own")]
    TooMany(u64),
    /// They would take more together than is kept.
    #[error("the organization's own services take at most {0} MiB together")]
    Full(u64),
    /// Another one of the organization has this name.
    #[error("the organization has a service of this name already: import it again, or answer another key")]
    NameTaken,
    /// Somebody else changed it first.
    #[error("somebody else has imported it again since you looked")]
    Changed,
    /// What would come out is not what somebody looked at.
    #[error("the document or an answer has changed since you looked: look at what comes out of it now")]
    DocumentChanged,
    /// Accounts or a client of the service are still there.
    #[error("the organization still has {accounts} accounts at it or is registered there")]
    InUse {
        /// How many accounts.
        accounts: u64,
    },
    /// Too many documents are being read for the organization.
    #[error("other documents of the organization are being read")]
    Busy,
    /// The task that read the document ended before its time.
    #[error("interrupted")]
    Interrupted,
    /// The entry has no form as text.
    #[error("the entry cannot be written down")]
    Unwritable,
    /// The store did not do its part.
    #[error(transparent)]
    Store(StoreError),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

fn open(questions: &[Question]) -> String {
    questions.iter().map(|question| question.key.as_str()).collect::<Vec<_>>().join(", ")
}

impl From<StoreError> for ImportedServiceError {
    fn from(error: StoreError) -> Self {
        if error.is_taken() {
            return Self::NameTaken;
        }
        // The organization went meanwhile.
        if error.names_what_is_gone() { Self::NotFound } else { Self::Store(error) }
    }
}
