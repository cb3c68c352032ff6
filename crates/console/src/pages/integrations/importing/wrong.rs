//! What is wrong about an import, and where on the page it is said.

use catalogue::{Answer, ImportError};
use endpoint::Problem;
use endpoint::http::StatusCode;
use integrations::ImportedServiceError;
use maud::{Markup, html};

/// Where something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Above everything.
    Page,
    /// At the document.
    Document,
    /// At the metadata of the authorization server.
    AuthorizationServer,
    /// At an answer.
    Answer(Answer),
    /// At what deletes the service.
    Deletion,
}

/// What is wrong.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) problem: Box<Problem>,
}

impl Wrong {
    pub(super) fn new(place: Place, problem: Problem) -> Self {
        Self { place, problem: Box::new(problem) }
    }

    /// Whether it is no matter of the page: what is not there, and what is not the person's doing.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(
            self.problem.status(),
            StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR | StatusCode::SERVICE_UNAVAILABLE
        )
    }
}

impl From<ImportedServiceError> for Wrong {
    fn from(error: ImportedServiceError) -> Self {
        let place = match &error {
            ImportedServiceError::Import(ImportError::Answer { key, .. }) => Place::Answer(*key),
            ImportedServiceError::Import(_)
            | ImportedServiceError::NotFetched(_)
            | ImportedServiceError::NoText
            | ImportedServiceError::OpenHost { .. }
            | ImportedServiceError::TooLarge(_) => Place::Document,
            ImportedServiceError::NameTaken => Place::Answer(Answer::Key),
            ImportedServiceError::InUse { .. } => Place::Deletion,
            _ => Place::Page,
        };
        Self::new(place, error.into())
    }
}

/// What is wrong in a place.
pub(super) fn at(wrong: &[Wrong], place: Place) -> Markup {
    html! {
        @for wrong in wrong.iter().filter(|wrong| wrong.place == place) {
            p.bad role="alert" data-code=(wrong.problem.code()) data-place=(name(place)) { (wrong.problem.detail()) }
        }
    }
}

/// The name of a place in pages.
const fn name(place: Place) -> &'static str {
    match place {
        Place::Page => "page",
        Place::Document => "document",
        Place::AuthorizationServer => "authorization_server_metadata",
        Place::Answer(key) => key.as_str(),
        Place::Deletion => "deletion",
    }
}
