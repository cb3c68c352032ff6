//! What comes out of a document at the moment, and what is wrong about what was filled in.

use access_control::{ManageServices, Permit};
use catalogue::ImportError;
use ids::ImportedServiceId;
use integrations::{ImportedServiceError, Proposed};

use super::given::Given;
use super::wrong::{Place, Wrong};
use crate::Console;

/// What came of looking.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// What would come out.
    pub(super) proposed: Option<Proposed>,
    /// What is wrong.
    pub(super) wrong: Vec<Wrong>,
}

impl Looked {
    /// Looks what comes out. An answer that cannot be taken is left out, so that the others and the questions that are open
    /// are shown with what is wrong about it; the metadata of the authorization server likewise.
    pub(super) async fn at(
        console: &Console,
        permit: &Permit<ManageServices>,
        given: &Given,
        again: Option<ImportedServiceId>,
    ) -> Self {
        let mut wrong = Vec::new();
        let mut document = match given.document() {
            Ok(document) => document,
            Err(error) => return Self { proposed: None, wrong: vec![error] },
        };
        loop {
            let error = match console.imported_services.propose(permit, document.clone(), again).await {
                Ok(proposed) => return Self { proposed: Some(proposed), wrong },
                Err(error) => error,
            };
            match &error {
                ImportedServiceError::Import(ImportError::Answer { key, .. })
                    if document.answers.remove(key).is_some() =>
                {
                    wrong.push(error.into());
                }
                ImportedServiceError::Import(_) if document.authorization_server.take().is_some() => {
                    wrong.push(Wrong { place: Place::AuthorizationServer, ..Wrong::from(error) });
                }
                _ => {
                    // It was not for the metadata.
                    wrong.retain(|wrong| wrong.place != Place::AuthorizationServer);
                    wrong.push(error.into());
                    return Self { proposed: None, wrong };
                }
            }
        }
    }

    /// The same with why nothing was imported, unless looking says it already.
    pub(super) fn with(mut self, error: Wrong) -> Self {
        if self.wrong.is_empty() {
            self.wrong.push(error);
        }
        self
    }
}
