//! Rotations of the server secrets of all apps of an organization.

use std::collections::BTreeSet;

use access_control::{Environment, ManageServerSecrets, Refusal, Role, RotateServerSecrets};
use apps::{App, AppError, Grace, NewServerSecret, ServerSecretRotationProgress, ServerSecretRotationState};
use audit::Occasion;
use sea_orm::ConnectionTrait as _;
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Tenant};
use crate::server_secrets::found;

fn grace(seconds: u32) -> Grace {
    Grace::from_seconds(seconds).unwrap()
}

/// Apps with a secret for each environment, and the texts of these.
async fn apps_with_secrets(house: &House, tenant: Tenant, number: usize) -> (Vec<App>, Vec<String>) {
    let (mut apps, mut texts) = (Vec::new(), Vec::new());
    for index in 0..number {
        let app = house.app(tenant, &format!("app{index}")).await;
        let permit = house.on_app::<ManageServerSecrets>(tenant.owner, app.id).unwrap();
        for environment in Environment::ALL {
            let new = NewServerSecret { environment, expires_at: None, previous_expires_at: None };
            let issued = house.server_secrets.issue(&permit, new, Occasion::now()).await.unwrap();
            texts.push(issued.text.reveal().to_owned());
        }
        apps.push(app);
    }
    (apps, texts)
}

async fn begin(
    house: &House,
    tenant: Tenant,
    grace: Grace,
    now: OffsetDateTime,
) -> Result<ServerSecretRotationProgress, AppError> {
    let permit = house.within::<RotateServerSecrets>(tenant.owner, tenant).unwrap();
    house.server_secret_rotations.begin(&permit, grace, Occasion { now, ..Occasion::now() }).await
}

async fn progress(house: &House, tenant: Tenant, now: OffsetDateTime) -> ServerSecretRotationProgress {
    let permit = house.within::<RotateServerSecrets>(tenant.owner, tenant).unwrap();
    house.server_secret_rotations.read(&permit, now).await.unwrap().unwrap()
}

/// How many of these texts are recognised.
async fn recognised(house: &House, texts: &[String], now: OffsetDateTime) -> usize {
    let mut count = 0;
    for text in texts {
        count += usize::from(found(house, text, now).await.is_some());
    }
    count
}

