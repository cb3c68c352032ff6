//! One custom API: made, looked at, changed and deleted on one form.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_control::{
    Action as _, ListApps, ListCustomApis, ManageCustomApis, Permit, ReadOrganization, Role, UsableBy,
};
use apps::App;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::{CustomApiId, Name, OrganizationId};
use integrations::{
    CustomApi, CustomApiAuthentication, CustomApiDefinition, GivenCredential, GivenCustomApi,
};
use maud::{Markup, html};
use schemars::JsonSchema;
use url::Url;

use super::{connecting, custom_apis, home, usable_by};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, minute, page};

/// A custom API.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct CustomApiFields {
    name: String,
    base_url: String,
    authentication: String,
    value: Option<String>,
    user: Option<String>,
    password: Option<String>,
    headers: Option<String>,
    usable_by: Option<String>,
    app: Option<String>,
    from_pages: Option<String>,
    version: Option<i64>,
}

/// What the form is shown with.
struct Form {
    organization: OrganizationId,
    role: Role,
    apps: Vec<App>,
    known: Option<CustomApi>,
    /// What was filled in, but for what proves calls.
    texts: BTreeMap<&'static str, String>,
}

/// `/organizations/{organization_id}/new-custom-api`
pub(crate) async fn new(
    console: Arc<Console>,
    permit: Permit<ManageCustomApis>,
    call: Call,
) -> Result<Answer, Problem> {
    let list = permit.also::<ListCustomApis>()?;
    Ok(Form::read(&console, &list, None, &call).await?.shown())
}

/// `/organizations/{organization_id}/custom-apis/{custom_api_id}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListCustomApis>,
    call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("custom_api_id")?;
    Ok(Form::read(&console, &permit, Some(id), &call).await?.shown())
}

/// Makes one.
pub(crate) async fn create(
    console: Arc<Console>,
    permit: Permit<ManageCustomApis>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let form = Form::read(&console, &permit.also::<ListCustomApis>()?, None, &call).await?.again(&fields);
    let made = async {
        let given = given(&mut fields)?;
        Ok::<_, Problem>(console.custom_apis.create(&permit, given, call.occasion()).await?)
    };
    match made.await {
        Ok(api) => Ok(Answer::see_other(&path(permit.organization(), api.id))),
        Err(problem) => form.refused(problem),
    }
}

/// Changes one.
pub(crate) async fn change(
    console: Arc<Console>,
    permit: Permit<ManageCustomApis>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let id: CustomApiId = call.path("custom_api_id")?;
    let form = Form::read(&console, &permit.also::<ListCustomApis>()?, Some(id), &call).await?.again(&fields);
    let changed = async {
        let (given, version) = (given(&mut fields)?, connecting::version(&fields)?);
        Ok::<_, Problem>(console.custom_apis.update(&permit, id, given, version, call.occasion()).await?)
    };
    match changed.await {
        Ok(_) => Ok(Answer::see_other(&path(permit.organization(), id))),
        Err(problem) => form.refused(problem),
    }
}

/// Deletes one.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageCustomApis>,
    call: Call,
) -> Result<Answer, Problem> {
    console.custom_apis.delete(&permit, call.path("custom_api_id")?, call.occasion()).await?;
    Ok(Answer::see_other(&format!("{}/custom-apis", home(permit.organization()))))
}

impl Form {
    async fn read(
        console: &Console,
        permit: &Permit<ListCustomApis>,
        id: Option<CustomApiId>,
        call: &Call,
    ) -> Result<Self, Problem> {
        let known = match id {
            Some(id) => Some(console.custom_apis.find(permit, id, call.now()).await?),
            None => None,
        };
        let apps = console.apps.list_visible(&permit.also::<ListApps>()?, call.now()).await?;
        let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?.id;
        let mut texts = BTreeMap::new();
        if let Some(api) = &known {
            let definition = &api.definition;
            let headers = definition.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
            texts.insert("name", definition.name.to_string());
            texts.insert("base_url", definition.base_url.to_string());
            texts.insert("authentication", definition.authentication.as_str().to_owned());
            texts.insert("headers", headers.collect());
        }
        Ok(Self { organization, role: permit.role(), apps, known, texts })
    }

    /// The same with what somebody filled in.
    fn again(mut self, fields: &Fields) -> Self {
        for name in ["name", "base_url", "authentication", "headers"] {
            self.texts.insert(name, fields.lines(name));
        }
        self
    }

    fn title(&self) -> &str {
        self.known.as_ref().map_or("New custom API", |api| api.definition.name.as_str())
    }

    fn shown(&self) -> Answer {
        page(self.title(), &self.content())
    }

