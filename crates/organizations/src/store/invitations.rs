//! The table of invitations.

use ids::{EmailAddress, InvitationId, OrganizationId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany,
};
use time::OffsetDateTime;

use super::read;
use super::tables::invitation;
use crate::{Delivery, Invitation, OrganizationError};

fn invitation(row: &invitation::Model) -> Result<Invitation, OrganizationError> {
    Ok(Invitation {
        id: read("invitations", &row.id)?,
        organization: read("invitations", &row.organization_id)?,
        email: read("invitations", &row.email)?,
        role: read("invitations", &row.role)?,
        invited_by: read("invitations", &row.invited_by)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        accepted_at: row.accepted_at,
        revoked_at: row.revoked_at,
        last_delivery: row.last_delivery.as_deref().map(|text| read("invitations", text)).transpose()?,
    })
}

pub async fn insert(
    transaction: &impl ConnectionTrait,
    invitation: &Invitation,
    token_hash: Vec<u8>,
) -> Result<(), OrganizationError> {
    let row = invitation::ActiveModel {
        id: Set(invitation.id.to_string()),
        organization_id: Set(invitation.organization.to_string()),
        email: Set(invitation.email.to_string()),
        role: Set(invitation.role.to_string()),
        token_hash: Set(token_hash),
        invited_by: Set(invitation.invited_by.to_string()),
        created_at: Set(invitation.created_at),
        expires_at: Set(invitation.expires_at),
        accepted_at: Set(None),
        revoked_at: Set(None),
        last_delivery: Set(None),
    };
    invitation::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}

/// Neither accepted nor revoked. Whether it has expired is decided elsewhere.
fn pending(organization: OrganizationId) -> Select<invitation::Entity> {
    invitation::Entity::find()
        .filter(invitation::Column::OrganizationId.eq(organization.to_string()))
        .filter(invitation::Column::AcceptedAt.is_null())
        .filter(invitation::Column::RevokedAt.is_null())
}

/// At most so many pending invitations after (older than) this one, newest first.
pub async fn list(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Option<InvitationId>,
    most: usize,
) -> Result<Vec<Invitation>, OrganizationError> {
    let mut query = pending(organization).order_by_desc(invitation::Column::Id).limit(most as u64);
    if let Some(after) = after {
        query = query.filter(invitation::Column::Id.lt(after.to_string()));
    }
    let rows = query.all(connection).await.map_err(OrganizationError::Store)?;
    rows.iter().map(invitation).collect()
}

/// Gives a pending invitation another secret, end and inviter. What became of the letter is open again.
pub async fn renew(
    transaction: &impl ConnectionTrait,
    renewed: &Invitation,
    token_hash: Vec<u8>,
) -> Result<(), OrganizationError> {
    let update = invitation::Entity::update_many()
        .col_expr(invitation::Column::TokenHash, Expr::value(token_hash))
        .col_expr(invitation::Column::ExpiresAt, Expr::value(renewed.expires_at))
        .col_expr(invitation::Column::InvitedBy, Expr::value(renewed.invited_by.to_string()))
        .col_expr(invitation::Column::LastDelivery, Expr::value(None::<String>))
        .filter(invitation::Column::Id.eq(renewed.id.to_string()));
    run(transaction, update).await?;
    Ok(())
}

/// Says what became of the letter with this secret; `false` when another one is on its way by now.
pub async fn set_delivery(
    transaction: &impl ConnectionTrait,
    id: InvitationId,
    token_hash: Vec<u8>,
    delivery: Delivery,
) -> Result<bool, OrganizationError> {
    let update = invitation::Entity::update_many()
        .col_expr(invitation::Column::LastDelivery, Expr::value(delivery.as_str()))
        .filter(invitation::Column::Id.eq(id.to_string()))
        .filter(invitation::Column::TokenHash.eq(token_hash));
    Ok(run(transaction, update).await? == 1)
}

pub async fn find(
    connection: &impl ConnectionTrait,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<Option<Invitation>, OrganizationError> {
    let row = pending(organization)
        .filter(invitation::Column::Id.eq(id.to_string()))
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?;
    row.as_ref().map(invitation).transpose()
}

pub async fn by_token(
    connection: &impl ConnectionTrait,
    token_hash: Vec<u8>,
) -> Result<Option<Invitation>, OrganizationError> {
    let row = invitation::Entity::find()
        .filter(invitation::Column::TokenHash.eq(token_hash))
        .one(connection)
        .await
        .map_err(OrganizationError::Store)?;
    row.as_ref().map(invitation).transpose()
}

/// Takes back every pending invitation of this address.
pub async fn revoke_for(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    email: &EmailAddress,
    at: OffsetDateTime,
) -> Result<u64, OrganizationError> {
    let update = end(invitation::Column::RevokedAt, at)
        .filter(invitation::Column::OrganizationId.eq(organization.to_string()))
        .filter(invitation::Column::Email.eq(email.as_str()));
    run(transaction, update).await
}

/// Takes it back, if it is pending.
pub async fn revoke(
    transaction: &impl ConnectionTrait,
    id: InvitationId,
    at: OffsetDateTime,
) -> Result<bool, OrganizationError> {
    let update = end(invitation::Column::RevokedAt, at).filter(invitation::Column::Id.eq(id.to_string()));
    Ok(run(transaction, update).await? == 1)
}

/// Uses it up, if it is pending. Only one of two attempts gets `true`.
pub async fn accept(
    transaction: &impl ConnectionTrait,
    id: InvitationId,
    at: OffsetDateTime,
) -> Result<bool, OrganizationError> {
    let update = end(invitation::Column::AcceptedAt, at).filter(invitation::Column::Id.eq(id.to_string()));
    Ok(run(transaction, update).await? == 1)
}

fn end(column: invitation::Column, at: OffsetDateTime) -> UpdateMany<invitation::Entity> {
    invitation::Entity::update_many()
        .col_expr(column, Expr::value(at))
        .filter(invitation::Column::AcceptedAt.is_null())
        .filter(invitation::Column::RevokedAt.is_null())
}

async fn run(
    transaction: &impl ConnectionTrait,
    update: UpdateMany<invitation::Entity>,
) -> Result<u64, OrganizationError> {
    Ok(update.exec(transaction).await.map_err(OrganizationError::Store)?.rows_affected)
}
