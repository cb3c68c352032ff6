//! What counts as a gain and as a loss.

use access_control::{ApplyPolicy, Role, SimulateApp};
use audit::Occasion;
use policy::{Access, Draft, Order, PolicyChange, Simulation};
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};
use time::Duration;

use crate::house::{House, Tenant, change};

async fn simulate(house: &House, tenant: Tenant, app: ids::AppId, changes: Vec<PolicyChange>) -> Simulation {
    let permit = house.permit::<SimulateApp>(tenant.owner, app).unwrap();
    let draft = Draft { changes, seen_within: Duration::days(1), kept: 20 };
    house.simulations.of_app(&permit, draft, house.now()).await.unwrap()
}

fn minutes(access: Access) -> Option<u32> {
    match access {
        Access::Refused => Some(0),
        Access::SignedInWithin(age) => Some(age.minutes()),
        Access::Allowed => None,
    }
}

on_both_stores! {
    async fn a_shorter_age_of_the_sign_in_is_a_loss_and_a_longer_one_a_gain(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let (member, app) = (house.member(tenant, Role::Member).await, house.app(tenant, "crm").await);
        let rule = |age: Option<u32>| {
            let mut rule = json!({ "pattern": "/admin", "methods": ["GET"], "subjects": [{ "kind": "app_role", "value": "viewer" }] });
            if let Some(age) = age {
                rule["signInWithinMinutes"] = age.into();
            }
            rule
        };
        let permit = house.permit::<ApplyPolicy>(tenant.owner, tenant.id).unwrap();
        let add = change(json!({ "kind": "add_path_rule", "appId": app.id, "rule": rule(Some(60)) }));
        let added = simulate(&house, tenant, app.id, vec![add.clone()]).await;
        let order = Order { changes: vec![add], simulation: Some(added.hash.as_str().to_owned()) };
        let in_app = house.permit::<access_control::UpdateApp>(tenant.owner, app.id).unwrap();
        assert_eq!(house.changes.make_in_app(&in_app, &order, Occasion::now()).await.unwrap(), 1);
        drop(permit);
        // The Owner loses /admin, the member has to sign in more often.
        let of = |simulation: &Simulation, user| {
            let effect = simulation.effects.iter().find(|effect| effect.user == user)?;
            let shifts = effect.gains.first.iter().chain(&effect.loses.first);
            let shifts = shifts.map(|shift| {
                (simulation.probes[&app.id][shift.probe].path().to_owned(), minutes(shift.before), minutes(shift.after))
            });
            Some((effect.gains.total, shifts.collect::<Vec<_>>()))
        };
        let path = || "/admin".to_owned();
        assert_eq!(of(&added, tenant.owner), Some((0, vec![(path(), None, Some(0))])));
        assert_eq!(of(&added, member), Some((0, vec![(path(), None, Some(60))])));

        let facts = access_control::Facts::app(&house.directory, app.id).unwrap().unwrap();
        let rule_id = facts.rules.as_slice()[0].id;
        for (age, gains, after) in [(Some(30), 0, Some(30)), (Some(90), 1, Some(90)), (None, 1, None)] {
            let replace = json!({ "kind": "replace_path_rule", "appId": app.id, "ruleId": rule_id, "rule": rule(age) });
            let simulation = simulate(&house, tenant, app.id, vec![change(replace)]).await;
            assert_eq!(of(&simulation, member), Some((gains, vec![(path(), Some(60), after)])), "{age:?}");
            assert_eq!(of(&simulation, tenant.owner), None);
        }
        let same = json!({ "kind": "replace_path_rule", "appId": app.id, "ruleId": rule_id, "rule": rule(Some(60)) });
        assert!(simulate(&house, tenant, app.id, vec![change(same)]).await.effects.is_empty());
    }
}

#[test]
fn z06_changes_refuse_fields_that_they_do_not_name() {
    let user = ids::UserId::generate();
    let read = |value: serde_json::Value| serde_json::from_value::<PolicyChange>(value).is_ok();
    assert!(read(json!({ "kind": "set_role", "userId": user, "role": "admin" })));
    assert!(!read(json!({ "kind": "set_role", "userId": user, "role": "admin", "organizationId": "org_1" })));
    assert!(!read(json!({ "kind": "set_everything", "userId": user })));
    let rule = |extra: &str| json!({ "kind": "add_path_rule", "appId": ids::AppId::generate(), "rule": { "pattern": "/", "subjects": [], extra: [] } });
    assert!(read(rule("methods")));
    assert!(!read(rule("id")));
}
