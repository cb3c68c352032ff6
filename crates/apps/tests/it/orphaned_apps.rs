//! Apps that nobody may edit any more: only those, only for Owners.

use access_control::{
    Action, AppLevel, AppRole, CreateApp, ManageOrphanedApps, ReadApp, Refusal, Role, UpdateApp,
};
use apps::{App, AppChanges, AppError, NewApp, NewGrant};
use audit::Occasion;
use ids::{AppId, UserId};
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Tenant};

impl House {
    async fn orphaned(&self, tenant: Tenant) -> Vec<AppId> {
        let permit = self.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        let listed = self.orphaned_apps.list(&permit, None, 100, OffsetDateTime::now_utc()).await.unwrap();
        listed.iter().map(|app| app.id).collect()
    }

    async fn made_by(&self, tenant: Tenant, creator: UserId, slug: &str) -> App {
        let permit = self.within::<CreateApp>(creator, tenant).unwrap();
        let new = NewApp { slug: slug.parse().unwrap(), name: "An app".parse().unwrap() };
        self.apps.create(&permit, new, Occasion::now()).await.unwrap()
    }

    async fn at_level(&self, tenant: Tenant, creator: UserId, slug: &str, level: AppLevel) -> App {
        let app = self.made_by(tenant, creator, slug).await;
        let permit = self.on_app::<UpdateApp>(creator, app.id).unwrap();
        let changes = AppChanges { level: Some(level), ..AppChanges::default() };
        self.apps.update(&permit, changes, Occasion::now()).await.unwrap()
    }
}

