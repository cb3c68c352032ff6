//! Server secrets.

use access_control::{Environment, ListServerSecrets, ManageServerSecrets, Refusal, Role};
use apps::{App, AppError, IssuedServerSecret, NewServerSecret, ServerSecretText};
use ids::ServerSecretId;
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Tenant, occasion};

fn new(environment: Environment) -> NewServerSecret {
    NewServerSecret { environment, expires_at: None, previous_expires_at: None }
}

async fn issue(
    house: &House,
    tenant: Tenant,
    app: &App,
    new: NewServerSecret,
) -> Result<IssuedServerSecret, AppError> {
    let permit = house.on_app::<ManageServerSecrets>(tenant.owner, app.id).unwrap();
    house.server_secrets.issue(&permit, new, occasion()).await
}

/// Which secret a text is at an instant, as the directory would find it.
async fn found(house: &House, text: &str, now: OffsetDateTime) -> Option<(ServerSecretId, Environment)> {
    let hash = house.server_secrets.recognise(text)?;
    let all = apps::load_all(house.database.connection()).await.unwrap();
    let mut secrets = all.iter().flat_map(|record| &record.secrets);
    secrets
        .find(|secret| secret.hash == hash && secret.is_live(now))
        .map(|secret| (secret.id, secret.environment))
}

#[test]
fn j09_a_secret_has_one_spelling() {
    let secret = ServerSecretText::generate(Environment::Production).unwrap();
    let text = secret.reveal();
    assert!(text.starts_with("vybe_sk_production_"));
    assert_eq!(text.len(), "vybe_sk_production_".len() + 43);
    assert!(ServerSecretText::parse(text).is_some());
    for other in [
        &text[..text.len() - 1],
        &text[1..],
        &text["vybe_sk_production_".len()..],
        &format!("{text}A"),
        &format!(" {text}"),
        &format!("{text}="),
        &text.to_uppercase(),
        &text.replace("production", "staging"),
        "",
        "vybe_sk_",
        "vybe_sk_production_",
    ] {
        assert!(ServerSecretText::parse(other).is_none(), "{other}");
    }
}

on_both_stores! {
    async fn j09_rotation_the_new_secret_counts_at_once_and_the_old_one_ends_when_revoked(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let old = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let young = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let production = Environment::Production;
        assert_eq!(found(&house, old.text.reveal(), now).await, Some((old.secret.id, production)));
        assert_eq!(found(&house, young.text.reveal(), now).await, Some((young.secret.id, production)));
        let third = issue(&house, tenant, &app, new(Environment::Production)).await;
        assert!(matches!(third, Err(AppError::TooManyServerSecrets)));
        // The other environment counts by itself.
        let preview = issue(&house, tenant, &app, new(Environment::Preview)).await.unwrap();
        assert_eq!(
            found(&house, preview.text.reveal(), now).await,
            Some((preview.secret.id, Environment::Preview))
        );
        let permit = house.on_app::<ManageServerSecrets>(tenant.owner, app.id).unwrap();
        house.server_secrets.revoke(&permit, old.secret.id, occasion()).await.unwrap();
        assert_eq!(found(&house, old.text.reveal(), now).await, None);
        assert!(found(&house, young.text.reveal(), now).await.is_some());
        let again = house.server_secrets.revoke(&permit, old.secret.id, occasion()).await;
        assert!(matches!(again, Err(AppError::NotFound)));
    }

    async fn j09_rotation_the_old_secret_ends_at_the_stated_instant(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let old = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let preview = issue(&house, tenant, &app, new(Environment::Preview)).await.unwrap();
        let end = OffsetDateTime::now_utc() + Duration::HOUR;
        let rotation = NewServerSecret { previous_expires_at: Some(end), ..new(Environment::Production) };
        let young = issue(&house, tenant, &app, rotation).await.unwrap();
        assert!(found(&house, old.text.reveal(), end - Duration::SECOND).await.is_some());
        assert!(found(&house, old.text.reveal(), end).await.is_none());
        assert!(found(&house, young.text.reveal(), end).await.is_some());
        assert!(found(&house, preview.text.reveal(), end).await.is_some(), "the other environment's");
        // At once: what ended makes room.
        let now = OffsetDateTime::now_utc();
        let rotation = NewServerSecret { previous_expires_at: Some(now), ..new(Environment::Production) };
        let youngest = issue(&house, tenant, &app, rotation).await.unwrap();
        assert!(found(&house, young.text.reveal(), now).await.is_none());
        assert!(found(&house, youngest.text.reveal(), now).await.is_some());
    }

    async fn j09_a_secret_is_shown_once_and_kept_as_a_keyed_hash(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let issued = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let text = issued.text.reveal();
        let (action, detail) = house.last_event().await;
        assert_eq!(action, "server_secrets.manage");
        assert!(!detail.contains(&text[text.len() - 43..]), "{detail}");
        let record = apps::load(house.database.connection(), app.id).await.unwrap().unwrap();
        assert_ne!(record.secrets[0].hash.to_vec(), cryptography::digest(text.as_bytes()));
        assert_eq!(Some(record.secrets[0].hash), house.server_secrets.recognise(text));
        // Naming another environment does not move a secret there.
        let moved = text.replace("production", "preview");
        assert_eq!(found(&house, &moved, OffsetDateTime::now_utc()).await, None);
    }

    async fn z02_a_secret_of_another_app_cannot_be_revoked_through_mine(database: TestDatabase) {
        let house = House::on(database);
        let (acme, other) = (house.tenant("acme").await, house.tenant("other").await);
        let (mine, theirs) = (house.app(acme, "crm").await, house.app(other, "erp").await);
        let issued = issue(&house, other, &theirs, new(Environment::Production)).await.unwrap();
        let permit = house.on_app::<ManageServerSecrets>(acme.owner, mine.id).unwrap();
        let refused = house.server_secrets.revoke(&permit, issued.secret.id, occasion()).await;
        assert!(matches!(refused, Err(AppError::NotFound)));
        assert!(found(&house, issued.text.reveal(), OffsetDateTime::now_utc()).await.is_some());
    }

    async fn secrets_are_for_editors(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let member = house.member(tenant, Role::Member).await;
        assert_eq!(house.on_app::<ListServerSecrets>(member, app.id).err(), Some(Refusal::Forbidden));
        let past = NewServerSecret {
            expires_at: Some(OffsetDateTime::now_utc() - Duration::SECOND),
            ..new(Environment::Preview)
        };
        assert!(matches!(issue(&house, tenant, &app, past).await, Err(AppError::EndPassed)));
        let permit = house.on_app::<ListServerSecrets>(tenant.owner, app.id).unwrap();
        assert!(house.server_secrets.list(&permit, occasion()).await.unwrap().is_empty());
    }
}
