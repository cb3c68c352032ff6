//! Every endpoint as every kind of caller.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::caller::Caller;
use crate::client::{Question, Reply};
use crate::declared::{Endpoint, Surface};
use crate::expectation::{Expected, expected};
use crate::requests::{self, Objects};
use crate::views;
use crate::world::World;
use crate::{ProofError, Report, Target, Witness, document};

/// What a JSON reader cannot make sense of: access has to be decided before anybody tries.
const GARBAGE: (&str, &str) = ("application/json", "{\"garbage\": [1,");
/// Refused requests sent at the same time.
const AT_ONCE: usize = 6;

/// Asks the whole matrix.
#[derive(Debug)]
pub enum Matrix {}

impl Matrix {
    /// Makes organizations of its own, asks everything, compares, and deletes what it made. `written` is the
    /// document to compare with.
    ///
    /// # Errors
    /// Something could not be asked at all. What is answered otherwise than declared is in the report.
    pub async fn run(
        target: &Target,
        written: Option<&str>,
        witness: Option<&dyn Witness>,
    ) -> Result<Report, ProofError> {
        let world = World::make(target).await?;
        let mut asking = Asking { world: &world, witness, report: Report::default() };
        let result = asking.everything(written, target.until_first).await;
        let mut report = asking.report;
        for slug in world.clear().await {
            report.not_asked.push(format!("organization {slug} could not be deleted and stays"));
        }
        result.map(|()| report)
    }
}

struct Asking<'a> {
    world: &'a World,
    witness: Option<&'a dyn Witness>,
    report: Report,
}

