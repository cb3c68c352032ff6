//! Changing several things at once.

use access_control::{AppLevel, ApplyPolicy, Role, SimulateApp, SimulatePolicy, UpdateApp};
use audit::Occasion;
use policy::{Draft, Order, PolicyChange, PolicyError};
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};
use time::Duration;

use crate::house::{House, Tenant, change};

async fn make(
    house: &House,
    by: ids::UserId,
    tenant: Tenant,
    changes: Vec<PolicyChange>,
    simulation: Option<String>,
) -> Result<usize, PolicyError> {
    let permit = house.permit::<ApplyPolicy>(by, tenant.id).map_err(PolicyError::Refused)?;
    house.changes.make(&permit, &Order { changes, simulation }, Occasion::now()).await
}

async fn simulate(
    house: &House,
    tenant: Tenant,
    changes: Vec<PolicyChange>,
) -> Result<policy::Simulation, PolicyError> {
    let permit = house.permit::<SimulatePolicy>(tenant.owner, tenant.id).unwrap();
    let draft = Draft { changes, seen_within: Duration::days(30), kept: 20 };
    house.simulations.of_organization(&permit, draft, house.now()).await
}

fn rule(app: ids::AppId, pattern: &str) -> PolicyChange {
    let rule = json!({ "pattern": pattern, "subjects": [{ "kind": "role", "value": "owner" }] });
    change(json!({ "kind": "add_path_rule", "appId": app, "rule": rule }))
}

/// What a client would be told.
fn problem(error: PolicyError) -> (u16, &'static str, String) {
    let problem = endpoint::Problem::from(error);
    (problem.status().as_u16(), problem.code(), problem.detail().to_owned())
}

