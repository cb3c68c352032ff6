//! What the platform shows to those who may see most, to find out whether something has changed.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use crate::ProofError;
use crate::caller::{AppKind, Person};
use crate::client::Question;
use crate::declared::{Access, Surface};
use crate::people::SESSION_COOKIE;
use crate::requests::{self, Objects};
use crate::world::World;

/// Views asked for at the same time.
const AT_ONCE: usize = 6;
/// Fields that say when somebody was last seen, and the number of changes on the whole platform.
const BOOKKEEPING: [&str; 3] = ["lastSeenAt", "lastUsedAt", "policyVersion"];

/// Answers by who asked for what.
pub(crate) type Views = BTreeMap<String, Value>;

/// Asks for every JSON view of the proof's organizations, apps and people.
pub(crate) async fn look(world: &World) -> Result<Views, ProofError> {
    let mut questions = Vec::new();
    for endpoint in &world.declared.endpoints {
        let is_view = endpoint.surface == Surface::Platform && endpoint.is_safe() && !endpoint.page;
        let example = requests::example(endpoint)?;
        if !is_view || example.is_a_record || example.never_succeeds.is_some() {
            continue;
        }
        let mut viewers: Vec<(Person, &Objects)> = Vec::new();
        match &endpoint.access {
            Access::OwnAccount { .. } => {
                viewers.extend(Person::ALL.map(|person| (person, &world.other)));
            }
            Access::Roles { .. } => {
                viewers.push((Person::Owner, world.standing(AppKind::Organization)?));
                viewers.push((Person::Outsider, &world.other));
            }
            Access::AppRole { .. } => {
                for kind in AppKind::ALL {
                    viewers.push((Person::Editor, world.standing(kind)?));
                }
                viewers.push((Person::Outsider, &world.other));
            }
            Access::Public { .. }
            | Access::ServerSecret { .. }
            | Access::AppOrItsPage
            | Access::AgentToken => {}
        }
        for (person, objects) in viewers {
            let address = requests::address(endpoint, objects)?;
            let session = world.session(person).await?;
            let question = Question::new("GET", format!("{}{address}", world.platform()))
                .header("cookie", format!("{SESSION_COOKIE}={}", session.cookie));
            questions.push((format!("{address} as {}", person.name()), question));
        }
    }
    futures_util::stream::iter(questions)
        .map(|(name, question)| async move {
            let reply = world.client.ask(&question).await?;
            if reply.status != 200 {
                return Err(ProofError::Preparation {
                    what: name,
                    status: reply.status,
                    answer: reply.text(),
                });
            }
            let mut answer = reply.json();
            strip(&mut answer);
            Ok((name, answer))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// The views that are not what they were.
pub(crate) fn changed(before: &Views, after: &Views) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