impl Asking<'_> {
    async fn everything(&mut self, written: Option<&str>, until_first: bool) -> Result<(), ProofError> {
        let endpoints = &self.world.declared.endpoints;
        if let Some(written) = written {
            let fresh = document::render(endpoints);
            self.report.differences.extend(document::compare(&fresh, written));
        }
        let asked: Vec<&Endpoint> =
            endpoints.iter().filter(|endpoint| self.world.origin(endpoint.surface).is_some()).collect();
        for endpoint in endpoints.iter().filter(|endpoint| self.world.origin(endpoint.surface).is_none()) {
            self.report.not_asked.push(format!("{endpoint}: where the admin listener is was not said"));
        }
        let of_apps: Vec<&Endpoint> =
            asked.iter().copied().filter(|endpoint| endpoint.is_about_an_app()).collect();
        self.report.endpoints = endpoints.len();
        self.report.callers = Caller::ALL.len();
        self.report.app_endpoints = of_apps.len();
        self.report.callers_by_level = Caller::BY_LEVEL.len();
        self.undeclared().await?;
        // Refused calls first, while everybody is who they are called.
        let columns = || {
            let all = Caller::ALL.iter().map(|caller| (caller, &asked));
            all.chain(Caller::BY_LEVEL.iter().map(|caller| (caller, &of_apps)))
        };
        for (caller, endpoints) in columns() {
            match self.world.prepare(caller).await? {
                None => self.refused(endpoints, caller).await?,
                Some(reason) => self.report.not_asked.push(format!("{}: {reason}", caller.name())),
            }
            if until_first && !self.report.is_clean() {
                return Ok(());
            }
        }
        for (caller, endpoints) in columns() {
            if self.world.prepare(caller).await?.is_some() {
                continue;
            }
            for endpoint in endpoints {
                if expected(endpoint, caller) == Expected::Allowed {
                    self.allowed(endpoint, caller).await?;
                }
            }
        }
        self.without_success(&asked);
        Ok(())
    }

    /// What nobody declared is not answered.
    async fn undeclared(&mut self) -> Result<(), ProofError> {
        for path in ["/no-such-page", "/api/v1/no-such-thing", "/api/v1/organizations/", "/.well-known/x"] {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let question = Question::new(method, format!("{}{path}", self.world.platform()));
                let reply = self.world.client.ask(&question).await?;
                if !matches!(reply.status, 404 | 405) {
                    let line = format!("{method} {path} is declared nowhere and answers {}", reply.status);
                    self.report.differences.push(line);
                }
            }
        }
        Ok(())
    }

    /// Asks what a caller may not: each gets its status, and nothing changes.
    async fn refused(&mut self, endpoints: &[&Endpoint], caller: &Caller) -> Result<(), ProofError> {
        let world = self.world;
        let objects = world.standing(caller.app)?;
        let mut questions = Vec::new();
        for endpoint in endpoints {
            let Expected::Status(status) = expected(endpoint, caller) else { continue };
            self.report.cells += 1;
            let broken = (GARBAGE.0, GARBAGE.1.to_owned());
            let names = world.named(objects);
            let good = requests::body(requests::example(endpoint)?, &names)?;
            let bodies = [Some((broken, "")), good.map(|body| (body, " with a good body"))];
            for (body, with) in bodies.into_iter().flatten() {
                questions.push((
                    *endpoint,
                    self.question(endpoint, caller, objects, Some(body)).await?,
                    status,
                    with,
                ));
            }
        }
        let views_before = views::look(world).await?;
        let contents_before = self.contents().await?;
        let answers: Vec<Option<String>> = futures_util::stream::iter(questions)
            .map(|(endpoint, question, status, with)| async move {
                let got = world.client.ask(&question).await?.status;
                let wanted = format!("{status}{with}");
                Ok::<_, ProofError>((got != status).then(|| difference(endpoint, caller, &wanted, got)))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        self.report.differences.extend(answers.into_iter().flatten());
        let because = format!("changed although everything was refused ({})", caller.name());
        for view in views::changed(&views_before, &views::look(world).await?) {
            self.report.differences.push(format!("{view} {because}"));
        }
        let contents = self.contents().await?;
        for row in contents_before.difference(&contents) {
            self.report.differences.push(format!("stored before: {row} {because}"));
        }
        for row in contents.difference(&contents_before) {
            self.report.differences.push(format!("stored now: {row} {because}"));
        }
        Ok(())
    }

    /// Asks what a caller may: it succeeds, and what was done is in the audit trail.
    async fn allowed(&mut self, endpoint: &Endpoint, caller: &Caller) -> Result<(), ProofError> {
        let world = self.world;
        let example = requests::example(endpoint)?;
        let ends =
            example.ends_sessions && caller.person.is_some_and(|who| !world.people.can_sign_in_again(who));
        if ends {
            let line = format!("{endpoint} as {}: it would end the last session given", caller.name());
            self.report.not_asked.push(line);
            return Ok(());
        }
        self.report.cells += 1;
        let is_changing = !endpoint.is_safe() && !endpoint.is_public();
        // What is somebody's own is nobody else's to look at.
        let is_own = ["{own_secret_id}", "{own_account_id}"].iter().any(|own| endpoint.path.contains(own));
        let objects = if is_changing || is_own {
            world.fresh(endpoint, caller).await?
        } else {
            world.standing(caller.app)?.clone()
        };
        let objects = world.named(&objects);
        let body = requests::body(example, &objects)?;
        if is_changing && body.is_some() {
            let broken = Some((GARBAGE.0, GARBAGE.1.to_owned()));
            let question = self.question(endpoint, caller, &objects, broken).await?;
            let before = self.contents().await?;
            let got = world.client.ask(&question).await?.status;
            if !matches!(got, 400 | 415 | 422) {
                self.differs(endpoint, caller, "400, 415 or 422 for garbage", got);
            }
            if self.contents().await? != before {
                self.differs(endpoint, caller, "no change by garbage", got);
            }
        }
        if example.never_succeeds.is_some() {
            let got = self.ask(endpoint, caller, &objects, None).await?.status;
            if is_refusal(got) {
                self.differs(endpoint, caller, "no refusal", got);
            }
            return Ok(());
        }
        let events = self.events(endpoint).await?;
        let reply = self.ask(endpoint, caller, &objects, body.clone()).await?;
        if example.may_be_absent && reply.status == 404 {
            self.report.not_asked.push(format!("{endpoint} as {}: not configured there", caller.name()));
            return Ok(());
        }
        let has_to_succeed = !endpoint.is_public() && (body.is_some() || endpoint.is_safe());
        if is_refusal(reply.status) || has_to_succeed && !reply.is_success() {
            self.differs(
                endpoint,
                caller,
                if has_to_succeed { "success" } else { "no refusal" },
                reply.status,
            );
        }
        let leaves_event = is_changing && !example.changes_nothing && self.witness.is_some();
        if leaves_event && reply.is_success() && self.events(endpoint).await? <= events {
            self.differs(endpoint, caller, "an audit event", reply.status);
        }
        world.restore(endpoint, caller, &reply, &objects).await
    }

    /// Endpoints that nobody succeeded with, so that their `yes` proves nothing.
    fn without_success(&mut self, endpoints: &[&Endpoint]) {
        let succeeded = self.world.client.succeeded();
        for endpoint in endpoints {
            let is_this = |origin: &str| match endpoint.surface {
                // Several hosts, none of which is one of the others.
                Surface::AppHosts => ![Surface::Platform, Surface::Admin, Surface::DevelopmentIssuer]
                    .iter()
                    .any(|other| self.world.origin(*other) == Some(origin)),
                surface => self.world.origin(surface) == Some(origin),
            };
            let was_reached = succeeded.iter().any(|(method, origin, path)| {
                *method == endpoint.method && is_this(origin) && matches(&endpoint.path, path)
            });
            let exempt = requests::example(endpoint)
                .is_ok_and(|example| example.never_succeeds.is_some() || example.may_be_absent);
            if !was_reached && !exempt {
                self.report.differences.push(format!("{endpoint}: nobody succeeded"));
            }
        }
    }

    async fn question(
        &self,
        endpoint: &Endpoint,
        caller: &Caller,
        objects: &Objects,
        body: Option<(&'static str, String)>,
    ) -> Result<Question, ProofError> {
        let origin = self.world.origin(endpoint.surface).unwrap_or_default();
        let url = format!("{origin}{}", requests::address(endpoint, objects)?);
        let mut question = Question::new(&endpoint.method, url);
        question.headers = self.world.headers(caller, endpoint).await?;
        question.body = body.filter(|_| !endpoint.is_safe());
        Ok(question)
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        caller: &Caller,
        objects: &Objects,
        body: Option<(&'static str, String)>,
    ) -> Result<Reply, ProofError> {
        self.world.client.ask(&self.question(endpoint, caller, objects, body).await?).await
    }

    async fn contents(&self) -> Result<BTreeSet<String>, ProofError> {
        match self.witness {
            Some(witness) => Ok(witness.contents().await?.into_iter().collect()),
            None => Ok(BTreeSet::new()),
        }
    }

    async fn events(&self, endpoint: &Endpoint) -> Result<u64, ProofError> {
        let action = requests::example(endpoint)?.recorded_as.unwrap_or(&endpoint.action);
        match self.witness {
            Some(witness) => witness.events(action).await,
            None => Ok(0),
        }
    }

    fn differs(&mut self, endpoint: &Endpoint, caller: &Caller, wanted: &str, got: u16) {
        self.report.differences.push(difference(endpoint, caller, wanted, got));
    }
}

const fn is_refusal(status: u16) -> bool {
    matches!(status, 401 | 403 | 404) || status >= 500
}

fn difference(endpoint: &Endpoint, caller: &Caller, wanted: &str, got: u16) -> String {
    format!("{endpoint} as {}: expected {wanted}, got {got}", caller.name())
}

/// Whether a path is one of a pattern's.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(wanted, segment)| wanted.starts_with('{') || wanted == segment)
}
