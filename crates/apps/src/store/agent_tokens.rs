//! Agent tokens, as keyed hashes. A membership takes those that it issued with it (`ON DELETE CASCADE`).

use access_control::{Means, SignedIn};
use ids::{AgentTokenId, AppId};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::tables::agent_token;
use super::{is_foreign_key, read, unless};
use crate::{AgentToken, AgentTokenRecord, App, AppError};

const TABLE: &str = "agent_tokens";

/// The tokens of one app, oldest first.
pub async fn list(database: &impl ConnectionTrait, app: AppId) -> Result<Vec<AgentToken>, AppError> {
    let rows = agent_token::Entity::find()
        .filter(agent_token::Column::AppId.eq(app.to_string()))
        .order_by_asc(agent_token::Column::Id)
        .all(database)
        .await
        .map_err(AppError::Store)?;
    rows.into_iter().map(|row| assemble(&row)).collect()
}

/// Adds a token.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    app: &App,
    token: &AgentToken,
    hash: [u8; 32],
) -> Result<(), AppError> {
    let row = agent_token::ActiveModel {
        id: Set(token.id.to_string()),
        app_id: Set(app.id.to_string()),
        organization_id: Set(app.organization.to_string()),
        issued_by: Set(token.issued_by.user.to_string()),
        session_id: Set(token.issued_by.session.to_string()),
        hosted_domain: Set(token.issued_by.hosted_domain.as_deref().map(str::to_owned)),
        authenticated_at: Set(token.issued_by.authenticated_at),
        secret_hash: Set(hash.to_vec()),
        created_at: Set(token.created_at),
        expires_at: Set(token.expires_at),
    };
    agent_token::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(|error| unless(error, is_foreign_key, AppError::NotAMember))?;
    Ok(())
}

/// Removes a token.
pub async fn delete(transaction: &impl ConnectionTrait, id: AgentTokenId) -> Result<(), AppError> {
    agent_token::Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

fn assemble(row: &agent_token::Model) -> Result<AgentToken, AppError> {
    Ok(AgentToken {
        id: read(TABLE, &row.id)?,
        issued_by: SignedIn {
            user: read(TABLE, &row.issued_by)?,
            session: read(TABLE, &row.session_id)?,
            hosted_domain: row.hosted_domain.as_deref().map(Into::into),
            authenticated_at: row.authenticated_at,
            // No browser is at work here, whatever issued the token.
            means: Means::ApiToken,
        },
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}

pub(super) fn record(row: agent_token::Model) -> Result<AgentTokenRecord, AppError> {
    let token = assemble(&row)?;
    let hash = row.secret_hash.try_into().map_err(|_| AppError::Unreadable(TABLE))?;
    Ok(AgentTokenRecord { token, hash })
}
