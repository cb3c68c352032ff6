//! Agent tokens.

use access_control::{
    AgentCredential, IdentifyAgent, ListAgentTokens, ManageAgentTokens, Principal, Refusal, Role, authorize,
};
use apps::{AgentToken, AgentTokenLife, AgentTokenText, App, AppError, IssuedAgentToken};
use audit::Occasion;
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Tenant};

async fn issue(house: &House, tenant: Tenant, app: &App, minutes: u16) -> Result<IssuedAgentToken, AppError> {
    let permit = house.on_app::<ManageAgentTokens>(tenant.owner, app.id).unwrap();
    house.agent_tokens.issue(&permit, AgentTokenLife::try_from(minutes).unwrap(), Occasion::now()).await
}

/// Which token a text is at an instant, and of which app, as the directory would find it.
async fn found(house: &House, text: &str, now: OffsetDateTime) -> Option<(ids::AppId, AgentToken)> {
    let hash = house.agent_tokens.recognise(text)?;
    let all = apps::load_all(house.database.connection()).await.unwrap();
    let mut tokens = all.iter().flat_map(|app| app.agent_tokens.iter().map(|record| (app.id(), record)));
    tokens
        .find(|(_, record)| record.hash == hash && record.token.is_live(now))
        .map(|(app, record)| (app, record.token.clone()))
}

#[test]
fn a_token_has_one_spelling_and_lives_a_minute_to_a_day() {
    let token = AgentTokenText::generate().unwrap();
    let text = token.reveal();
    assert!(text.starts_with("vybe_agent_") && text.len() == "vybe_agent_".len() + 43);
    assert!(AgentTokenText::parse(text).is_some());
    for other in [
        &text[..text.len() - 1],
        &text[1..],
        &text["vybe_agent_".len()..],
        &format!("{text}A"),
        &format!(" {text}"),
        &format!("{text}="),
        &text.to_uppercase(),
        &text.replace("agent", "api"),
        "vybe_agent_",
        "",
    ] {
        assert!(AgentTokenText::parse(other).is_none(), "{other}");
    }
    let lives: Vec<u16> =
        (0..=u16::MAX).filter(|minutes| AgentTokenLife::try_from(*minutes).is_ok()).collect();
    assert_eq!((lives.first(), lives.last(), lives.len()), (Some(&1), Some(&1440), 1440));
}

on_both_stores! {
    async fn a_token_is_for_its_app_until_it_expires_or_is_revoked(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let (crm, erp) = (house.app(tenant, "crm").await, house.app(tenant, "erp").await);
        let issued = issue(&house, tenant, &crm, 1).await.unwrap();
        let text = issued.text.reveal();
        let at = issued.token.created_at;
        let (app, token) = found(&house, text, at).await.unwrap();
        assert_eq!((app, token.id, token.issued_by.user), (crm.id, issued.token.id, tenant.owner));
        assert!(found(&house, text, at + Duration::seconds(59)).await.is_some());
        assert!(found(&house, text, at + Duration::minutes(1)).await.is_none(), "a fixed end");

        let principal = Principal::Agent(AgentCredential {
            app, organization: tenant.id, token: token.id, issued_by: token.issued_by,
        });
        let now = OffsetDateTime::now_utc();
        let permit = authorize::<IdentifyAgent>(Some(&principal), (), &*house.facts, now).unwrap();
        assert_eq!(house.agent_tokens.presented(&permit).await.unwrap().id, issued.token.id);

        let other = house.on_app::<ManageAgentTokens>(tenant.owner, erp.id).unwrap();
        let refused = house.agent_tokens.revoke(&other, issued.token.id, Occasion::now()).await;
        assert!(matches!(refused, Err(AppError::NotFound)), "through another app");
        let permit = house.on_app::<ManageAgentTokens>(tenant.owner, crm.id).unwrap();
        house.agent_tokens.revoke(&permit, issued.token.id, Occasion::now()).await.unwrap();
        assert!(found(&house, text, at).await.is_none());
        let again = house.agent_tokens.revoke(&permit, issued.token.id, Occasion::now()).await;
        assert!(matches!(again, Err(AppError::NotFound)));
    }

    async fn a_token_goes_with_the_membership_of_its_issuer_and_with_its_app(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let editor = house.member(tenant, Role::Editor).await;
        let permit = house.on_app::<ManageAgentTokens>(editor, app.id).unwrap();
        house.agent_tokens.issue(&permit, AgentTokenLife::USUAL, Occasion::now()).await.unwrap();
        let owners = issue(&house, tenant, &app, 5).await.unwrap();
        assert_eq!(house.count("agent_tokens").await, 2);
        house.remove_member(tenant, editor).await;
        assert_eq!(house.count("agent_tokens").await, 1);
        // The permit was given while they still were a member.
        let late = house.agent_tokens.issue(&permit, AgentTokenLife::USUAL, Occasion::now()).await;
        assert!(matches!(late, Err(AppError::NotAMember)));
        house.join(tenant, editor, Role::Editor).await;
        assert_eq!(house.count("agent_tokens").await, 1, "coming back brings none back");
        let delete = house.on_app::<access_control::DeleteApp>(tenant.owner, app.id).unwrap();
        house.apps.delete(&delete, Occasion::now()).await.unwrap();
        assert_eq!(house.count("agent_tokens").await, 0);
        assert!(found(&house, owners.text.reveal(), OffsetDateTime::now_utc()).await.is_none());
    }

    async fn an_app_has_a_hundred_live_tokens_at_most(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        for _ in 0..100 {
            issue(&house, tenant, &app, 1).await.unwrap();
        }
        let refused = issue(&house, tenant, &app, 1).await;
        assert!(matches!(refused, Err(AppError::TooManyAgentTokens)));
        let permit = house.on_app::<ManageAgentTokens>(tenant.owner, app.id).unwrap();
        let mut later = Occasion::now();
        later.now += Duration::minutes(2);
        house.agent_tokens.issue(&permit, AgentTokenLife::USUAL, later).await.unwrap();
        assert_eq!(house.count("agent_tokens").await, 1, "those that expired are gone");
    }

    async fn a_token_is_shown_once_and_kept_as_a_keyed_hash(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let issued = issue(&house, tenant, &app, 5).await.unwrap();
        let text = issued.text.reveal();
        let (action, detail) = house.last_event().await;
        assert_eq!(action, "agent_tokens.manage");
        assert!(!detail.contains(&text[text.len() - 43..]), "{detail}");
        let record = apps::load(house.database.connection(), app.id).await.unwrap().unwrap();
        assert_ne!(record.agent_tokens[0].hash.to_vec(), cryptography::digest(text.as_bytes()));
        assert_eq!(Some(record.agent_tokens[0].hash), house.agent_tokens.recognise(text));
    }

    async fn tokens_are_for_editors(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        let member = house.member(tenant, Role::Member).await;
        assert_eq!(house.on_app::<ListAgentTokens>(member, app.id).err(), Some(Refusal::Forbidden));
        assert_eq!(house.on_app::<ManageAgentTokens>(member, app.id).err(), Some(Refusal::Forbidden));
        issue(&house, tenant, &app, 1).await.unwrap();
        let permit = house.on_app::<ListAgentTokens>(tenant.owner, app.id).unwrap();
        assert_eq!(house.agent_tokens.list(&permit, Occasion::now()).await.unwrap().len(), 1);
        let mut later = Occasion::now();
        later.now += Duration::minutes(2);
        assert!(house.agent_tokens.list(&permit, later).await.unwrap().is_empty());
    }
}