on_both_stores! {
    async fn apps_stay_when_their_creator_leaves_and_some_are_orphans(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let creator = house.member(tenant, Role::Editor).await;
        let shared = house.made_by(tenant, creator, "shared").await;
        let own = house.at_level(tenant, creator, "own", AppLevel::User).await;
        let closed = house.at_level(tenant, creator, "closed", AppLevel::Restricted).await;
        assert_eq!(house.orphaned(tenant).await, []);
        house.remove_member(tenant, creator).await;
        assert_eq!(house.orphaned(tenant).await, [own.id, closed.id]);
        assert!(house.on_app::<ReadApp>(tenant.owner, shared.id).is_ok(), "the organization's still");
        for app in [own.id, closed.id] {
            assert_eq!(house.on_app::<ReadApp>(tenant.owner, app).err(), Some(Refusal::NotFound));
        }

        let permit = house.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        let heir = house.member(tenant, Role::Editor).await;
        for app in [own.id, closed.id] {
            let after = house.orphaned_apps.transfer(&permit, app, heir, Occasion::now()).await.unwrap();
            assert_eq!((after.id, after.creator), (app, heir));
            assert!(house.on_app::<UpdateApp>(heir, app).is_ok());
            assert_eq!(house.on_app::<ReadApp>(tenant.owner, app).err(), Some(Refusal::NotFound));
            let (action, detail) = house.last_event().await;
            assert_eq!(action, ManageOrphanedApps::NAME);
            assert!(detail.contains(&creator.to_string()) && detail.contains(&heir.to_string()), "{detail}");
        }
        assert_eq!(house.orphaned(tenant).await, []);
        let again = house.orphaned_apps.transfer(&permit, own.id, heir, Occasion::now()).await;
        assert!(matches!(again, Err(AppError::NotFound)), "{again:?}");
    }

    async fn only_real_orphans_are_touched(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let creator = house.member(tenant, Role::Editor).await;
        let shared = house.made_by(tenant, creator, "shared").await;
        let own = house.at_level(tenant, creator, "own", AppLevel::User).await;
        let closed = house.at_level(tenant, creator, "closed", AppLevel::Restricted).await;
        let other = house.tenant("other").await;
        let gone = house.member(other, Role::Editor).await;
        let foreign = house.at_level(other, gone, "foreign", AppLevel::User).await;
        house.remove_member(other, gone).await;
        assert_eq!(house.orphaned(other).await, [foreign.id]);

        let permit = house.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        for app in [shared.id, own.id, closed.id, foreign.id, AppId::generate()] {
            let outcome = house.orphaned_apps.transfer(&permit, app, tenant.owner, Occasion::now()).await;
            assert!(matches!(outcome, Err(AppError::NotFound)), "{outcome:?}");
            let outcome = house.orphaned_apps.delete(&permit, app, Occasion::now()).await;
            assert!(matches!(outcome, Err(AppError::NotFound)), "{outcome:?}");
        }
        assert_eq!(house.count("apps").await, 4);
        // A private app is its creator's, also when the creator may not edit any more.
        house.set_role(tenant, creator, Role::Member).await;
        assert_eq!(house.orphaned(tenant).await, [closed.id]);
    }

    async fn a_restricted_app_is_an_orphan_from_the_instant_its_last_editor_ends(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let creator = house.member(tenant, Role::Editor).await;
        let (viewer, second) = (house.member(tenant, Role::Editor).await, house.member(tenant, Role::Editor).await);
        let app = house.at_level(tenant, creator, "closed", AppLevel::Restricted).await;
        let update = house.on_app::<UpdateApp>(creator, app.id).unwrap();
        let end = OffsetDateTime::now_utc() + Duration::HOUR;
        for (user, role, expires_at) in
            [(viewer, AppRole::Viewer, None), (second, AppRole::Editor, Some(end))]
        {
            let grant = NewGrant { user, role, expires_at };
            house.grants.put(&update, grant, Occasion::now()).await.unwrap();
        }
        house.remove_member(tenant, creator).await;
        let permit = house.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        for (at, orphaned) in [(end - Duration::SECOND, false), (end, true)] {
            let listed = house.orphaned_apps.list(&permit, None, 10, at).await.unwrap();
            assert_eq!(listed.len() == 1, orphaned);
        }
        let now = Occasion { now: end, ..Occasion::now() };
        house.orphaned_apps.delete(&permit, app.id, now).await.unwrap();
        for table in ["apps", "hosts", "grants"] {
            assert_eq!(house.count(table).await, 0, "{table}");
        }
    }

    async fn an_orphan_goes_to_somebody_who_may_edit_it(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let creator = house.member(tenant, Role::Editor).await;
        let app = house.at_level(tenant, creator, "own", AppLevel::User).await;
        house.remove_member(tenant, creator).await;
        let permit = house.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        let member = house.member(tenant, Role::Member).await;
        let outcome = house.orphaned_apps.transfer(&permit, app.id, member, Occasion::now()).await;
        assert!(matches!(outcome, Err(AppError::CannotEdit)), "{outcome:?}");
        let other = house.tenant("other").await;
        for stranger in [other.owner, creator, UserId::generate()] {
            let outcome = house.orphaned_apps.transfer(&permit, app.id, stranger, Occasion::now()).await;
            assert!(matches!(outcome, Err(AppError::NotFound)), "{outcome:?}");
        }
        assert_eq!(house.orphaned(tenant).await, [app.id]);
    }

    async fn z05_orphans_are_for_owners(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let creator = house.member(tenant, Role::Editor).await;
        let app = house.at_level(tenant, creator, "own", AppLevel::User).await;
        house.remove_member(tenant, creator).await;
        for role in [Role::Admin, Role::Editor, Role::Member] {
            let person = house.member(tenant, role).await;
            let refused = house.within::<ManageOrphanedApps>(person, tenant).err();
            assert_eq!(refused, Some(Refusal::Forbidden), "{role}");
        }
        // With a permit from when one was an Owner.
        let stale = house.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        house.set_role(tenant, tenant.owner, Role::Admin).await;
        let outcome = house.orphaned_apps.transfer(&stale, app.id, tenant.owner, Occasion::now()).await;
        assert!(matches!(outcome, Err(AppError::Refused(Refusal::Forbidden))), "{outcome:?}");
        house.remove_member(tenant, tenant.owner).await;
        let outcome = house.orphaned_apps.delete(&stale, app.id, Occasion::now()).await;
        assert!(matches!(outcome, Err(AppError::Refused(Refusal::NotFound))), "{outcome:?}");
        assert_eq!(house.count("apps").await, 1);
    }

    async fn a_creator_who_comes_back_finds_the_app(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let creator = house.member(tenant, Role::Editor).await;
        let app = house.at_level(tenant, creator, "own", AppLevel::User).await;
        house.remove_member(tenant, creator).await;
        assert_eq!(house.orphaned(tenant).await, [app.id]);
        house.join(tenant, creator, Role::Editor).await;
        assert_eq!(house.orphaned(tenant).await, []);
        assert!(house.on_app::<UpdateApp>(creator, app.id).is_ok());
        let permit = house.within::<ManageOrphanedApps>(tenant.owner, tenant).unwrap();
        let outcome = house.orphaned_apps.delete(&permit, app.id, Occasion::now()).await;
        assert!(matches!(outcome, Err(AppError::NotFound)), "{outcome:?}");
    }
}
