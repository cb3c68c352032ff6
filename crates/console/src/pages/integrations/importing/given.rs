//! What was filled in to import a service.

use catalogue::{Answer, Answers};
use endpoint::{Call, Problem};
use integrations::{DocumentSource, GivenDocument};
use schemars::JsonSchema;
use url::Url;

use super::super::connecting;
use super::wrong::{Place, Wrong};
use crate::fields::Fields;

/// A document, and what was answered.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ImportFields {
    url: Option<String>,
    document: Option<String>,
    file: Option<String>,
    authorization_server: Option<String>,
    answer_name: Option<String>,
    answer_key: Option<String>,
    answer_category: Option<String>,
    answer_documentation: Option<String>,
    answer_base_url: Option<String>,
    answer_authentication: Option<String>,
    answer_authorization_server: Option<String>,
    entry_digest: Option<String>,
    version: Option<i64>,
}

/// The same, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// Where the document is; empty if its text was given.
    pub(super) url: String,
    /// Its text.
    pub(super) document: String,
    /// The text of the authorization server's metadata; empty if there was none.
    pub(super) authorization_server: String,
    /// What was answered.
    pub(super) answers: Answers,
    /// The entry that was looked at.
    pub(super) entry_digest: Option<String>,
    /// For a service that there is, the version that was looked at.
    pub(super) version: Option<i64>,
}

impl Given {
    /// The fields of this request. A file takes the place of a text.
    pub(super) async fn read(call: &mut Call) -> Result<Self, Problem> {
        let fields = Fields::with_document(call).await?;
        let answer = |key: Answer| (key, fields.text(&field(key)).to_owned());
        let file = fields.lines("file");
        Ok(Self {
            url: fields.text("url").to_owned(),
            document: if file.is_empty() { fields.lines("document") } else { file },
            authorization_server: fields.lines("authorization_server"),
            answers: Answer::ALL.map(answer).into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            entry_digest: Some(fields.text("entry_digest").to_owned()).filter(|digest| !digest.is_empty()),
            version: connecting::version(&fields)?,
        })
    }

    /// As the importer takes it.
    pub(super) fn document(&self) -> Result<GivenDocument, Wrong> {
        let wrong = |text: &str| Wrong::new(Place::Document, Problem::invalid("invalid_import", text));
        let document = match (self.url.as_str(), self.document.as_str()) {
            ("", "") => return Err(wrong("Give the address of a document, or the document itself.")),
            ("", text) => DocumentSource::Text(text.to_owned()),
            (url, "") => {
                let url = Url::parse(url).ok().filter(|url| url.scheme() == "https");
                DocumentSource::Url(url.ok_or_else(|| wrong("The address is no https URL."))?)
            }
            _ => return Err(wrong("Give either the address of a document or the document itself.")),
        };
        let server = Some(self.authorization_server.clone()).filter(|text| !text.is_empty());
        Ok(GivenDocument {
            document,
            authorization_server: server,
            answers: self.answers.clone(),
            expected_entry: self.entry_digest.clone(),
        })
    }
}

/// The name of the field of an answer.
pub(super) fn field(key: Answer) -> String {
    format!("answer_{key}")
}
