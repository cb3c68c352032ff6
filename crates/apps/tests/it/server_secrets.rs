//! Server secrets.

use access_control::{
    AssembleEnvironment, DeleteApp, Environment, ListServerSecrets, ManageServerSecrets, Permit, Refusal,
    Role, authorize,
};
use apps::{App, AppError, Grace, IssuedServerSecret, NewServerSecret, Rotation, ServerSecretText};
use audit::Occasion;
use ids::ServerSecretId;
use secrets_vault::VaultError;
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Tenant, principal};

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
    house.server_secrets.issue(&permit, new, Occasion::now()).await
}

async fn rotate(
    house: &House,
    tenant: Tenant,
    app: &App,
    rotation: Rotation,
    now: OffsetDateTime,
) -> Result<IssuedServerSecret, AppError> {
    let permit = house.on_app::<ManageServerSecrets>(tenant.owner, app.id).unwrap();
    house.server_secrets.rotate(&permit, rotation, Occasion { now, ..Occasion::now() }).await
}

fn production(grace_seconds: u32) -> Rotation {
    let grace = Grace::from_seconds(grace_seconds).unwrap();
    Rotation { environment: Environment::Production, grace, force: false }
}

fn deployment(house: &House, tenant: Tenant, app: &App) -> Permit<AssembleEnvironment> {
    authorize(Some(&principal(tenant.owner)), app.id, &*house.facts, OffsetDateTime::now_utc()).unwrap()
}

