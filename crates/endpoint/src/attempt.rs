//! Who tries to do what: what the audit trail says when it is refused.

use access_control::{Action, Facts, Principal};
use actix_http::StatusCode;
use audit::{Actor, Event, Target};
use ids::{DecisionId, OrganizationId, RequestId, UserId};
use serde_json::json;

use crate::object::ObjectFromPath;
use crate::{Call, Gate, Problem};

/// One call, as far as it is known when it is refused.
pub(crate) struct Attempt {
    who: Who,
    action: &'static str,
    target: Target,
    endpoint: String,
    request: RequestId,
}

/// Who calls, and where what is refused to them is recorded.
#[derive(Clone, Copy)]
enum Who {
    Nobody,
    Person(UserId),
    /// An app or its agent, of this organization.
    Program(Actor, OrganizationId),
}

impl Attempt {
    pub(crate) fn new<A>(principal: Option<&Principal>, call: &Call) -> Self
    where
        A: Action,
        A::Scope: ObjectFromPath,
    {
        let who = match principal {
            None => Who::Nobody,
            Some(Principal::User(person)) => Who::Person(person.user),
            Some(Principal::App(credential)) => {
                Who::Program(Actor::App(credential.app), credential.organization)
            }
            Some(Principal::Page(page)) => Who::Person(page.person.user),
            Some(Principal::Agent(credential)) => {
                Who::Program(Actor::Agent(credential.app, credential.token), credential.organization)
            }
        };
        let target = match principal {
            // The request names no app: the page is of one.
            Some(Principal::Page(page)) => Target::App(page.app),
            _ => A::Scope::object(call).map_or(Target::Platform, A::Scope::target),
        };
        Self {
            who,
            action: A::NAME,
            target,
            endpoint: format!(
                "{} {}",
                call.request.method(),
                call.request.match_pattern().unwrap_or_default()
            ),
            request: call.id,
        }
    }

    /// Before the handler every 404 is a decision, too: nobody is told which.
    pub(crate) fn refused_at_the_gate(&self, gate: &Gate, problem: Problem) -> Problem {
        if problem.status() == StatusCode::NOT_FOUND {
            self.record(gate, problem)
        } else {
            self.refused(gate, problem)
        }
    }

    /// A use case decides as well, where the body names what is to be done; its 404 only says that
    /// something is not there.
    pub(crate) fn refused(&self, gate: &Gate, problem: Problem) -> Problem {
        match problem.status() {
            StatusCode::FORBIDDEN => self.record(gate, problem),
            StatusCode::UNAUTHORIZED => {
                gate.refusals.count_unauthenticated();
                problem
            }
            _ => problem,
        }
    }

    fn record(&self, gate: &Gate, problem: Problem) -> Problem {
        let actor = match self.who {
            Who::Nobody => return problem,
            Who::Person(user) => Actor::Person(user),
            Who::Program(actor, _) => actor,
        };
        let decision = DecisionId::generate();
        let event = Event::refused(actor, self.action, self.target)
            .in_request(self.request)
            .decided(decision)
            .with(json!({
                "endpoint": self.endpoint,
                "status": problem.status().as_u16(),
                "reason": problem.code(),
            }));
        gate.refusals.record(match self.chain(&*gate.facts) {
            Some(organization) => event.of(organization),
            None => event,
        });
        problem.decided(decision)
    }

    /// The organization whose trail this belongs in. A stranger writes into no organization's trail:
    /// what a person tries outside of their organizations stands in the platform's.
    fn chain(&self, facts: &dyn Facts) -> Option<OrganizationId> {
        let user = match self.who {
            Who::Nobody => return None,
            Who::Program(_, organization) => return Some(organization),
            Who::Person(user) => user,
        };
        let organization = match self.target {
            Target::Organization(id) => id,
            Target::App(id) => facts.app(id).ok()??.organization,
            _ => return None,
        };
        facts.organization(organization).ok()??.members.contains_key(&user).then_some(organization)
    }
}
