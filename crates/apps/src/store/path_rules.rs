//! Path rules. Methods and subjects are kept as JSON arrays: they are only ever read with their rule.

use std::collections::BTreeSet;

use access_control::{PathRule, SignInAge, Subject};
use ids::{AppId, GroupId, OrganizationId, PathRuleId, UserId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};
use serde::Serialize;
use time::OffsetDateTime;

use super::read;
use super::tables::{app, group, path_rule};
use crate::AppError;

const TABLE: &str = "path_rules";

/// The rules of one app, oldest first.
pub async fn list(database: &impl ConnectionTrait, app: AppId) -> Result<Vec<PathRule>, AppError> {
    let rows = path_rule::Entity::find()
        .filter(path_rule::Column::AppId.eq(app.to_string()))
        .order_by_asc(path_rule::Column::Id)
        .all(database)
        .await
        .map_err(AppError::Store)?;
    rows.into_iter().map(assemble).collect()
}

/// How many of these groups the organization has.
pub async fn known_groups(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    groups: &BTreeSet<GroupId>,
) -> Result<usize, AppError> {
    let found = group::Entity::find()
        .filter(group::Column::OrganizationId.eq(organization.to_string()))
        .filter(group::Column::Id.is_in(groups.iter().map(ToString::to_string)))
        .count(database)
        .await
        .map_err(AppError::Store)?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// One rule of one app.
pub async fn find(
    database: &impl ConnectionTrait,
    app: AppId,
    id: PathRuleId,
) -> Result<Option<PathRule>, AppError> {
    path_rule::Entity::find_by_id(id.to_string())
        .filter(path_rule::Column::AppId.eq(app.to_string()))
        .one(database)
        .await
        .map_err(AppError::Store)?
        .map(assemble)
        .transpose()
}

/// How many rules an app has.
pub async fn count(database: &impl ConnectionTrait, app: AppId) -> Result<u64, AppError> {
    path_rule::Entity::find()
        .filter(path_rule::Column::AppId.eq(app.to_string()))
        .count(database)
        .await
        .map_err(AppError::Store)
}

/// Adds a rule.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    app: AppId,
    rule: &PathRule,
    now: OffsetDateTime,
) -> Result<(), AppError> {
    let row = path_rule::ActiveModel {
        id: Set(rule.id.to_string()),
        app_id: Set(app.to_string()),
        pattern: Set(rule.pattern.to_string()),
        methods: Set(written(&rule.methods)?),
        subjects: Set(written(&rule.subjects)?),
        sign_in_within: Set(minutes(rule)?),
        created_at: Set(now),
    };
    path_rule::Entity::insert(row).exec_without_returning(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Writes a rule anew.
pub async fn update(transaction: &impl ConnectionTrait, rule: &PathRule) -> Result<(), AppError> {
    let row = path_rule::ActiveModel {
        id: Unchanged(rule.id.to_string()),
        app_id: NotSet,
        pattern: Set(rule.pattern.to_string()),
        methods: Set(written(&rule.methods)?),
        subjects: Set(written(&rule.subjects)?),
        sign_in_within: Set(minutes(rule)?),
        created_at: NotSet,
    };
    row.update(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Removes a rule.
pub async fn delete(transaction: &impl ConnectionTrait, id: PathRuleId) -> Result<(), AppError> {
    path_rule::Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// The rules of an organization's apps that name this person.
pub async fn naming(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    user: UserId,
) -> Result<Vec<PathRule>, AppError> {
    let apps = Query::select()
        .column(app::Column::Id)
        .from(app::Entity)
        .and_where(app::Column::OrganizationId.eq(organization.to_string()))
        .to_owned();
    let rows = path_rule::Entity::find()
        .filter(path_rule::Column::AppId.in_subquery(apps))
        .filter(path_rule::Column::Subjects.contains(user.to_string()))
        .all(database)
        .await
        .map_err(AppError::Store)?;
    let rules: Result<Vec<PathRule>, AppError> = rows.into_iter().map(assemble).collect();
    Ok(rules?.into_iter().filter(|rule| rule.subjects.contains(&Subject::User(user))).collect())
}

fn assemble(row: path_rule::Model) -> Result<PathRule, AppError> {
    rule(&row.id, &row.pattern, &row.methods, &row.subjects, row.sign_in_within)
}

/// A rule from its columns.
pub(super) fn rule(
    id: &str,
    pattern: &str,
    methods: &str,
    subjects: &str,
    sign_in_within: Option<i32>,
) -> Result<PathRule, AppError> {
    Ok(PathRule {
        id: read(TABLE, id)?,
        pattern: read(TABLE, pattern)?,
        methods: serde_json::from_str(methods).map_err(|_| AppError::Unreadable(TABLE))?,
        subjects: serde_json::from_str(subjects).map_err(|_| AppError::Unreadable(TABLE))?,
        sign_in_within: sign_in_within
            .map(|minutes| u32::try_from(minutes).ok().and_then(|minutes| SignInAge::try_from(minutes).ok()))
            .map(|age| age.ok_or(AppError::Unreadable(TABLE)))
            .transpose()?,
    })
}

fn minutes(rule: &PathRule) -> Result<Option<i32>, AppError> {
    let age = rule.sign_in_within.map(|age| i32::try_from(age.minutes()));
    age.transpose().map_err(|_| AppError::Unreadable(TABLE))
}

fn written(list: &impl Serialize) -> Result<String, AppError> {
    serde_json::to_string(list).map_err(|_| AppError::Unreadable(TABLE))
}
