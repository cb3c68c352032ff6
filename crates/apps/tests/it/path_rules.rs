//! Path rules as they are kept.

use access_control::{AppRole, PathRule, ReadAppAccess, Role, Subject, UpdateApp};
use apps::{AppError, NewPathRule, PathRuleError};
use audit::Occasion;
use ids::{GroupId, PathRuleId, UserId};
use test_support::{TestDatabase, on_both_stores};

use crate::house::House;

fn rule(pattern: &str, subjects: Vec<Subject>) -> NewPathRule {
    NewPathRule::new(pattern, &["GET".to_owned(), "HEAD".to_owned(), "POST".to_owned()], subjects).unwrap()
}

#[test]
fn a_rule_is_read_as_requests_are() {
    let rule =
        NewPathRule::new("/Admin/./x/../*", &["HEAD".to_owned(), "GET".to_owned()], Vec::new()).unwrap();
    assert_eq!(rule.pattern.to_string(), "/admin/*");
    assert_eq!(rule.methods.len(), 1, "HEAD is judged as GET");
    let bad = |pattern: &str, methods: &[String]| NewPathRule::new(pattern, methods, Vec::new()).unwrap_err();
    assert!(matches!(bad("admin", &[]), PathRuleError::Pattern(_)));
    assert!(matches!(bad("/a*", &[]), PathRuleError::Pattern(_)));
    assert!(matches!(bad("/a%2fb", &[]), PathRuleError::Pattern(_)));
    assert!(matches!(bad("/a", &["get".to_owned()]), PathRuleError::Method(_)));
    let many = vec![Subject::Role(Role::Member); 101];
    assert_eq!(NewPathRule::new("/a", &[], many).unwrap_err(), PathRuleError::TooLarge);
}

on_both_stores! {
    async fn rules_are_kept_replaced_and_removed(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let permit = house.on_app::<UpdateApp>(tenant.owner, app.id).unwrap();
        let access = house.on_app::<ReadAppAccess>(tenant.owner, app.id).unwrap();
        let subjects = vec![
            Subject::User(tenant.owner),
            Subject::Group(house.group(tenant.id).await),
            Subject::Role(Role::Admin),
            Subject::AppRole(AppRole::Editor),
        ];
        let made = house.path_rules.create(&permit, rule("/admin/*", subjects), Occasion::now()).await.unwrap();
        let loaded = async || apps::load(house.database.connection(), app.id).await.unwrap().unwrap();
        assert_eq!(loaded().await.facts.rules.as_slice(), std::slice::from_ref(&made));
        let nobody = rule("/billing", Vec::new());
        let replaced = house.path_rules.replace(&permit, made.id, nobody, Occasion::now()).await.unwrap();
        assert_eq!(replaced.id, made.id);
        let expected: [PathRule; 1] = [replaced];
        assert_eq!(house.path_rules.list(&access).await.unwrap(), expected);
        assert_eq!(loaded().await.facts.rules.as_slice(), expected);
        house.path_rules.delete(&permit, made.id, Occasion::now()).await.unwrap();
        assert!(loaded().await.facts.rules.as_slice().is_empty());
        let (action, detail) = house.last_event().await;
        assert_eq!(action, "app.update");
        assert!(detail.contains("/billing"), "{detail}");
    }

    async fn z02_a_group_of_another_organization_is_not_there(database: TestDatabase) {
        let house = House::on(database);
        let (acme, other) = (house.tenant("acme").await, house.tenant("other").await);
        let app = house.app(acme, "crm").await;
        let permit = house.on_app::<UpdateApp>(acme.owner, app.id).unwrap();
        for group in [house.group(other.id).await, GroupId::generate()] {
            let new = rule("/admin", vec![Subject::Group(group)]);
            let refused = house.path_rules.create(&permit, new, Occasion::now()).await;
            assert!(matches!(refused, Err(AppError::NotFound)), "{refused:?}");
        }
    }

    async fn z02_a_rule_of_another_app_is_not_found_through_mine(database: TestDatabase) {
        let house = House::on(database);
        let (acme, other) = (house.tenant("acme").await, house.tenant("other").await);
        let (mine, theirs) = (house.app(acme, "crm").await, house.app(other, "erp").await);
        let their_permit = house.on_app::<UpdateApp>(other.owner, theirs.id).unwrap();
        let target =
            house.path_rules.create(&their_permit, rule("/admin", Vec::new()), Occasion::now()).await.unwrap();
        let permit = house.on_app::<UpdateApp>(acme.owner, mine.id).unwrap();
        for id in [target.id, PathRuleId::generate()] {
            let replaced = house.path_rules.replace(&permit, id, rule("/x", Vec::new()), Occasion::now()).await;
            assert!(matches!(replaced, Err(AppError::NotFound)));
            let deleted = house.path_rules.delete(&permit, id, Occasion::now()).await;
            assert!(matches!(deleted, Err(AppError::NotFound)));
        }
        let record = apps::load(house.database.connection(), theirs.id).await.unwrap().unwrap();
        assert_eq!(record.facts.rules.as_slice(), [target]);
    }

    async fn a_rule_names_members_only(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let permit = house.on_app::<UpdateApp>(tenant.owner, app.id).unwrap();
        let stranger = rule("/admin", vec![Subject::User(UserId::generate())]);
        let refused = house.path_rules.create(&permit, stranger, Occasion::now()).await;
        assert!(matches!(refused, Err(AppError::NotAMember)), "{refused:?}");
    }

    async fn an_app_has_at_most_a_thousand_rules(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        house.fill_with_rules(app.id, 999).await;
        let permit = house.on_app::<UpdateApp>(tenant.owner, app.id).unwrap();
        house.path_rules.create(&permit, rule("/last", Vec::new()), Occasion::now()).await.unwrap();
        let refused = house.path_rules.create(&permit, rule("/more", Vec::new()), Occasion::now()).await;
        assert!(matches!(refused, Err(AppError::TooManyPathRules)), "{refused:?}");
    }
}