/// Which secret a text is at an instant, as the directory would find it.
pub async fn found(house: &House, text: &str, now: OffsetDateTime) -> Option<(ServerSecretId, Environment)> {
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
        house.server_secrets.revoke(&permit, old.secret.id, Occasion::now()).await.unwrap();
        assert_eq!(found(&house, old.text.reveal(), now).await, None);
        assert!(found(&house, young.text.reveal(), now).await.is_some());
        let again = house.server_secrets.revoke(&permit, old.secret.id, Occasion::now()).await;
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

    async fn j09_a_rotation_counts_at_once_and_the_old_secret_dies_at_the_stated_instant(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let old = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let preview = issue(&house, tenant, &app, new(Environment::Preview)).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let young = rotate(&house, tenant, &app, production(3600), now).await.unwrap();
        let end = now + Duration::HOUR;
        assert!(found(&house, young.text.reveal(), now).await.is_some());
        assert!(found(&house, old.text.reveal(), end - Duration::SECOND).await.is_some());
        assert!(found(&house, old.text.reveal(), end).await.is_none());
        assert!(found(&house, preview.text.reveal(), end).await.is_some(), "the other environment's");
        // A part of a secret is none, and neither is one with something behind it.
        let text = young.text.reveal();
        for cut in [&text[..text.len() - 1], &text[1..], &text[..text.len() / 2], &format!("{text}A")] {
            assert!(found(&house, cut, now).await.is_none(), "{cut}");
        }

        let third = rotate(&house, tenant, &app, production(3600), now).await;
        assert!(matches!(third, Err(AppError::TooManyServerSecrets)), "both would stay");
        assert!(Grace::from_seconds(30 * 86_400 + 1).is_err());
        // A rotation without grace ends both, and their values go at once.
        assert_eq!(house.count("sealed_values").await, 3);
        let last = rotate(&house, tenant, &app, production(0), now).await.unwrap();
        for dead in [&old, &young] {
            assert!(found(&house, dead.text.reveal(), now).await.is_none());
        }
        assert!(found(&house, last.text.reveal(), now).await.is_some());
        assert_eq!(house.count("sealed_values").await, 2, "the new one, and the other environment's");
    }

    async fn a_secret_in_use_ends_at_once_only_when_one_insists(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let old = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let list = async || {
            let permit = house.on_app::<ListServerSecrets>(tenant.owner, app.id).unwrap();
            house.server_secrets.list(&permit, Occasion::now()).await.unwrap()
        };
        assert_eq!(list().await[0].last_used_at, None);
        house.server_secrets.note_use(old.secret.id, now);
        assert_eq!(list().await[0].last_used_at, Some(now), "before it is written down");
        for written in [false, true] {
            if written {
                house.server_secrets.write_uses().await.unwrap();
            }
            let refused = rotate(&house, tenant, &app, production(0), now + Duration::minutes(14)).await;
            assert!(matches!(refused, Err(AppError::ServerSecretInUse)), "written: {written}");
        }
        let stored = list().await[0].last_used_at.unwrap();
        assert!((stored - now).abs() < Duration::SECOND, "{stored}");
        rotate(&house, tenant, &app, production(3600), now).await.unwrap();
        let force = Rotation { force: true, ..production(0) };
        rotate(&house, tenant, &app, force, now).await.unwrap();
        assert!(found(&house, old.text.reveal(), now).await.is_none());
        // Used long ago: not in use.
        let last = list().await[0];
        house.server_secrets.note_use(last.id, now);
        rotate(&house, tenant, &app, production(0), now + Duration::minutes(15)).await.unwrap();
    }

    /// Issuing one is no way around what holds for rotations.
    async fn j09_issuing_ends_no_secret_in_use_at_once_and_none_later_than_a_grace(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let old = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let now = OffsetDateTime::now_utc();
        house.server_secrets.note_use(old.secret.id, now);
        let ending = |environment, end| NewServerSecret { previous_expires_at: Some(end), ..new(environment) };
        for end in [now, now - Duration::DAY] {
            let refused = issue(&house, tenant, &app, ending(Environment::Production, end)).await;
            assert!(matches!(refused, Err(AppError::ServerSecretInUse)));
        }
        let late = now + Duration::days(30) + Duration::HOUR;
        let refused = issue(&house, tenant, &app, ending(Environment::Production, late)).await;
        assert!(matches!(refused, Err(AppError::Grace(_))));
        assert!(found(&house, old.text.reveal(), late).await.is_some(), "nothing was said of its end");
        issue(&house, tenant, &app, ending(Environment::Preview, now)).await.unwrap();
        let soon = now + Duration::days(29);
        issue(&house, tenant, &app, ending(Environment::Production, soon)).await.unwrap();
        assert!(found(&house, old.text.reveal(), soon).await.is_none());
    }

    /// Both values are the app's own, and open: only their texts say what they are for.
    async fn k03_preview_gets_no_secret_of_production(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let preview = issue(&house, tenant, &app, new(Environment::Preview)).await.unwrap();
        let production = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let permit = deployment(&house, tenant, &app);
        let set = async |of: &IssuedServerSecret, value: ids::SecretId| {
            let sql = "UPDATE server_secrets SET secret_id = $1 WHERE id = $2";
            house.execute(sql, [value.to_string().into(), of.secret.id.to_string().into()]).await;
        };
        house.execute("DELETE FROM server_secrets WHERE id = $1", [production.secret.id.to_string().into()]).await;
        set(&preview, production.secret.value).await;
        let refused = house.server_secrets.to_inject(&permit, Environment::Preview, Occasion::now()).await;
        assert!(matches!(refused.err(), Some(AppError::Vault(VaultError::Tampered(id))) if id == production.secret.value));
        let mut raised = String::new();
        for _ in 0..400 {
            raised = house.last_event().await.0;
            if raised == "vault.tampering_detected" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!(raised, "vault.tampering_detected");
        set(&preview, preview.secret.value).await;
        let injected = house.server_secrets.to_inject(&permit, Environment::Preview, Occasion::now()).await.unwrap();
        assert_eq!(injected.value.reveal_text(), Some(preview.text.reveal()));
    }

    async fn a_deployment_gets_the_newest_live_secret_and_the_first_one_issues_it(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let permit = deployment(&house, tenant, &app);
        let inject = async |environment| {
            house.server_secrets.to_inject(&permit, environment, Occasion::now()).await.unwrap()
        };
        // Two deployments at once inject the same one.
        let (one, other) = tokio::join!(inject(Environment::Production), inject(Environment::Production));
        assert_eq!(one.id, other.id);
        assert!(one.value.matches(&other.value));
        let now = OffsetDateTime::now_utc();
        let text = one.value.reveal_text().unwrap();
        assert_eq!(found(&house, text, now).await, Some((one.id, Environment::Production)));
        let (action, detail) = house.last_event().await;
        assert_eq!(action, "server_secrets.manage");
        assert!(detail.contains("deployment") && !detail.contains(&text[text.len() - 43..]), "{detail}");

        let preview = inject(Environment::Preview).await;
        assert_eq!(
            found(&house, preview.value.reveal_text().unwrap(), now).await,
            Some((preview.id, Environment::Preview))
        );
        let rotated = rotate(&house, tenant, &app, production(3600), now).await.unwrap();
        let injected = inject(Environment::Production).await;
        assert_eq!(injected.value.reveal_text(), Some(rotated.text.reveal()));
        // A member who may not edit the app deploys nothing.
        let member = house.member(tenant, Role::Member).await;
        let refused = authorize::<AssembleEnvironment>(Some(&principal(member)), app.id, &*house.facts, now);
        assert_eq!(refused.err(), Some(Refusal::Forbidden));
    }

    async fn a_value_goes_with_its_secret_and_with_its_app(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let first = issue(&house, tenant, &app, new(Environment::Production)).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let ending = NewServerSecret { expires_at: Some(now + Duration::HOUR), ..new(Environment::Production) };
        let ending = issue(&house, tenant, &app, ending).await.unwrap();
        assert_eq!(house.count("sealed_values").await, 2);

        house.server_secrets.delete_ended(now + Duration::minutes(59)).await.unwrap();
        assert_eq!(house.count("server_secrets").await, 2);
        house.server_secrets.delete_ended(now + Duration::HOUR).await.unwrap();
        assert_eq!((house.count("server_secrets").await, house.count("sealed_values").await), (1, 1));
        assert_eq!(house.last_event().await.0, "server_secrets.end");
        assert!(found(&house, ending.text.reveal(), now).await.is_none());

        let permit = house.on_app::<ManageServerSecrets>(tenant.owner, app.id).unwrap();
        house.server_secrets.revoke(&permit, first.secret.id, Occasion::now()).await.unwrap();
        assert_eq!((house.count("server_secrets").await, house.count("sealed_values").await), (0, 0));

        for environment in Environment::ALL {
            issue(&house, tenant, &app, new(environment)).await.unwrap();
        }
        assert_eq!(house.count("sealed_values").await, 2);
        let permit = house.on_app::<DeleteApp>(tenant.owner, app.id).unwrap();
        house.apps.delete(&permit, Occasion::now()).await.unwrap();
        assert_eq!((house.count("server_secrets").await, house.count("sealed_values").await), (0, 0));
        assert_eq!(house.count("data_keys").await, 1, "the organization's key stays");
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
        let refused = house.server_secrets.revoke(&permit, issued.secret.id, Occasion::now()).await;
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
        assert!(house.server_secrets.list(&permit, Occasion::now()).await.unwrap().is_empty());
    }
}
