//! What the directory is given.

use test_support::{TestDatabase, on_both_stores};

use crate::house::House;

on_both_stores! {
    async fn all_apps_are_read_as_one_is(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let mut expected = Vec::new();
        for number in 0..5 {
            let app = house.app(tenant, &format!("app{number}")).await;
            house.fill_with_rules(app.id, number).await;
            expected.push((app.id, app.label, number));
        }
        let all = apps::load_all(house.database.connection()).await.unwrap();
        let found: Vec<_> = all
            .iter()
            .map(|record| (record.id(), record.label.clone(), record.facts.rules.as_slice().len()))
            .collect();
        assert_eq!(found, expected);
        for record in all {
            let one = apps::load(house.database.connection(), record.id()).await.unwrap().unwrap();
            assert_eq!(one.facts.rules.as_slice(), record.facts.rules.as_slice());
            assert_eq!(one.organization(), tenant.id);
        }
    }

    async fn an_app_that_does_not_exist_is_none(database: TestDatabase) {
        let house = House::on(database);
        let none = apps::load(house.database.connection(), ids::AppId::generate()).await.unwrap();
        assert!(none.is_none());
    }
}
