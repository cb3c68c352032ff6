//! What is said of decisions.

use access_control::{ApplyPolicy, Decision, ExplainAccess, Reason, Role};
use audit::Occasion;
use policy::{Explained, Order, PolicyError, Question, Whom};
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};
use time::Duration;

use crate::house::{House, Tenant, change, email};

async fn explain(
    house: &House,
    tenant: Tenant,
    app: ids::AppId,
    whom: Whom,
    path: &str,
    ago: i64,
) -> Result<Explained, PolicyError> {
    let permit = house.permit::<ExplainAccess>(tenant.owner, app).unwrap();
    let question = Question {
        whom,
        method: "GET".to_owned(),
        target: path.to_owned(),
        signed_in_ago: Duration::minutes(ago),
        server_action: false,
    };
    house.explanations.explain(&permit, &question, house.now()).await
}

on_both_stores! {
    async fn a_member_is_explained_level_by_level(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let (ann, app) = (house.member(tenant, Role::Member).await, house.app(tenant, "crm").await);
        let rule = json!({ "pattern": "/admin", "subjects": [{ "kind": "role", "value": "owner" }], "signInWithinMinutes": 30 });
        let permit = house.permit::<ApplyPolicy>(tenant.owner, tenant.id).unwrap();
        let order = Order { changes: vec![change(json!({ "kind": "add_path_rule", "appId": app.id, "rule": rule }))], simulation: None };
        house.changes.make(&permit, &order, Occasion::now()).await.unwrap();

        let allowed = explain(&house, tenant, app.id, Whom::User(ann), "/", 0).await.unwrap();
        assert!(matches!(allowed.explanation.decision, Decision::Allow(_)));
        assert_eq!((allowed.member, allowed.explanation.steps.len()), (Some(ann), 3));
        assert_eq!(allowed.policy_version, house.directory.version());
        let refused = explain(&house, tenant, app.id, Whom::Email(email(ann).parse().unwrap()), "/x/../ADMIN", 0).await.unwrap();
        assert!(matches!(refused.explanation.decision, Decision::Refuse(Reason::PathRule(_))));
        assert!(refused.words.last().unwrap().contains("/admin"), "{:?}", refused.words);
        let fresh = explain(&house, tenant, app.id, Whom::User(tenant.owner), "/admin", 29).await.unwrap();
        assert!(matches!(fresh.explanation.decision, Decision::Allow(_)));
        let old = explain(&house, tenant, app.id, Whom::User(tenant.owner), "/admin", 31).await.unwrap();
        assert!(matches!(old.explanation.decision, Decision::Refuse(Reason::SignInTooOld(_))));
        let unreadable = explain(&house, tenant, app.id, Whom::User(ann), "/a%2fb", 0).await;
        assert!(matches!(unreadable, Err(PolicyError::Unreadable(_))));
    }

    async fn whoever_is_no_member_is_explained_like_whoever_has_no_account(database: TestDatabase) {
        let house = House::on(database).await;
        let (tenant, foreign) = (house.tenant("acme").await, house.tenant("other").await);
        let app = house.app(tenant, "crm").await;
        let stranger = house.person().await;
        let nobody = "nobody@example.com".parse().unwrap();
        let mut said = Vec::new();
        for whom in [
            Whom::User(stranger),
            Whom::User(foreign.owner),
            Whom::User(ids::UserId::generate()),
            Whom::Email(email(stranger).parse().unwrap()),
            Whom::Email(email(foreign.owner).parse().unwrap()),
            Whom::Email(nobody),
        ] {
            let explained = explain(&house, tenant, app.id, whom, "/", 0).await.unwrap();
            assert_eq!(explained.explanation.decision, Decision::Refuse(Reason::NotAMember));
            said.push((explained.member, explained.words, explained.explanation.steps));
        }
        said.dedup();
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].0, None);
    }
}