on_both_stores! {
    async fn all_changes_are_made_with_an_event_each(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let (ann, bob) = (house.member(tenant, Role::Member).await, house.member(tenant, Role::Editor).await);
        let (group, app) = (house.group(tenant, "Finance").await, house.app(tenant, "crm").await);
        let before = house.events().await;
        let made = make(&house, tenant.owner, tenant, vec![
            change(json!({ "kind": "set_role", "userId": ann, "role": "admin" })),
            change(json!({ "kind": "add_group_member", "groupId": group, "userId": bob })),
            rule(app.id, "/admin"),
            change(json!({ "kind": "put_grant", "appId": app.id, "userId": bob, "role": "editor" })),
            change(json!({ "kind": "set_level", "appId": app.id, "level": "restricted" })),
            // Has no effect, and leaves no event.
            change(json!({ "kind": "set_role", "userId": bob, "role": "editor" })),
        ], None).await.unwrap();
        assert_eq!((made, house.events().await - before), (5, 5));
        assert_eq!(house.role(tenant, ann), Some(Role::Admin));
        assert_eq!((house.level(&app), house.rules(&app)), (AppLevel::Restricted, 1));
        assert!(house.permit::<UpdateApp>(bob, app.id).is_ok());
        assert!(house.permit::<UpdateApp>(ann, app.id).is_err());
    }

    async fn one_refused_change_undoes_all(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let ann = house.member(tenant, Role::Member).await;
        let app = house.app(tenant, "crm").await;
        let before = house.events().await;
        for refused in [
            json!({ "kind": "set_role", "userId": tenant.owner, "role": "member" }),
            json!({ "kind": "remove_member", "userId": tenant.owner }),
            json!({ "kind": "delete_grant", "appId": app.id, "userId": ann }),
            json!({ "kind": "put_grant", "appId": app.id, "userId": ids::UserId::generate(), "role": "viewer" }),
            json!({ "kind": "delete_path_rule", "appId": app.id, "ruleId": ids::PathRuleId::generate() }),
        ] {
            let changes = vec![
                change(json!({ "kind": "set_role", "userId": ann, "role": "admin" })),
                rule(app.id, "/admin"),
                change(refused.clone()),
            ];
            let simulated = simulate(&house, tenant, changes.clone()).await.map(|_| ()).unwrap_err();
            let made = make(&house, tenant.owner, tenant, changes, None).await.unwrap_err();
            // A simulation refuses what would be refused, with the same words.
            let told = problem(made);
            assert_eq!(problem(simulated), told, "{refused}");
            assert!(told.2.starts_with("Change 3: "), "{told:?}");
            assert_eq!(house.role(tenant, ann), Some(Role::Member), "{refused}");
            assert_eq!((house.rules(&app), house.events().await), (0, before), "{refused}");
        }
    }

    async fn a_simulation_that_fits_is_made_and_one_of_a_moved_world_is_not(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let ann = house.member(tenant, Role::Member).await;
        let bob = house.member(tenant, Role::Member).await;
        let (app, other) = (house.app(tenant, "crm").await, house.app(tenant, "wiki").await);
        let group = house.group(tenant, "Finance").await;
        let draft = vec![rule(app.id, "/admin")];
        let grant = |end: &str| {
            json!({ "kind": "put_grant", "appId": other.id, "userId": ann, "role": "viewer", "expiresAt": end })
        };
        // Whatever a decision reads moves the world.
        for moving in [
            json!({ "kind": "set_role", "userId": ann, "role": "editor" }),
            json!({ "kind": "add_group_member", "groupId": group, "userId": ann }),
            grant("2099-01-01T00:00:00Z"),
            grant("2099-01-01T00:00:01Z"),
            json!({ "kind": "set_level", "appId": other.id, "level": "user" }),
            json!({ "kind": "remove_member", "userId": bob }),
        ] {
            let seen = simulate(&house, tenant, draft.clone()).await.unwrap().hash.as_str().to_owned();
            make(&house, tenant.owner, tenant, vec![change(moving.clone())], None).await.unwrap();
            let events = house.events().await;
            let refused = make(&house, tenant.owner, tenant, draft.clone(), Some(seen)).await.unwrap_err();
            assert!(matches!(refused, PolicyError::WorldMoved), "{moving}: {refused}");
            assert_eq!((house.rules(&app), house.events().await), (0, events), "{moving}");
        }
        let seen = simulate(&house, tenant, draft.clone()).await.unwrap().hash.as_str().to_owned();
        let another = make(&house, tenant.owner, tenant, vec![rule(app.id, "/other")], Some(seen.clone())).await;
        assert!(matches!(another, Err(PolicyError::WorldMoved)), "{another:?}");
        assert_eq!(make(&house, tenant.owner, tenant, draft.clone(), Some(seen.clone())).await.unwrap(), 1);
        assert_eq!(house.rules(&app), 1);
        // What was made has moved the world.
        let again = make(&house, tenant.owner, tenant, draft, Some(seen)).await;
        assert!(matches!(again, Err(PolicyError::WorldMoved)), "{again:?}");
    }

    /// Twenty at once with the same simulation: one is made.
    async fn of_many_that_saw_the_same_simulation_one_is_made(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let draft = vec![rule(app.id, "/admin")];
        let seen = simulate(&house, tenant, draft.clone()).await.unwrap().hash.as_str().to_owned();
        let app_permit = house.permit::<SimulateApp>(tenant.owner, app.id).unwrap();
        let app_draft = Draft { changes: draft.clone(), seen_within: Duration::days(1), kept: 20 };
        let app_seen = house.simulations.of_app(&app_permit, app_draft, house.now()).await.unwrap();
        let update = &house.permit::<UpdateApp>(tenant.owner, app.id).unwrap();
        let order = &Order { changes: draft.clone(), simulation: Some(app_seen.hash.as_str().to_owned()) };
        let through_organization = (0..10).map(|_| make(&house, tenant.owner, tenant, draft.clone(), Some(seen.clone())));
        let through_app = (0..10).map(|_| async { house.changes.make_in_app(update, order, Occasion::now()).await });
        let (one, other) = tokio::join!(join_all(through_organization), join_all(through_app));
        let made = one.iter().chain(&other).filter(|result| result.is_ok()).count();
        assert_eq!((made, house.rules(&app)), (1, 1), "{one:?} {other:?}");
    }

    /// Must hold 9: identifiers of another organization are like those of nothing.
    async fn z09_identifiers_of_another_organization_in_a_draft_are_unknown(database: TestDatabase) {
        let house = House::on(database).await;
        let (tenant, foreign) = (house.tenant("acme").await, house.tenant("other").await);
        let app = house.app(tenant, "crm").await;
        let (foreign_app, foreign_group) = (house.app(foreign, "crm").await, house.group(foreign, "Staff").await);
        let foreign_rule = {
            make(&house, foreign.owner, foreign, vec![rule(foreign_app.id, "/admin")], None).await.unwrap();
            let facts = access_control::Facts::app(&house.directory, foreign_app.id).unwrap().unwrap();
            facts.rules.as_slice()[0].id
        };
        let member = house.member(tenant, Role::Member).await;
        let somebody = json!({ "pattern": "/x", "subjects": [{ "kind": "user", "value": foreign.owner }] });
        let nobody = json!({ "pattern": "/x", "subjects": [{ "kind": "user", "value": ids::UserId::generate() }] });
        let (no_user, no_app) = (ids::UserId::generate(), ids::AppId::generate());
        let (no_group, no_rule) = (ids::GroupId::generate(), ids::PathRuleId::generate());
        let in_rule = |group: ids::GroupId| {
            let subjects = json!([{ "kind": "group", "value": group }]);
            json!({ "kind": "add_path_rule", "appId": app.id, "rule": { "pattern": "/x", "subjects": subjects } })
        };
        let row = |status: u16, foreign: serde_json::Value, unknown: serde_json::Value| (status, foreign, unknown);
        for (status, foreign, unknown) in [
            row(404, in_rule(foreign_group), in_rule(no_group)),
            row(404, json!({ "kind": "set_role", "userId": foreign.owner, "role": "member" }),
                json!({ "kind": "set_role", "userId": no_user, "role": "member" })),
            row(404, json!({ "kind": "remove_member", "userId": foreign.owner }),
                json!({ "kind": "remove_member", "userId": no_user })),
            row(404, json!({ "kind": "add_group_member", "groupId": foreign_group, "userId": member }),
                json!({ "kind": "add_group_member", "groupId": no_group, "userId": member })),
            row(404, json!({ "kind": "remove_group_member", "groupId": foreign_group, "userId": member }),
                json!({ "kind": "remove_group_member", "groupId": no_group, "userId": member })),
            row(404, json!({ "kind": "set_level", "appId": foreign_app.id, "level": "user" }),
                json!({ "kind": "set_level", "appId": no_app, "level": "user" })),
            row(404, json!({ "kind": "delete_path_rule", "appId": foreign_app.id, "ruleId": foreign_rule }),
                json!({ "kind": "delete_path_rule", "appId": no_app, "ruleId": foreign_rule })),
            row(404, json!({ "kind": "delete_path_rule", "appId": app.id, "ruleId": foreign_rule }),
                json!({ "kind": "delete_path_rule", "appId": app.id, "ruleId": no_rule })),
            row(404, json!({ "kind": "replace_path_rule", "appId": app.id, "ruleId": foreign_rule, "rule": { "pattern": "/", "subjects": [] } }),
                json!({ "kind": "replace_path_rule", "appId": app.id, "ruleId": no_rule, "rule": { "pattern": "/", "subjects": [] } })),
            row(404, json!({ "kind": "put_grant", "appId": app.id, "userId": foreign.owner, "role": "viewer" }),
                json!({ "kind": "put_grant", "appId": app.id, "userId": no_user, "role": "viewer" })),
            row(404, json!({ "kind": "delete_grant", "appId": app.id, "userId": foreign.owner }),
                json!({ "kind": "delete_grant", "appId": app.id, "userId": no_user })),
            row(404, json!({ "kind": "add_path_rule", "appId": app.id, "rule": somebody }),
                json!({ "kind": "add_path_rule", "appId": app.id, "rule": nobody })),
        ] {
            let foreign_change = vec![change(foreign.clone())];
            let unknown_change = vec![change(unknown)];
            let made = problem(make(&house, tenant.owner, tenant, foreign_change.clone(), None).await.unwrap_err());
            assert_eq!(made.0, status, "{foreign}: {made:?}");
            let nothing = make(&house, tenant.owner, tenant, unknown_change.clone(), None).await.unwrap_err();
            assert_eq!(problem(nothing), made, "{foreign}");
            let tried = simulate(&house, tenant, foreign_change).await.map(|_| ()).unwrap_err();
            assert_eq!(problem(tried), made, "{foreign}");
            let tried = simulate(&house, tenant, unknown_change).await.map(|_| ()).unwrap_err();
            assert_eq!(problem(tried), made, "{foreign}");
        }
    }

    async fn apps_that_the_actor_cannot_edit_are_neither_changed_nor_named(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let editor = house.member(tenant, Role::Editor).await;
        let admin = house.member(tenant, Role::Admin).await;
        let app = house.app(tenant, "crm").await;
        // The Owner makes it Restricted, with the editor and without the admin.
        let changes = vec![
            change(json!({ "kind": "put_grant", "appId": app.id, "userId": editor, "role": "editor" })),
            change(json!({ "kind": "set_level", "appId": app.id, "level": "restricted" })),
            change(json!({ "kind": "delete_grant", "appId": app.id, "userId": tenant.owner })),
        ];
        make(&house, tenant.owner, tenant, changes, None).await.unwrap();
        for actor in [tenant.owner, admin] {
            let refused = make(&house, actor, tenant, vec![rule(app.id, "/x")], None).await.unwrap_err();
            assert_eq!(problem(refused).0, 404);
        }
        // An editor of the app has no leave to change the organization, and changes the app.
        assert!(house.permit::<ApplyPolicy>(editor, tenant.id).is_err());
        let update = house.permit::<UpdateApp>(editor, app.id).unwrap();
        let order = Order { changes: vec![rule(app.id, "/x")], simulation: None };
        assert_eq!(house.changes.make_in_app(&update, &order, Occasion::now()).await.unwrap(), 1);
        let role = change(json!({ "kind": "set_role", "userId": admin, "role": "member" }));
        let order = Order { changes: vec![role], simulation: None };
        let refused = house.changes.make_in_app(&update, &order, Occasion::now()).await.unwrap_err();
        assert_eq!(problem(refused).1, "other_app");
        // What removing the editor does to the app is counted, and not said.
        let simulation = simulate(&house, tenant, vec![change(json!({ "kind": "remove_member", "userId": editor }))]).await.unwrap();
        assert!(simulation.effects.iter().all(|effect| effect.app != app.id));
        assert_eq!((simulation.hidden.apps, simulation.hidden.losing), (1, 1));
        assert!(!simulation.probes.contains_key(&app.id));
    }

    async fn only_owners_touch_owners(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let admin = house.member(tenant, Role::Admin).await;
        let ann = house.member(tenant, Role::Member).await;
        for refused in [
            json!({ "kind": "set_role", "userId": ann, "role": "owner" }),
            json!({ "kind": "set_role", "userId": tenant.owner, "role": "member" }),
            json!({ "kind": "remove_member", "userId": tenant.owner }),
        ] {
            let error = make(&house, admin, tenant, vec![change(refused.clone())], None).await.unwrap_err();
            assert_eq!(problem(error).0, 403, "{refused}");
        }
        // A change that takes the actor's own leave is the last that counts.
        let changes = vec![
            change(json!({ "kind": "set_role", "userId": admin, "role": "member" })),
            change(json!({ "kind": "set_role", "userId": ann, "role": "editor" })),
        ];
        let error = make(&house, admin, tenant, changes, None).await.unwrap_err();
        assert_eq!(problem(error).0, 403);
        assert_eq!(house.role(tenant, admin), Some(Role::Admin));
    }
}

async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, place) in running.iter_mut().zip(&mut done).filter(|(_, place)| place.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                *place = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