on_both_stores! {
    async fn k05_every_app_gets_new_secrets_and_the_older_ones_end_after_the_grace(database: TestDatabase) {
        let house = House::on(database);
        let (tenant, other) = (house.tenant("acme").await, house.tenant("other").await);
        let (_, old) = apps_with_secrets(&house, tenant, 3).await;
        house.app(tenant, "bare").await;
        let (_, foreign) = apps_with_secrets(&house, other, 1).await;
        let now = OffsetDateTime::now_utc();
        let begun = begin(&house, tenant, grace(3600), now).await.unwrap();
        assert_eq!((begun.state, begun.total, begun.done), (ServerSecretRotationState::Running, 6, 0));
        let again = begin(&house, tenant, grace(3600), now).await;
        assert!(matches!(again, Err(AppError::RotationUnderWay)));

        house.server_secret_rotations.work(now).await.unwrap();
        let later = now + Duration::minutes(59);
        let waiting = progress(&house, tenant, later).await;
        assert_eq!((waiting.state, waiting.done), (ServerSecretRotationState::Grace, 6));
        let remaining = waiting.remaining.unwrap();
        assert!((remaining - Duration::minutes(1)).abs() < Duration::SECOND, "{remaining}");
        assert_eq!(recognised(&house, &old, later).await, 6);
        assert_eq!(house.count("server_secrets").await, 6 + 6 + 2, "an app without secrets got none");
        house.server_secret_rotations.work(later).await.unwrap();
        assert_eq!(house.count("server_secrets").await, 6 + 6 + 2, "nothing is done twice");

        let end = now + Duration::HOUR;
        house.server_secret_rotations.work(end).await.unwrap();
        let finished = progress(&house, tenant, end).await;
        assert_eq!((finished.state, finished.checked), (ServerSecretRotationState::Finished, Some(6)));
        assert_eq!(recognised(&house, &old, end).await, 0);
        assert_eq!(recognised(&house, &foreign, end).await, 2, "another organization's");
        let (action, detail) = house.last_event().await;
        assert_eq!(action, "server_secrets.rotate_all");
        assert!(detail.contains("\"checked\":6"), "{detail}");
        house.server_secrets.delete_ended(end).await.unwrap();
        assert_eq!((house.count("server_secrets").await, house.count("sealed_values").await), (8, 8));
        begin(&house, tenant, grace(3600), end).await.unwrap();
    }

    async fn k05_a_rotation_that_was_killed_goes_on_where_it_was(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let (_, old) = apps_with_secrets(&house, tenant, 6).await;
        let now = OffsetDateTime::now_utc();
        begin(&house, tenant, grace(0), now).await.unwrap();
        for wanted in [1, 5, 9] {
            let rotations = house.server_secret_rotations.clone();
            let work = tokio::spawn(async move { rotations.work(now).await });
            while progress(&house, tenant, now).await.done < wanted {
                tokio::task::yield_now().await;
            }
            work.abort();
            drop(work.await);
            // Whatever the moment, each environment has one secret that counts: its old one or its new one. A commit
            // that had begun still ends.
            loop {
                let here = progress(&house, tenant, now).await;
                let count = recognised(&house, &old, now).await as u64;
                if progress(&house, tenant, now).await.done == here.done {
                    assert_eq!(count, here.total - here.done);
                    break;
                }
            }
            assert_eq!(house.count("server_secrets").await, 12);
        }
        house.server_secret_rotations.work(now).await.unwrap();
        let finished = progress(&house, tenant, now).await;
        assert_eq!((finished.state, finished.done, finished.checked), (ServerSecretRotationState::Finished, 12, Some(12)));
        assert_eq!(recognised(&house, &old, now).await, 0);
        assert_eq!((house.count("server_secrets").await, house.count("sealed_values").await), (12, 12));
    }

    async fn a_secret_that_somebody_issues_meanwhile_is_the_new_one(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let (apps, old) = apps_with_secrets(&house, tenant, 1).await;
        let now = OffsetDateTime::now_utc();
        begin(&house, tenant, grace(60), now).await.unwrap();
        let permit = house.on_app::<ManageServerSecrets>(tenant.owner, apps[0].id).unwrap();
        let new = NewServerSecret {
            environment: Environment::Production,
            expires_at: None,
            previous_expires_at: None,
        };
        let own = house.server_secrets.issue(&permit, new, Occasion::now()).await.unwrap();
        assert_eq!(progress(&house, tenant, now).await.done, 0, "the older one would count for ever");
        let now = OffsetDateTime::now_utc();
        house.server_secret_rotations.work(now).await.unwrap();
        assert_eq!(house.count("server_secrets").await, 4, "two for each environment");
        let end = now + Duration::minutes(1);
        house.server_secret_rotations.work(end).await.unwrap();
        assert_eq!(progress(&house, tenant, end).await.state, ServerSecretRotationState::Finished);
        assert_eq!(recognised(&house, &old, end).await, 0);
        assert!(found(&house, own.text.reveal(), end).await.is_some());
    }

    async fn a_leak_does_not_wait_for_the_grace_of_another_rotation(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let (_, old) = apps_with_secrets(&house, tenant, 2).await;
        let now = OffsetDateTime::now_utc();
        begin(&house, tenant, Grace::LONGEST, now).await.unwrap();
        house.server_secret_rotations.work(now).await.unwrap();
        assert_eq!(recognised(&house, &old, now).await, 4);
        let later = OffsetDateTime::now_utc();
        begin(&house, tenant, Grace::NONE, later).await.unwrap();
        house.server_secret_rotations.work(later).await.unwrap();
        assert_eq!(progress(&house, tenant, later).await.state, ServerSecretRotationState::Finished);
        assert_eq!(recognised(&house, &old, later).await, 0);
        assert_eq!(house.count("server_secrets").await, 4);
    }

    /// One organization's key does not seal any more. The others get their secrets.
    async fn k05_no_organization_waits_for_another(database: TestDatabase) {
        let house = House::on(database);
        let mut tenants = Vec::new();
        for slug in ["first", "middle", "last"] {
            let tenant = house.tenant(slug).await;
            apps_with_secrets(&house, tenant, 1).await;
            tenants.push(tenant);
        }
        let now = OffsetDateTime::now_utc();
        for tenant in &tenants {
            begin(&house, *tenant, grace(3600), now).await.unwrap();
        }
        // Before and after it in any order.
        let exhausted = format!("UPDATE data_keys SET seals = 4294967296 WHERE holder = '{}'", tenants[1].id);
        house.database.connection().execute_unprepared(&exhausted).await.unwrap();
        assert!(matches!(house.server_secret_rotations.work(now).await, Err(AppError::Vault(_))));
        let states = [
            progress(&house, tenants[0], now).await.state,
            progress(&house, tenants[1], now).await.state,
            progress(&house, tenants[2], now).await.state,
        ];
        assert_eq!(states, [ServerSecretRotationState::Grace, ServerSecretRotationState::Running, ServerSecretRotationState::Grace]);
    }

    async fn rotations_are_for_owners_and_admins(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let refused: BTreeSet<_> = {
            let mut refused = BTreeSet::new();
            for role in Role::ALL {
                let person = house.member(tenant, role).await;
                if house.within::<RotateServerSecrets>(person, tenant).err() == Some(Refusal::Forbidden) {
                    refused.insert(role.to_string());
                }
            }
            refused
        };
        assert!(!refused.contains("owner") && !refused.contains("admin"), "{refused:?}");
        assert_eq!(refused.len(), Role::ALL.len() - 2, "{refused:?}");
    }
}
