//! Why the questions could not be asked.

/// Why a proof ended before its end. A difference between what is declared and what is answered is not an
/// error: it is the result.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No answer came.
    #[error("{url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong on the way.
        reason: String,
    },
    /// The certificate authorities cannot be used.
    #[error("the certificate authorities: {0}")]
    Trust(String),
    /// `/openapi.json` does not say what it has to.
    #[error("the description of the API: {0}")]
    Description(String),
    /// Something that had to succeed to prepare a question did not.
    #[error("to prepare a question, {what} had to succeed and answered {status}: {answer}")]
    Preparation {
        /// What was asked.
        what: String,
        /// The status of the answer.
        status: u16,
        /// Its body.
        answer: String,
    },
    /// An answer to a preparation lacks something.
    #[error("the answer to {what} has no {lacks}: {answer}")]
    Answer {
        /// What was asked.
        what: String,
        /// What is missing.
        lacks: String,
        /// The body.
        answer: String,
    },
    /// Nobody can be signed in as this person.
    #[error("nobody is signed in as {person}: {reason}")]
    SignIn {
        /// Who.
        person: &'static str,
        /// Why not.
        reason: String,
    },
    /// An endpoint that nobody wrote a request for.
    #[error("crates/proof/src/requests.rs has no example request for `{0}`")]
    NoExample(String),
    /// A parameter that nobody knows an object for.
    #[error("the proof does not know what `{0}` stands for")]
    NoObject(String),
    /// The file of callers is wrong.
    #[error("the callers file: {0}")]
    Callers(String),
    /// The server of the proof's own apps does not start.
    #[error("the server of the proof's own apps: {0}")]
    AppServer(String),
    /// What the witness looked at cannot be read.
    #[error("the witness: {0}")]
    Witness(String),
}
