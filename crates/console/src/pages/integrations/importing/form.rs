//! The form with which a service is imported: the document, the questions that are open, and what would come out.

use catalogue::{Answer, Question, Service};
use ids::OrganizationId;
use integrations::ImportedService;
use maud::{Markup, html};

use super::super::{home, service_path};
use super::given::{Given, field};
use super::looked::Looked;
use super::proposed;
use super::wrong::{Place, at};
use crate::layout::minute;

/// The page.
pub(super) struct Page<'a> {
    pub(super) organization: OrganizationId,
    /// The service that is imported again.
    pub(super) again: Option<&'a ImportedService>,
    pub(super) given: &'a Given,
    pub(super) looked: &'a Looked,
}

impl Page<'_> {
    pub(super) fn title(&self) -> String {
        match self.again {
            Some(imported) => format!("Import {} again", imported.service.name),
            None => "Import a service".to_owned(),
        }
    }

    pub(super) fn content(&self) -> Markup {
        let wrong = &self.looked.wrong;
        html! {
            (at(wrong, Place::Page))
            @match self.again {
                Some(imported) => (self.facts(imported)),
                None => p {
                    "An OpenAPI document (2, 3.0 or 3.1), OpenID Connect discovery, or metadata of an authorization server or a protected "
                    "resource (RFC 8414, RFC 9728) becomes a service of the organization. What it does not say is asked."
                },
            }
            form id="import" method="post" action={ (self.base()) "/proposals" } enctype="multipart/form-data" autocomplete="off" {
                @if let Some(imported) = self.again { input type="hidden" name="version" value=(imported.version); }
                (self.document())
                (self.questions())
                (self.answers())
                @if let Some(proposed) = &self.looked.proposed {
                    (proposed::shown(proposed, self.again.is_some()))
                }
                button type="submit" class=[self.is_complete().then_some("quiet")] { "Look what comes out" }
                @if let Some(entry) = self.looked.proposed.as_ref().and_then(|proposed| proposed.entry.as_ref()) {
                    input type="hidden" name="entry_digest" value=(entry.digest);
                    button type="submit" id="confirm" formaction={ (self.base()) (if self.again.is_some() { "/again" } else { "" }) } {
                        @if self.again.is_some() { "Import it again" } @else { "Import it" }
                    }
                }
            }
            @if let Some(imported) = self.again { (self.deletion(imported)) }
            p { a href={ (home(self.organization)) "/services" } { "Services" } }
        }
    }

    /// The path that the forms' paths begin with.
    fn base(&self) -> String {
        let all = format!("{}/imported-services", home(self.organization));
        self.again.map_or_else(|| all.clone(), |imported| format!("{all}/{}", imported.id))
    }

    fn is_complete(&self) -> bool {
        self.looked.proposed.as_ref().is_some_and(|proposed| proposed.entry.is_some())
    }

    fn facts(&self, imported: &ImportedService) -> Markup {
        html! {
            dl id="imported" {
                dt { "Service" } dd { a href=(service_path(self.organization, &imported.service.id)) { (imported.service.name) } }
                dt { "Document" } dd { @if imported.source.is_empty() { "handed in" } @else { (imported.source) } }
                dt { "Imported" } dd { (minute(imported.updated_at)) ", version " (imported.version) }
            }
            p { "Another entry comes in its place, under the same name in the API. What would change is shown first." }
        }
    }

    fn document(&self) -> Markup {
        let (given, looked) = (self.given, self.looked);
        html! {
            details open[looked.proposed.is_none()] {
                summary { "The document" }
                (at(&looked.wrong, Place::Document))
                label {
                    "Its address"
                    input type="url" name="url" maxlength="2000" spellcheck="false" placeholder="https://api.example.com/openapi.json" value=(given.url);
                }
                label {
                    "Or its text, JSON or YAML"
                    textarea.statement name="document" rows="8" spellcheck="false" { (given.document) }
                }
                label { "Or a file, which takes the place of the text" input type="file" name="file" accept=".json,.yaml,.yml"; }
                @if self.asked_document().is_none() && !given.authorization_server.is_empty() {
                    (self.authorization_server())
                }
            }
        }
    }

    /// The question that another document answers.
    fn asked_document(&self) -> Option<&Question> {
        self.open().find(|question| !question.documents.is_empty())
    }

    fn open(&self) -> impl Iterator<Item = &Question> {
        self.looked.proposed.iter().flat_map(|proposed| &proposed.proposal.questions)
    }

    fn authorization_server(&self) -> Markup {
        html! {
            (at(&self.looked.wrong, Place::AuthorizationServer))
            label {
                "The text of the authorization server's metadata"
                textarea.statement name="authorization_server" rows="6" spellcheck="false" { (self.given.authorization_server) }
            }
        }
    }

    fn questions(&self) -> Markup {
        html! {
            @if self.open().next().is_some() {
                h2 id="questions" { "What the document leaves open" }
                @for question in self.open() {
                    @if question.documents.is_empty() { (self.question(question)) } @else {
                        p { (question.text) " It could not be fetched from:" }
                        ul { @for url in &question.documents { li { (url) } } }
                        (self.authorization_server())
                    }
                }
            }
        }
    }

    fn question(&self, question: &Question) -> Markup {
        let known = self.again.and_then(|imported| known(&imported.service, question.key));
        let known = known.filter(|known| question.choices.is_empty() || question.choices.contains(known));
        let answered = self.given.answers.get(&question.key).cloned();
        let text = answered.or(known).or_else(|| question.suggestion.clone());
        html! {
            (at(&self.looked.wrong, Place::Answer(question.key)))
            label {
                (question.text)
                @if question.choices.is_empty() {
                    (input(question.key, text.as_deref().unwrap_or_default()))
                } @else {
                    select name=(field(question.key)) {
                        option value="" { "Choose" }
                        @for choice in &question.choices {
                            option value=(choice) selected[text.as_ref() == Some(choice)] { (choice) }
                        }
                    }
                }
            }
        }
    }

    /// What is not asked and can be answered all the same: what was answered before, and what the document has wrong.
    fn answers(&self) -> Markup {
        let wrong = &self.looked.wrong;
        let is_wrong = |key: Answer| wrong.iter().any(|wrong| wrong.place == Place::Answer(key));
        let is_open =
            |key: Answer| self.open().any(|question| question.key == key && question.documents.is_empty());
        // The name in the API stays when it is imported again.
        let here = |key: &Answer| !is_open(*key) && (self.again.is_none() || *key != Answer::Key);
        let shown: Vec<Answer> = Answer::ALL.into_iter().filter(here).collect();
        html! {
            @if self.looked.proposed.is_some() || !wrong.is_empty() {
                details open[shown.iter().any(|key| is_wrong(*key))] {
                    summary { "What you say instead of the document" }
                    p.quiet { "Left empty, it is taken from the document, or asked again." }
                    @for key in shown {
                        (at(wrong, Place::Answer(key)))
                        label { (words(key)) (input(key, self.given.answers.get(&key).map_or("", String::as_str))) }
                    }
                }
            }
        }
    }

    fn deletion(&self, imported: &ImportedService) -> Markup {
        let wrong = &self.looked.wrong;
        html! {
            details open[wrong.iter().any(|wrong| wrong.place == Place::Deletion)] {
                summary { "Delete the service" }
                (at(wrong, Place::Deletion))
                form method="post" action={ (self.base()) "/delete" } {
                    p { "Only without accounts and without a registration: disconnect them first." }
                    button.bad type="submit" { "Delete " (imported.service.name) }
                }
            }
        }
    }
}

fn input(key: Answer, text: &str) -> Markup {
    html! { input name=(field(key)) maxlength="500" spellcheck="false" autocomplete="off" value=(text); }
}

/// What the entry that there is says: probably right again.
fn known(service: &Service, key: Answer) -> Option<String> {
    match key {
        Answer::Name => Some(service.name.clone()),
        Answer::Category => service.categories.first().cloned(),
        Answer::Documentation => Some(service.documentation.to_string()),
        Answer::BaseUrl => {
            Some(service.api.base.as_str().to_owned()).filter(|base| !base.contains(['{', '}']))
        }
        Answer::Authentication => Some(service.authentication.as_str().to_owned()),
        Answer::Key | Answer::AuthorizationServer => None,
    }
}

/// What is answered, for people.
const fn words(key: Answer) -> &'static str {
    match key {
        Answer::Name => "Name",
        Answer::Key => {
            "Name in the API: lower case letters, digits and hyphens; “imported-” is put before it"
        }
        Answer::Category => "Category",
        Answer::Documentation => "Page about its API",
        Answer::BaseUrl => "URL that calls are joined to",
        Answer::Authentication => "How accounts prove themselves",
        Answer::AuthorizationServer => "Where people sign in",
    }
}
