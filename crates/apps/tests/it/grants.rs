//! Grants on restricted apps.

use access_control::{AppLevel, AppRole, ReadApp, ReadAppAccess, Refusal, Role, Subject, UpdateApp};
use apps::{App, AppChanges, AppError, Grant, NewGrant, NewPathRule};
use audit::Occasion;
use ids::UserId;
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Tenant};

async fn restricted(house: &House) -> (Tenant, App) {
    let tenant = house.tenant("acme").await;
    let app = house.app(tenant, "crm").await;
    let changes = AppChanges { level: Some(AppLevel::Restricted), ..AppChanges::default() };
    let app = house.update(tenant.owner, app.id, changes).await.unwrap();
    (tenant, app)
}

async fn put(house: &House, by: UserId, app: &App, new: NewGrant) -> Result<Grant, AppError> {
    let permit = house.on_app::<UpdateApp>(by, app.id).map_err(AppError::Refused)?;
    Ok(house.grants.put(&permit, new, Occasion::now()).await?.0)
}

async fn delete(house: &House, by: UserId, app: &App, user: UserId) -> Result<(), AppError> {
    let permit = house.on_app::<UpdateApp>(by, app.id).map_err(AppError::Refused)?;
    house.grants.delete(&permit, user, Occasion::now()).await.map(drop)
}

fn grant(user: UserId, role: AppRole) -> NewGrant {
    NewGrant { user, role, expires_at: None }
}