    fn refused(&self, problem: Problem) -> Result<Answer, Problem> {
        // What is not there is no matter of this page.
        if problem.status() == StatusCode::NOT_FOUND {
            return Err(problem);
        }
        again(problem, self.title(), &self.content())
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn content(&self) -> Markup {
        let home = home(self.organization);
        let definition = self.known.as_ref().map(|api| &api.definition);
        let every_app = UsableBy::EveryApp;
        let (apps, from_pages) = definition
            .map_or((&every_app, false), |definition| (&definition.usable_by, definition.from_pages));
        html! {
            @if let Some(api) = &self.known {
                dl id="custom-api" {
                    dt { "Identifier, for apps" } dd { code { (api.id) } }
                    dt { "Base URL" } dd { (api.definition.base_url) }
                    dt { "Calls are proved by" } dd { (custom_apis::words(api.definition.authentication)) }
                    dt { "Usable by" } dd { (usable_by::shown(&self.apps, apps, from_pages)) }
                    dt { "Changed" } dd { (minute(api.updated_at)) ", version " (api.version) }
                }
            }
            @if ManageCustomApis::RULE.contains(&self.role) {
                form method="post" action=(self.action()) autocomplete="off" {
                    @if let Some(api) = &self.known { input type="hidden" name="version" value=(api.version); }
                    (self.line("name", "Name"))
                    (self.line("base_url", "Base URL, such as https://api.example.com/v1"))
                    label {
                        "Calls are proved by"
                        select name="authentication" {
                            @for known in CustomApiAuthentication::ALL {
                                option value=(known.as_str()) selected[self.text("authentication") == known.as_str()] { (custom_apis::words(known)) }
                            }
                        }
                    }
                    @if self.known.is_some() { p.quiet { "Left empty, what is stored stays, as long as base URL and kind do." } }
                    label { "Key or token" input type="password" name="value" autocomplete="off" spellcheck="false"; }
                    label { "User name" input name="user" autocomplete="off" spellcheck="false"; }
                    label { "Password" input type="password" name="password" autocomplete="off" spellcheck="false"; }
                    label {
                        "Headers of every call, one in a line; no secrets"
                        textarea name="headers" rows="3" spellcheck="false" placeholder="Accept: application/json" { (self.text("headers")) }
                    }
                    (usable_by::fields(&self.apps, apps, from_pages))
                    button type="submit" { @if self.known.is_some() { "Save" } @else { "Add the custom API" } }
                }
                @if self.known.is_some() {
                    details {
                        summary { "Delete" }
                        form method="post" action={ (self.action().trim_end_matches("/edit")) "/delete" } {
                            p { "Apps that call it fail from then on." }
                            button.bad type="submit" { "Delete " (self.title()) }
                        }
                    }
                }
            }
            p { a href={ (home) "/custom-apis" } { "Custom APIs" } }
        }
    }

    /// Where the form goes.
    fn action(&self) -> String {
        match &self.known {
            Some(api) => format!("{}/edit", path(self.organization, api.id)),
            None => format!("{}/custom-apis", home(self.organization)),
        }
    }

    fn line(&self, name: &str, label: &str) -> Markup {
        html! {
            label {
                (label)
                input name=(name) value=(self.text(name)) required maxlength="2048" autocomplete="off" spellcheck="false";
            }
        }
    }
}

fn path(organization: OrganizationId, id: CustomApiId) -> String {
    format!("{}/custom-apis/{id}", home(organization))
}

fn given(fields: &mut Fields) -> Result<GivenCustomApi, Problem> {
    let invalid = |detail: &str| Problem::invalid("invalid_custom_api", detail.to_owned());
    let credential = GivenCredential {
        value: fields.take_secret("value"),
        user: Some(fields.text("user").to_owned()).filter(|user| !user.is_empty()),
        password: fields.take_secret("password"),
    };
    let name = fields.text("name").parse::<Name>();
    let name = name.map_err(|error| invalid(&endpoint::sentence(&error)))?;
    let base_url = Url::parse(fields.text("base_url"));
    let base_url = base_url.map_err(|_| invalid("The base URL is no URL."))?;
    let kind = fields.text("authentication");
    let authentication = CustomApiAuthentication::ALL.into_iter().find(|known| known.as_str() == kind);
    let authentication = authentication.ok_or_else(|| invalid("Choose what the form offers."))?;
    let (usable_by, from_pages) = usable_by::given(fields)?;
    let mut headers = BTreeMap::new();
    for line in fields.lines("headers").lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid("A header is a name, a colon and a value, one in a line."))?;
        headers.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    let definition = CustomApiDefinition { name, base_url, authentication, headers, usable_by, from_pages };
    Ok(GivenCustomApi { definition, credential })
}
