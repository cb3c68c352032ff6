//! How an endpoint is declared. There is no default for access.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use access_control::{Action, Check, Permit, Rule, Scope};
use actix_http::{Method, StatusCode};
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;

use crate::description::{Body, Content, Description, Outcome, schema_of};
use crate::gate::permit;
use crate::object::ObjectFromPath;
use crate::{Allowance, Answer, Call, Gate, Problem};

/// Which hosts an endpoint answers on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The platform's host.
    Platform,
    /// Every app host, below `/.vybe/`.
    AppHosts,
    /// The admin listener.
    Admin,
    /// The development identity provider's host.
    DevelopmentIssuer,
}

impl Surface {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Platform, Self::AppHosts, Self::Admin, Self::DevelopmentIssuer];
}

/// Whose pages may call an endpoint that reads the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Only the platform's own pages. App code on a sibling host is not trusted.
    Platform,
    /// Also pages of an app that the person may open, with credentialed CORS for exactly that origin.
    AppsToo,
}

pub(crate) type Handler =
    Arc<dyn Fn(Gate, Call) -> LocalBoxFuture<'static, Result<Answer, Problem>> + Send + Sync>;

/// One endpoint, complete.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) declaration: Declaration,
    pub(crate) action: &'static str,
    pub(crate) rule: Rule,
    pub(crate) description: Description,
    pub(crate) handler: Handler,
}

/// An endpoint that does not say yet what it requires.
#[derive(Clone, Debug)]
pub struct Declaration {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) surface: Surface,
    pub(crate) origins: Origins,
    pub(crate) page: bool,
    pub(crate) sign_in: bool,
}

/// An endpoint that says what it requires, and not yet what it does.
pub struct Guarded<A, Answers = Unsaid> {
    declaration: Declaration,
    description: Description,
    said: PhantomData<fn() -> (A, Answers)>,
}

/// Nobody has said yet what a request gets when it succeeds.
#[derive(Debug)]
pub enum Unsaid {}

/// What a request gets when it succeeds has been said.
#[derive(Debug)]
pub enum Said {}

impl Endpoint {
    /// `GET`, which also answers `HEAD`.
    #[must_use]
    pub fn get(path: &'static str, name: &'static str) -> Declaration {
        Declaration::new(Method::GET, path, name)
    }

    /// `POST`.
    #[must_use]
    pub fn post(path: &'static str, name: &'static str) -> Declaration {
        Declaration::new(Method::POST, path, name)
    }

    /// `PUT`.
    #[must_use]
    pub fn put(path: &'static str, name: &'static str) -> Declaration {
        Declaration::new(Method::PUT, path, name)
    }

    /// `PATCH`.
    #[must_use]
    pub fn patch(path: &'static str, name: &'static str) -> Declaration {
        Declaration::new(Method::PATCH, path, name)
    }

    /// `DELETE`.
    #[must_use]
    pub fn delete(path: &'static str, name: &'static str) -> Declaration {
        Declaration::new(Method::DELETE, path, name)
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.declaration.method
    }

    /// Its path pattern.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.declaration.path
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }

    /// Where it answers.
    #[must_use]
    pub fn surface(&self) -> Surface {
        self.declaration.surface
    }

    /// Whose pages may call it.
    #[must_use]
    pub fn origins(&self) -> Origins {
        self.declaration.origins
    }

    /// Whether it is a page for people.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.declaration.page
    }

    /// The action it requires.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Who may do that action.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether it takes a JSON body.
    #[must_use]
    pub fn takes_json(&self) -> bool {
        matches!(self.description.body, Some(Body::Json(_) | Body::JsonOrMultipart(_)))
    }
}

impl Declaration {
    fn new(method: Method, path: &'static str, name: &'static str) -> Self {
        Self {
            method,
            path,
            name,
            surface: Surface::Platform,
            origins: Origins::Platform,
            page: false,
            sign_in: false,
        }
    }

    /// Answers somewhere else than on the platform's host.
    #[must_use]
    pub fn on(mut self, surface: Surface) -> Self {
        self.surface = surface;
        self
    }

    /// Pages of apps may call it, too.
    #[must_use]
    pub fn open_to_app_origins(mut self) -> Self {
        self.origins = Origins::AppsToo;
        self
    }

    /// Is a page for people: a browser that navigates to it without a session is sent to sign in and
    /// comes back.
    #[must_use]
    pub fn page(mut self) -> Self {
        self.page = true;
        self
    }

    /// Is a step of a sign-in, and counted as one.
    #[must_use]
    pub fn sign_in_step(mut self) -> Self {
        self.sign_in = true;
        self
    }

