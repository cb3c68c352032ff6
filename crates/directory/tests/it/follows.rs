//! Every kind of change is what the very next read answers.

use access_control::{
    AppLevel, AppRole, ChangeRole, Decision, DeleteApp, Facts as _, ManageServerSecrets, ReadApp, Reason,
    Refusal, Role, Subject, UpdateApp, UpdateOrganization,
};
use apps::{AppChanges, NewPathRule, NewServerSecret};
use audit::Occasion;
use directory::Directory;
use ids::RequestId;
use organizations::OrganizationChanges;
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, production};

on_both_stores! {
    async fn z03_organizations_members_and_roles(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        assert_eq!(house.directory.organizations_of(owner).unwrap(), [acme.id]);
        let record = house.directory.organization_record(acme.id).unwrap().unwrap();
        assert_eq!(record.slug.as_str(), "acme");

        let app = house.app(owner, acme.id, "crm").await;
        let ada = house.person().await;
        assert!(!house.opens(ada, &app));
        house.join(acme.id, ada, Role::Editor).await;
        assert!(house.opens(ada, &app));
        assert!(house.permit::<UpdateApp>(ada, app.id).is_ok());
        assert_eq!(house.directory.organizations_of(ada).unwrap(), [acme.id]);

        let change = house.permit::<ChangeRole>(owner, acme.id).unwrap();
        house.members.change_role(&change, RequestId::generate(), ada, Role::Member).await.unwrap();
        assert_eq!(house.permit::<UpdateApp>(ada, app.id).err(), Some(Refusal::Forbidden));

        house.leave(owner, acme.id, ada).await;
        assert!(!house.opens(ada, &app));
        assert!(house.directory.organizations_of(ada).unwrap().is_empty());
        assert_eq!(house.decide(ada, &app, "/"), Decision::Refuse(Reason::NotAMember));

        let update = house.permit::<UpdateOrganization>(owner, acme.id).unwrap();
        let renamed = OrganizationChanges { name: Some("Acme Inc".parse().unwrap()), ..Default::default() };
        house.organizations.update(&update, RequestId::generate(), renamed).await.unwrap();
        let record = house.directory.organization_record(acme.id).unwrap().unwrap();
        assert_eq!(record.name.as_str(), "Acme Inc");
    }

    async fn apps_their_hosts_and_settings(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        assert!(house.directory.app_at("crm-acme").unwrap().is_none());
        let app = house.app(owner, acme.id, "crm").await;
        let found = house.directory.app_at("crm-acme").unwrap().unwrap();
        assert_eq!((found.id(), found.organization(), found.upstream.clone()), (app.id, acme.id, None));
        assert_eq!(house.directory.apps_of(acme.id).unwrap().len(), 1);

        let permit = house.permit::<UpdateApp>(owner, app.id).unwrap();
        let changes = AppChanges {
            upstream: Some(Some("https://8.8.8.8".parse().unwrap())),
            name: Some("Customers".parse().unwrap()),
            ..AppChanges::default()
        };
        house.apps.update(&permit, changes, Occasion::now()).await.unwrap();
        let found = house.directory.app_at("crm-acme").unwrap().unwrap();
        assert_eq!(found.upstream.as_ref().unwrap().host(), "8.8.8.8");
        assert_eq!(found.name.as_str(), "Customers");

        let (_, hash) = house.secret(owner, &app, production()).await;
        let delete = house.permit::<DeleteApp>(owner, app.id).unwrap();
        house.apps.delete(&delete, Occasion::now()).await.unwrap();
        assert!(house.directory.app_at("crm-acme").unwrap().is_none());
        assert!(house.directory.app(app.id).unwrap().is_none());
        assert!(house.directory.app_by_secret(&hash, OffsetDateTime::now_utc()).unwrap().is_none());
        assert!(house.directory.apps_of(acme.id).unwrap().is_empty());
    }

    async fn v06_a_label_used_again_is_the_new_app_s(database: TestDatabase) {
        let house = House::on(database).await;
        let (c, c_owner) = house.organization("c").await;
        let (b_c, b_c_owner) = house.organization("b-c").await;
        let app = house.app(c_owner, c.id, "a-b").await;
        let delete = house.permit::<DeleteApp>(c_owner, app.id).unwrap();
        house.apps.delete(&delete, Occasion::now()).await.unwrap();
        let heir = house.app(b_c_owner, b_c.id, "a").await;
        assert_eq!(house.directory.app_at("a-b-c").unwrap().unwrap().id(), heir.id);
        assert!(!house.opens(c_owner, &heir));
    }

    async fn z07_levels_and_grants(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let app = house.app(owner, acme.id, "crm").await;
        let ada = house.person().await;
        house.join(acme.id, ada, Role::Member).await;
        assert!(house.opens(ada, &app));
        house.set_level(owner, &app, AppLevel::Restricted).await;
        assert_eq!(house.decide(ada, &app, "/"), Decision::Refuse(Reason::NotGranted));
        house.grant(owner, &app, ada, AppRole::Viewer).await;
        assert_eq!(house.decide(ada, &app, "/"), Decision::Allow(AppRole::Viewer));
        let permit = house.permit::<UpdateApp>(owner, app.id).unwrap();
        house.grants.delete(&permit, ada, Occasion::now()).await.unwrap();
        assert!(!house.opens(ada, &app));
        house.set_level(owner, &app, AppLevel::User).await;
        assert_eq!(house.decide(ada, &app, "/"), Decision::Refuse(Reason::NotCreator));
    }

    async fn a_grant_does_not_outlive_its_membership(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let app = house.app(owner, acme.id, "crm").await;
        let ada = house.person().await;
        house.join(acme.id, ada, Role::Member).await;
        house.set_level(owner, &app, AppLevel::Restricted).await;
        house.grant(owner, &app, ada, AppRole::Viewer).await;
        let rule = NewPathRule::new("/admin", &[], vec![Subject::User(ada)]).unwrap();
        house.rule(owner, &app, rule).await;
        house.leave(owner, acme.id, ada).await;
        house.join(acme.id, ada, Role::Member).await;
        assert!(!house.opens(ada, &app));
        house.set_level(owner, &app, AppLevel::Organization).await;
        assert!(house.opens(ada, &app));
        assert!(matches!(house.decide(ada, &app, "/admin"), Decision::Refuse(Reason::PathRule(_))));
    }

    async fn path_rules_and_groups(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let app = house.app(owner, acme.id, "crm").await;
        let ada = house.person().await;
        house.join(acme.id, ada, Role::Member).await;
        let group = house.group(owner, acme.id, &[]).await;
        let new = || NewPathRule::new("/admin", &[], vec![Subject::Group(group)]).unwrap();
        let rule = house.rule(owner, &app, new()).await;
        assert_eq!(house.decide(ada, &app, "/admin/x"), Decision::Refuse(Reason::PathRule(rule)));
        let manage = house.permit::<access_control::ManageGroups>(owner, acme.id).unwrap();
        house.groups.add_member(&manage, RequestId::generate(), group, ada).await.unwrap();
        assert_eq!(house.decide(ada, &app, "/admin/x"), Decision::Allow(AppRole::Viewer));

        let permit = house.permit::<UpdateApp>(owner, app.id).unwrap();
        let nobody = NewPathRule::new("/admin", &[], Vec::new()).unwrap();
        house.path_rules.replace(&permit, rule, nobody, Occasion::now()).await.unwrap();
        assert_eq!(house.decide(ada, &app, "/admin/x"), Decision::Refuse(Reason::PathRule(rule)));
        house.path_rules.delete(&permit, rule, Occasion::now()).await.unwrap();
        assert_eq!(house.decide(ada, &app, "/admin/x"), Decision::Allow(AppRole::Viewer));
    }

    async fn j09_server_secrets(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let app = house.app(owner, acme.id, "crm").await;
        let now = OffsetDateTime::now_utc();
        let (old, old_hash) = house.secret(owner, &app, production()).await;
        let (found, secret) = house.directory.app_by_secret(&old_hash, now).unwrap().unwrap();
        assert_eq!((found.id(), secret.id), (app.id, old));
        let end = now + Duration::HOUR;
        let rotation = NewServerSecret { previous_expires_at: Some(end), ..production() };
        let (_, young_hash) = house.secret(owner, &app, rotation).await;
        assert!(house.directory.app_by_secret(&old_hash, now).unwrap().is_some());
        assert!(house.directory.app_by_secret(&old_hash, end).unwrap().is_none());
        assert!(house.directory.app_by_secret(&young_hash, end).unwrap().is_some());
        let permit = house.permit::<ManageServerSecrets>(owner, app.id).unwrap();
        house.server_secrets.revoke(&permit, old, Occasion::now()).await.unwrap();
        assert!(house.directory.app_by_secret(&old_hash, now).unwrap().is_none());
        assert!(house.directory.app_by_secret(&[0; 32], now).unwrap().is_none());
    }

    async fn every_change_has_a_version_and_is_told(database: TestDatabase) {
        let house = House::on(database).await;
        let mut told = house.directory.changed();
        let before = house.directory.version();
        let (acme, owner) = house.organization("acme").await;
        told.changed().await.unwrap();
        assert_eq!(*told.borrow_and_update(), before + 1);
        house.app(owner, acme.id, "crm").await;
        assert_eq!((house.directory.version(), *told.borrow_and_update()), (before + 2, before + 2));
    }

    async fn what_is_loaded_at_start_is_what_was_followed(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let app = house.app(owner, acme.id, "crm").await;
        house.set_level(owner, &app, AppLevel::Restricted).await;
        let (_, hash) = house.secret(owner, &app, production()).await;
        let fresh = Directory::load(&audit::Journal::new(house.database.connection().clone())).await.unwrap();
        for directory in [&house.directory, &fresh] {
            let record = directory.app_at("crm-acme").unwrap().unwrap();
            assert_eq!((record.id(), record.facts.level), (app.id, AppLevel::Restricted));
            assert!(record.facts.grants.contains_key(&owner));
            let found = directory.app_by_secret(&hash, OffsetDateTime::now_utc()).unwrap();
            assert_eq!(found.unwrap().0.id(), app.id);
            assert_eq!(directory.organizations_of(owner).unwrap(), [acme.id]);
            assert_eq!(directory.apps_of(acme.id).unwrap().len(), 1);
        }
    }

    async fn changes_made_at_once_are_all_there(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let slugs: Vec<String> = (0..20).map(|number| format!("app{number}")).collect();
        let all = slugs.iter().map(|slug| house.app(owner, acme.id, slug));
        let made = futures_util::future::join_all(all).await;
        for app in &made {
            assert_eq!(house.directory.app_at(app.label.as_str()).unwrap().unwrap().id(), app.id);
            assert!(house.permit::<ReadApp>(owner, app.id).is_ok());
        }
        assert_eq!(house.directory.apps_of(acme.id).unwrap().len(), 20);
    }

    async fn a_caller_who_goes_away_leaves_no_old_facts(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        for round in 0..40_u64 {
            let slug = format!("app{round}");
            let wait = std::time::Duration::from_micros(round * 100);
            let _ = tokio::time::timeout(wait, house.app(owner, acme.id, &slug)).await;
        }
        // One more change waits for those that are still being followed.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let fresh = Directory::load(&audit::Journal::new(house.database.connection().clone())).await.unwrap();
        let ids = |directory: &Directory| {
            directory.apps_of(acme.id).unwrap().iter().map(|app| app.id()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&house.directory), ids(&fresh));
    }
}
