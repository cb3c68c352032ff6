//! Who an app is for, and who may say so.

use access_control::{AppLevel, AppRole, ReadApp, ReadAppAccess, Refusal, Role};
use apps::{AppChanges, AppError};
use test_support::{TestDatabase, on_both_stores};

use crate::house::House;

fn level(level: AppLevel) -> AppChanges {
    AppChanges { level: Some(level), ..AppChanges::default() }
}

on_both_stores! {
    async fn whoever_restricts_an_app_keeps_access_and_nobody_else_does(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let editor = house.member(tenant, Role::Editor).await;
        let member = house.member(tenant, Role::Member).await;
        let app = house.app(tenant, "crm").await;
        assert_eq!(house.visible(member, tenant).await, ["crm"]);
        assert!(matches!(
            house.update(member, app.id, level(AppLevel::Restricted)).await,
            Err(AppError::Refused(Refusal::Forbidden))
        ));

        house.update(editor, app.id, level(AppLevel::Restricted)).await.unwrap();
        let access = house.on_app::<ReadAppAccess>(editor, app.id).unwrap();
        let grants = house.grants.list(&access).await.unwrap();
        assert_eq!(grants.len(), 1);
        assert_eq!((grants[0].user, grants[0].role, grants[0].expires_at), (editor, AppRole::Editor, None));
        for outsider in [tenant.owner, member] {
            assert_eq!(house.on_app::<ReadApp>(outsider, app.id).err(), Some(Refusal::NotFound));
            assert!(house.visible(outsider, tenant).await.is_empty());
        }
        let (action, detail) = house.last_event().await;
        assert_eq!(action, "app.update");
        assert!(detail.contains(&editor.to_string()) && detail.contains("restricted"), "{detail}");

        house.update(editor, app.id, level(AppLevel::Organization)).await.unwrap();
        assert_eq!(house.visible(member, tenant).await, ["crm"]);
    }

    async fn only_the_creator_makes_an_app_theirs_alone(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let admin = house.member(tenant, Role::Admin).await;
        let app = house.app(tenant, "crm").await;
        let refused = house.update(admin, app.id, level(AppLevel::User)).await;
        assert!(matches!(refused, Err(AppError::NotCreator)), "{refused:?}");
        house.update(tenant.owner, app.id, level(AppLevel::User)).await.unwrap();
        assert_eq!(house.on_app::<ReadApp>(admin, app.id).err(), Some(Refusal::NotFound));
        assert!(house.on_app::<ReadApp>(tenant.owner, app.id).is_ok());
        house.update(tenant.owner, app.id, level(AppLevel::Organization)).await.unwrap();
        assert!(house.on_app::<ReadApp>(admin, app.id).is_ok());
    }

    async fn a_change_touches_what_it_names_and_nothing_else(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let changes = AppChanges {
            name: Some("Customers".parse().unwrap()),
            server_actions_judged_by_page: Some(true),
            ..AppChanges::default()
        };
        let after = house.update(tenant.owner, app.id, changes).await.unwrap();
        let record = apps::load(house.database.connection(), app.id).await.unwrap().unwrap();
        assert_eq!(record.name.as_str(), "Customers");
        assert!(record.facts.server_actions_judged_by_page);
        assert_eq!((after.slug, after.level, after.creator), (app.slug, app.level, tenant.owner));
    }

    async fn an_organization_s_list_shows_no_other_organization_s_apps(database: TestDatabase) {
        let house = House::on(database);
        let (acme, other) = (house.tenant("acme").await, house.tenant("other").await);
        house.app(acme, "crm").await;
        house.app(other, "erp").await;
        assert_eq!(house.visible(acme.owner, acme).await, ["crm"]);
        assert_eq!(house.within::<access_control::ListApps>(acme.owner, other).err(), Some(Refusal::NotFound));
    }
}