    /// What its requests are counted as when they are nobody's. On the operator's own network nothing is counted.
    fn anonymous(&self) -> Option<Allowance> {
        match self.surface {
            Surface::Admin | Surface::DevelopmentIssuer => None,
            Surface::Platform | Surface::AppHosts if self.sign_in => Some(Allowance::SignIn),
            Surface::Platform | Surface::AppHosts => Some(Allowance::Anonymous),
        }
    }

    /// Says which action it is. There is no endpoint without one.
    #[must_use]
    pub fn requires<A: Action>(self) -> Guarded<A> {
        Guarded { declaration: self, description: Description::default(), said: PhantomData }
    }
}

impl<A, Answers> Guarded<A, Answers> {
    /// Describes the JSON body it takes.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.description.body = Some(Body::Json(schema_of::<T>));
        self
    }

    /// Describes the JSON body it takes, which may also come as the field `params` of a form with files.
    #[must_use]
    pub fn takes_with_files<T: JsonSchema>(mut self) -> Self {
        self.description.body = Some(Body::JsonOrMultipart(schema_of::<T>));
        self
    }

    /// Describes the HTML form it takes.
    #[must_use]
    pub fn takes_form<T: JsonSchema>(mut self) -> Self {
        self.description.body = Some(Body::Form(schema_of::<T>));
        self
    }

    /// Describes the HTML form it takes, which may have a file.
    #[must_use]
    pub fn takes_form_with_file<T: JsonSchema>(mut self) -> Self {
        self.description.body = Some(Body::FormWithFile(schema_of::<T>));
        self
    }

    /// Describes the parameters of its query, one for each field. Any other is refused, except where the
    /// answer is a page or a redirect.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.description.query = Some(schema_of::<T>);
        self
    }

    /// Names the problems it can give besides those that follow from what is declared otherwise: those of
    /// malformed requests, credentials, access, bodies, and of a platform that cannot answer.
    #[must_use]
    pub fn refuses(mut self, statuses: &[StatusCode]) -> Self {
        self.description.refusals.extend(statuses);
        self
    }

    /// Answers JSON of this type.
    #[must_use]
    pub fn gives<T: JsonSchema>(self, status: StatusCode) -> Guarded<A, Said> {
        self.ends(status, Content::Json(schema_of::<T>))
    }

    /// Answers 204.
    #[must_use]
    pub fn gives_nothing(self) -> Guarded<A, Said> {
        self.ends(StatusCode::NO_CONTENT, Content::Nothing)
    }

    /// Answers an HTML page.
    #[must_use]
    pub fn gives_page(self) -> Guarded<A, Said> {
        self.gives_media("text/html")
    }

    /// Answers something else than JSON, by its media type.
    #[must_use]
    pub fn gives_media(self, media_type: &'static str) -> Guarded<A, Said> {
        self.ends(StatusCode::OK, Content::Media(media_type))
    }

    /// Answers a redirect.
    #[must_use]
    pub fn leads_elsewhere(self, status: StatusCode) -> Guarded<A, Said> {
        self.ends(status, Content::Elsewhere)
    }

    fn ends(mut self, status: StatusCode, content: Content) -> Guarded<A, Said> {
        self.description.outcomes.push(Outcome { status, content });
        Guarded { declaration: self.declaration, description: self.description, said: PhantomData }
    }
}

impl<A> Guarded<A, Said>
where
    A: Action,
    A::Scope: Check + ObjectFromPath,
{
    /// Says what it does, once permitted. How it answers has to be said before.
    #[must_use]
    pub fn answers<S, F, R>(self, state: S, handler: F) -> Endpoint
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, Permit<A>, Call) -> R + Send + Sync + Copy + 'static,
        R: Future<Output = Result<Answer, Problem>> + 'static,
    {
        let (origins, anonymous) = (self.declaration.origins, self.declaration.anonymous());
        // Code that existing apps carry may send more than is read here.
        let strict = origins == Origins::Platform;
        let parameters = strict.then(|| self.description.only_parameters()).flatten().map(Arc::new);
        Endpoint {
            declaration: self.declaration,
            action: A::NAME,
            rule: A::Scope::describe(A::RULE),
            description: self.description,
            handler: Arc::new(move |gate, call| {
                let state = state.clone();
                let parameters = parameters.clone();
                Box::pin(async move {
                    let (permit, call, attempt) = permit::<A>(&gate, call, origins, anonymous).await?;
                    if let Some(known) = parameters {
                        call.has_only(&known)?;
                    }
                    handler(state, permit, call).await.map_err(|problem| attempt.refused(&gate, problem))
                })
            }),
        }
    }
}
