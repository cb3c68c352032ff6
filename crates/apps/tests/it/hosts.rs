//! Whose a host label is.

use access_control::{AppRole, DeleteApp, Environment, ReadAppAccess, Refusal, UpdateApp};
use apps::{AppError, NewGrant, NewPathRule, NewServerSecret};
use audit::Occasion;
use ids::SlugError;
use test_support::{TestDatabase, on_both_stores};

use crate::house::House;

on_both_stores! {
    async fn v01_a_label_that_two_pairs_of_slugs_print_has_one_owner(database: TestDatabase) {
        let house = House::on(database);
        let (c, b_c) = (house.tenant("c").await, house.tenant("b-c").await);
        let first = house.app(c, "a-b").await;
        assert_eq!(first.label.as_str(), "a-b-c");
        match house.try_app(b_c, "a").await {
            Err(AppError::HostTaken(label)) => assert_eq!(label.as_str(), "a-b-c"),
            other => panic!("{other:?}"),
        }
        assert_eq!((house.count("apps").await, house.count("hosts").await), (1, 1));
    }

    async fn v01_the_same_in_the_other_order(database: TestDatabase) {
        let house = House::on(database);
        let (c, b_c) = (house.tenant("c").await, house.tenant("b-c").await);
        house.app(b_c, "a").await;
        assert!(matches!(house.try_app(c, "a-b").await, Err(AppError::HostTaken(_))));
        assert!(matches!(house.try_app(b_c, "a").await, Err(AppError::HostTaken(_))));
        assert_eq!((house.count("apps").await, house.count("hosts").await), (1, 1));
    }

    async fn v01_a_race_for_one_label_has_one_winner(database: TestDatabase) {
        let house = House::on(database);
        let (c, b_c) = (house.tenant("c").await, house.tenant("b-c").await);
        for round in 0..10 {
            let (left, right) = (format!("a{round}-b"), format!("a{round}"));
            let (left, right) = tokio::join!(house.try_app(c, &left), house.try_app(b_c, &right));
            assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
            assert!(matches!(left.and(right), Err(AppError::HostTaken(_))));
        }
        assert_eq!((house.count("apps").await, house.count("hosts").await), (10, 10));
    }

    async fn v05_a_label_that_reads_as_the_platform_is_refused(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("sts").await;
        let refused = house.try_app(tenant, "mta").await;
        assert!(matches!(refused, Err(AppError::Label(SlugError::Reserved(_)))), "{refused:?}");
        for word in ["www", "api", "login", "auth", "admin", "app", "static", "status", "_acme-challenge"] {
            assert!(word.parse::<ids::AppSlug>().is_err(), "{word}");
        }
        assert_eq!(house.count("hosts").await, 0);
    }

    async fn v06_a_name_used_again_inherits_nothing(database: TestDatabase) {
        let house = House::on(database);
        let (c, b_c) = (house.tenant("c").await, house.tenant("b-c").await);
        let app = house.app(c, "a-b").await;
        let update = house.on_app::<UpdateApp>(c.owner, app.id).unwrap();
        let grant = NewGrant { user: c.owner, role: AppRole::Editor, expires_at: None };
        house.grants.put(&update, grant, Occasion::now()).await.unwrap();
        let rule = NewPathRule::new("/admin", &[], Vec::new()).unwrap();
        house.path_rules.create(&update, rule, Occasion::now()).await.unwrap();
        let new = NewServerSecret {
            environment: Environment::Production,
            expires_at: None,
            previous_expires_at: None,
        };
        let manage = house.on_app(c.owner, app.id).unwrap();
        house.server_secrets.issue(&manage, new, Occasion::now()).await.unwrap();

        let delete = house.on_app::<DeleteApp>(c.owner, app.id).unwrap();
        house.apps.delete(&delete, Occasion::now()).await.unwrap();
        for table in ["apps", "hosts", "grants", "path_rules", "server_secrets"] {
            assert_eq!(house.count(table).await, 0, "{table}");
        }
        assert_eq!(house.on_app::<ReadAppAccess>(c.owner, app.id).err(), Some(Refusal::NotFound));
        // A permit of before acts on nothing.
        let late = house.grants.put(&update, grant, Occasion::now()).await;
        assert!(matches!(late, Err(AppError::NotFound)), "{late:?}");

        let heir = house.app(b_c, "a").await;
        assert_eq!(heir.label.as_str(), "a-b-c");
        assert_ne!(heir.id, app.id);
        let record = apps::load(house.database.connection(), heir.id).await.unwrap().unwrap();
        assert!(record.facts.grants.is_empty() && record.facts.rules.as_slice().is_empty());
        assert!(record.secrets.is_empty() && record.upstream.is_none());
    }
}