on_both_stores! {
    async fn z07_a_grant_and_its_end_change_visibility_at_once(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let member = house.member(tenant, Role::Member).await;
        assert!(house.visible(member, tenant).await.is_empty());
        put(&house, tenant.owner, &app, grant(member, AppRole::Editor)).await.unwrap();
        assert_eq!(house.visible(member, tenant).await, ["crm"]);
        // Capped by the organization role.
        assert_eq!(house.on_app::<UpdateApp>(member, app.id).err(), Some(Refusal::Forbidden));
        delete(&house, tenant.owner, &app, member).await.unwrap();
        assert!(house.visible(member, tenant).await.is_empty());
        assert_eq!(house.on_app::<ReadApp>(member, app.id).err(), Some(Refusal::NotFound));
        assert!(matches!(delete(&house, tenant.owner, &app, member).await, Err(AppError::NotFound)));
    }

    async fn a_grant_is_for_members_only(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let stranger = house.person().await;
        let foreign = house.tenant("other").await.owner;
        for user in [stranger, foreign, UserId::generate()] {
            let refused = put(&house, tenant.owner, &app, grant(user, AppRole::Viewer)).await;
            assert!(matches!(refused, Err(AppError::NotAMember)), "{refused:?}");
        }
    }

    async fn the_store_refuses_a_grant_for_somebody_who_left_meanwhile(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let member = house.member(tenant, Role::Member).await;
        let facts = house.facts.as_ref();
        let before = access_control::Facts::organization(facts, tenant.id).unwrap().unwrap();
        house.remove_member(tenant, member).await;
        // The facts of a moment ago still have the member.
        house.remember(tenant, member, before.members[&member].clone());
        let refused = put(&house, tenant.owner, &app, grant(member, AppRole::Viewer)).await;
        assert!(matches!(refused, Err(AppError::NotAMember)), "{refused:?}");
    }

    async fn whoever_is_invited_again_starts_from_nothing(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let member = house.member(tenant, Role::Member).await;
        let other = house.member(tenant, Role::Member).await;
        put(&house, tenant.owner, &app, grant(member, AppRole::Viewer)).await.unwrap();
        put(&house, tenant.owner, &app, grant(other, AppRole::Viewer)).await.unwrap();
        let subjects = vec![Subject::User(member), Subject::User(other)];
        let permit = house.on_app::<UpdateApp>(tenant.owner, app.id).unwrap();
        let rule = NewPathRule::new("/admin", &[], subjects).unwrap();
        house.path_rules.create(&permit, rule, Occasion::now()).await.unwrap();

        house.remove_member(tenant, member).await;
        house.join(tenant, member, Role::Member).await;
        let record = apps::load(house.database.connection(), app.id).await.unwrap().unwrap();
        assert!(!record.facts.grants.contains_key(&member) && record.facts.grants.contains_key(&other));
        assert_eq!(record.facts.rules.as_slice()[0].subjects, [Subject::User(other)]);
    }

    async fn a_grant_ends_when_it_says(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let member = house.member(tenant, Role::Member).await;
        let now = OffsetDateTime::now_utc();
        let past = NewGrant { user: member, role: AppRole::Viewer, expires_at: Some(now - Duration::SECOND) };
        assert!(matches!(put(&house, tenant.owner, &app, past).await, Err(AppError::EndPassed)));
        let end = now + Duration::HOUR;
        let timed = NewGrant { expires_at: Some(end), ..past };
        put(&house, tenant.owner, &app, timed).await.unwrap();
        let at = |now| {
            let principal = crate::house::principal(member);
            access_control::authorize::<ReadApp>(Some(&principal), app.id, &*house.facts, now).is_ok()
        };
        assert!(at(end - Duration::SECOND));
        assert!(!at(end));
    }

    async fn a_restricted_app_keeps_somebody_who_may_edit_it(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let member = house.member(tenant, Role::Member).await;
        let editor = house.member(tenant, Role::Editor).await;
        // A Member with an Editor grant is a viewer, and does not count.
        put(&house, tenant.owner, &app, grant(member, AppRole::Editor)).await.unwrap();
        let timed = NewGrant {
            user: tenant.owner,
            role: AppRole::Editor,
            expires_at: Some(OffsetDateTime::now_utc() + Duration::HOUR),
        };
        assert!(matches!(delete(&house, tenant.owner, &app, tenant.owner).await, Err(AppError::LastEditor)));
        assert!(matches!(put(&house, tenant.owner, &app, timed).await, Err(AppError::LastEditor)));
        let viewer = grant(tenant.owner, AppRole::Viewer);
        assert!(matches!(put(&house, tenant.owner, &app, viewer).await, Err(AppError::LastEditor)));
        assert!(house.on_app::<UpdateApp>(tenant.owner, app.id).is_ok());

        put(&house, tenant.owner, &app, grant(editor, AppRole::Editor)).await.unwrap();
        delete(&house, tenant.owner, &app, tenant.owner).await.unwrap();
        assert_eq!(house.on_app::<ReadApp>(tenant.owner, app.id).err(), Some(Refusal::NotFound));
        assert!(matches!(delete(&house, editor, &app, editor).await, Err(AppError::LastEditor)));
    }

    async fn two_editors_who_remove_each_other_at_once_do_not_both_succeed(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, app) = restricted(&house).await;
        let editor = house.member(tenant, Role::Editor).await;
        for _ in 0..10 {
            put(&house, tenant.owner, &app, grant(editor, AppRole::Editor)).await.unwrap();
            let (one, two) = tokio::join!(
                delete(&house, tenant.owner, &app, editor),
                delete(&house, editor, &app, tenant.owner),
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            if two.is_ok() {
                put(&house, editor, &app, grant(tenant.owner, AppRole::Editor)).await.unwrap();
            }
        }
    }

    async fn grants_are_kept_unused_at_other_levels(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let member = house.member(tenant, Role::Member).await;
        let app = house.app(tenant, "crm").await;
        put(&house, tenant.owner, &app, grant(member, AppRole::Viewer)).await.unwrap();
        let level = |level| AppChanges { level: Some(level), ..AppChanges::default() };
        house.update(tenant.owner, app.id, level(AppLevel::User)).await.unwrap();
        assert!(house.visible(member, tenant).await.is_empty());
        house.update(tenant.owner, app.id, level(AppLevel::Restricted)).await.unwrap();
        assert_eq!(house.visible(member, tenant).await, ["crm"]);
        let access = house.on_app::<ReadAppAccess>(tenant.owner, app.id).unwrap();
        assert_eq!(house.grants.list(&access).await.unwrap().len(), 2);
    }
}
