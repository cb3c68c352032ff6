//! The table of events.

use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectionTrait,
};
use time::OffsetDateTime;

use crate::{Actor, Event, Target};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub id: String,
    pub at: OffsetDateTime,
    pub organization_id: Option<String>,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub action: String,
    pub outcome: String,
    pub target_kind: String,
    pub target_id: Option<String>,
    pub request_id: Option<String>,
    pub decision_id: Option<String>,
    pub detail: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds one event.
pub async fn insert(connection: &impl ConnectionTrait, event: &Event) -> Result<(), DbErr> {
    let (actor_kind, actor_id) = match event.actor {
        Actor::Person(user) => ("person", Some(user.to_string())),
        Actor::App(app) => ("app", Some(app.to_string())),
        Actor::Agent(app, token) => ("agent", Some(format!("{app}/{token}"))),
        Actor::System => ("system", None),
    };
    let (target_kind, target_id) = target(&event.target);
    let row = ActiveModel {
        sequence: NotSet,
        id: Set(event.id.to_string()),
        at: Set(event.at),
        organization_id: Set(event.organization.map(|id| id.to_string())),
        actor_kind: Set(actor_kind.to_owned()),
        actor_id: Set(actor_id),
        action: Set(event.action.to_owned()),
        outcome: Set(event.outcome.as_str().to_owned()),
        target_kind: Set(target_kind.to_owned()),
        target_id: Set(target_id),
        request_id: Set(event.request.map(|id| id.to_string())),
        decision_id: Set(event.decision.map(|id| id.to_string())),
        detail: Set(event.detail.to_string()),
    };
    Entity::insert(row).exec_without_returning(connection).await?;
    Ok(())
}

fn target(target: &Target) -> (&'static str, Option<String>) {
    match target {
        Target::User(id) => ("user", Some(id.to_string())),
        Target::Session(id) => ("session", Some(id.to_string())),
        Target::SessionsOf(id) => ("sessions_of", Some(id.to_string())),
        Target::Organization(id) => ("organization", Some(id.to_string())),
        Target::Member(id) => ("member", Some(id.to_string())),
        Target::Invitation(id) => ("invitation", Some(id.to_string())),
        Target::Group(id) => ("group", Some(id.to_string())),
        Target::App(id) => ("app", Some(id.to_string())),
        Target::Grant(app, user) => ("grant", Some(format!("{app}/{user}"))),
        Target::PathRule(app, rule) => ("path_rule", Some(format!("{app}/{rule}"))),
        Target::ServerSecret(app, secret) => ("server_secret", Some(format!("{app}/{secret}"))),
        Target::AgentToken(app, token) => ("agent_token", Some(format!("{app}/{token}"))),
        Target::ApiToken(id) => ("api_token", Some(id.to_string())),
        Target::SigningKey(id) => ("signing_key", Some(id.to_string())),
        Target::Platform => ("platform", None),
    }
}
