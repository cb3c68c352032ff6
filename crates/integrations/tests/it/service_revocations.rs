//! Every account of a service is revoked at the service, at its pace, once, whatever happens meanwhile; and the report says
//! what became of each.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use access_control::{
    AppFacts, Facts, FactsUnavailable, Means, MemberFacts, OrganizationFacts, Permit, Principal,
    RevokeService, Role, SignedIn, authorize,
};
use audit::{Occasion, Receipts};
use catalogue::Service;
use cryptography::{PublicKey, RootKey};
use ids::{AppId, OrganizationId, SessionId};
use integrations::{
    ATTESTS_REVOCATION, AccountCredentials, AccountError, OpenedFor, RevocationLimits, ServiceRevocation,
    ServiceRevocations, Services, SignedRevocationReport, Store,
};
use service_client::Credentials;
use test_support::TestDatabase;
use test_support::token_server::{Conduct, Fault, Reuse};
use time::OffsetDateTime;

use crate::refresh_house::{RefreshHouse, SERVICE, quick};

/// How many accounts are revoked; `cargo xtask soak drill` sets more.
const ACCOUNTS: &str = "VYBE_DRILL_ACCOUNTS";
const USUAL_ACCOUNTS: usize = 200;
const HOUR: Duration = Duration::from_secs(3600);

struct Known(Arc<OrganizationFacts>);

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(Some(Arc::clone(&self.0)).filter(|known| known.id == id))
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(None)
    }
}

struct Drill {
    house: RefreshHouse,
    permit: Permit<RevokeService>,
    key: PublicKey,
    receipts: Arc<Receipts>,
}

impl Drill {
    async fn new(database: TestDatabase, most_per_minute: Option<u32>) -> Self {
        let mut house = RefreshHouse::new(database, Reuse::SingleUse, HOUR).await;
        let section = "[authentication.revocation]\n";
        let entry = &mut house.setting.entry;
        match most_per_minute {
            Some(most) => {
                *entry = entry.replace(section, &format!("{section}most_per_minute = {most}\n"));
            }
            None => {
                let (before, rest) = entry.split_once(section).unwrap();
                let (_, after) = rest.split_once("[api]").unwrap();
                *entry = format!("{before}[api]{after}");
            }
        }
        let signing = RootKey::generate().unwrap().signing_key("audit heads").unwrap();
        let key = signing.public_key();
        Self { permit: permit(&house), key, receipts: Arc::new(Receipts::new(signing)), house }
    }

    /// A process of its own.
    fn process(&self, limits: RevocationLimits) -> ServiceRevocations {
        ServiceRevocations::new(
            self.credentials(),
            self.house.setting.client(),
            Arc::clone(&self.receipts),
            limits,
        )
    }

    fn credentials(&self) -> AccountCredentials {
        let store = Store::new(self.house.journal.clone());
        let service = Arc::new(Service::parse(&self.house.setting.entry).unwrap());
        let services = Services::new(store.clone(), [service]);
        AccountCredentials::new(store, self.house.vault.clone(), services)
    }

    async fn begin(&self, process: &ServiceRevocations) -> Result<ServiceRevocation, AccountError> {
        let occasion = Occasion::now();
        process.begin(&self.permit, &SERVICE.parse().unwrap(), occasion).await
    }

    /// Waits for the end of a revocation that somebody works on.
    async fn ended(&self, process: &ServiceRevocations, begun: &ServiceRevocation) -> SignedRevocationReport {
        let began = Instant::now();
        loop {
            let found = process.find(&self.permit, begun.id).await.unwrap();
            if let Some(report) = found.report {
                assert!(report.is_signed_by(&self.key, ATTESTS_REVOCATION));
                assert_eq!(found.revocation.counts.pending, 0);
                return report;
            }
            assert!(began.elapsed() < Duration::from_secs(900), "{:?}", found.revocation);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What proves the accounts now.
    async fn proofs(&self) -> Vec<Credentials> {
        let credentials = self.credentials();
        let rows = self.house.database.connection();
        let sql = sea_orm::Statement::from_string(self.house.database.backend(), "SELECT id FROM accounts");
        let mut proofs = Vec::new();
        for row in sea_orm::ConnectionTrait::query_all_raw(rows, sql).await.unwrap() {
            let id = row.try_get::<String>("", "id").unwrap().parse().unwrap();
            let account = self.house.find(id).await;
            proofs.push(credentials.unlock(&account, OpenedFor::Tokens).await.unwrap().credentials);
        }
        proofs
    }

    fn living_grants(&self) -> usize {
        self.house.server.histories().iter().filter(|grant| !grant.revoked).count()
    }
}

/// Leave of an Admin of the organization that is seeded now.
fn permit(house: &RefreshHouse) -> Permit<RevokeService> {
    let user = house.user;
    let members = HashMap::from([(user, MemberFacts { role: Role::Admin, groups: Vec::new() })]);
    let facts = OrganizationFacts { id: house.organization, hosted_domain: None, members };
    let now = OffsetDateTime::now_utc();
    let person = Principal::User(SignedIn {
        user,
        session: SessionId::generate(),
        authenticated_at: now,
        means: Means::Browser,
        hosted_domain: None,
    });
    authorize::<RevokeService>(Some(&person), house.organization, &Known(Arc::new(facts)), now).unwrap()
}

fn accounts() -> usize {
    std::env::var(ACCOUNTS).ok().and_then(|number| number.parse().ok()).unwrap_or(USUAL_ACCOUNTS)
}

test_support::on_both_stores! {
    async fn every_account_is_revoked_at_the_service_and_what_proved_it_destroyed(database: TestDatabase) {
        let number = accounts();
        let backend = database.backend();
        let drill = Drill::new(database, Some(60_000)).await;
        drill.house.accounts(number, |_| (HOUR, HOUR)).await;
        // So fast is it; and now and then it fails.
        let most = u32::try_from(number / 5).unwrap();
        let faults = VecDeque::from([(500, None), (503, Some(1)), (429, Some(1))]);
        drill.house.server.conduct(Conduct {
            refused_revocations: faults,
            most_revocations: Some(most),
            ..Conduct::default()
        });
        let process = drill.process(RevocationLimits::default());
        let working = tokio::spawn(process.clone().run());
        let began = Instant::now();
        let begun = drill.begin(&process).await.unwrap();
        let report = drill.ended(&process, &begun).await.attestation.found;
        let took = began.elapsed();
        working.abort();
        println!(
            "drill: {number} accounts on {backend:?}: {} revoked, {} failed in {:.1} s, {:.0} a second; the service \
             takes {most} a second, and asked to wait {} times",
            report.revoked,
            report.failed,
            took.as_secs_f64(),
            number as f64 / took.as_secs_f64(),
            report.waits
        );
        let all = number as u64;
        assert_eq!((report.accounts, report.revoked, report.each.len()), (all, all, number));
        assert!(report.waits > 0, "{report:?}");
        assert_eq!(drill.living_grants(), 0);
        assert!(drill.proofs().await.iter().all(|proof| matches!(proof, Credentials::None)));
        let rows = "accounts WHERE state = 'needs_reconnect' AND cause = 'revoked' AND refresh_at IS NULL";
        assert_eq!(drill.house.count(rows).await, i64::try_from(number).unwrap());
        let each = "audit_events WHERE action = 'accounts.revoke_service' AND target_kind = 'account'";
        assert_eq!(drill.house.count(each).await, i64::try_from(number).unwrap());

        // Once more: nothing is left to revoke.
        let again = drill.begin(&process).await.unwrap();
        process.work().await.unwrap();
        let report = drill.ended(&process, &again).await.attestation.found;
        assert_eq!((report.not_revocable, report.revoked), (all, 0));
        assert!(report.each.iter().all(|account| account.reason.as_deref() == Some("nothing_kept")));
    }

    async fn a_process_that_ends_in_the_middle_leaves_the_rest_to_another(database: TestDatabase) {
        let drill = Drill::new(database, Some(1_200)).await;
        drill.house.accounts(60, |_| (HOUR, HOUR)).await;
        let limits = RevocationLimits { lease: Duration::from_secs(1), ..RevocationLimits::default() };
        let first = drill.process(limits);
        let begun = drill.begin(&first).await.unwrap();
        assert!(matches!(drill.begin(&first).await, Err(AccountError::RevocationUnderWay(id)) if id == begun.id));
        let working = tokio::spawn(first.clone().run());
        while drill.living_grants() > 40 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        working.abort();
        let _ = working.await;
        assert!(drill.living_grants() > 0);
        let second = drill.process(limits);
        let working = tokio::spawn(second.clone().run());
        let report = drill.ended(&second, &begun).await.attestation.found;
        working.abort();
        assert_eq!((report.accounts, report.revoked), (60, 60));
        assert_eq!(drill.living_grants(), 0);
        let each = "audit_events WHERE action = 'accounts.revoke_service' AND target_kind = 'account'";
        assert_eq!(drill.house.count(each).await, 60);
    }

    async fn what_a_refresh_under_way_brings_is_revoked_too(database: TestDatabase) {
        let drill = Drill::new(database, Some(60_000)).await;
        let engine = drill.house.engine(quick());
        let account = drill.house.account(Duration::ZERO, HOUR).await;
        drill.house.server.fail_once(Fault::Held);
        let mut held = drill.house.server.held();
        held.mark_unchanged();
        let refreshing = engine.start();
        held.changed().await.unwrap();
        let process = drill.process(RevocationLimits::default());
        let begun = drill.begin(&process).await.unwrap();
        let working = tokio::spawn(process.clone().run());
        tokio::time::sleep(Duration::from_millis(300)).await;
        drill.house.server.release();
        let report = drill.ended(&process, &begun).await.attestation.found;
        working.abort();
        refreshing.end().await;
        assert_eq!(report.revoked, 1, "{report:?}");
        let history = drill.house.server.history(account.grant);
        assert!(history.revoked && history.refreshes == 1 && history.double_spends == 0, "{history:?}");
        assert_eq!(drill.house.state(account.id).await.1.as_deref(), Some("revoked"));
    }

    async fn a_service_that_wants_to_be_waited_for_keeps_no_other_organization_waiting(database: TestDatabase) {
        let mut drill = Drill::new(database, Some(60_000)).await;
        drill.house.account(HOUR, HOUR).await;
        // Longer than the test waits for anything.
        drill.house.server.conduct(Conduct {
            refused_revocations: VecDeque::from([(503, Some(3600))]),
            ..Conduct::default()
        });
        let hour = RevocationLimits { lease: Duration::from_secs(1), longest_wait: HOUR, ..RevocationLimits::default() };
        let process = drill.process(hour);
        let working = tokio::spawn(process.clone().run());
        let waiting = drill.begin(&process).await.unwrap();
        let began = Instant::now();
        while process.find(&drill.permit, waiting.id).await.unwrap().revocation.waits == 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "the service was not asked");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drill.house.move_on().await;
        let first = std::mem::replace(&mut drill.permit, permit(&drill.house));
        drill.house.account(HOUR, HOUR).await;
        // Another process is told of it, and ends.
        let begun = drill.begin(&drill.process(hour)).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), drill.ended(&process, &begun)).await;
        assert_eq!(ended.expect("it waits for the other one").attestation.found.revoked, 1);
        assert!(process.find(&first, waiting.id).await.unwrap().report.is_none());
        working.abort();
    }

    async fn what_no_program_can_revoke_is_listed_and_forgotten(database: TestDatabase) {
        let drill = Drill::new(database, None).await;
        drill.house.accounts(3, |_| (HOUR, HOUR)).await;
        let process = drill.process(RevocationLimits::default());
        let begun = drill.begin(&process).await.unwrap();
        process.work().await.unwrap();
        let signed = drill.ended(&process, &begun).await;
        let report = &signed.attestation.found;
        assert_eq!((report.not_revocable, report.revoked, report.failed), (3, 0, 0));
        assert!(report.each.iter().all(|account| account.reason.as_deref() == Some("no_endpoint")));
        assert!(report.each.iter().all(|account| account.name.is_some()), "they are shared");
        assert_eq!(drill.living_grants(), 3);
        assert!(drill.proofs().await.iter().all(|proof| matches!(proof, Credentials::None)));
        let mut forged = signed.clone();
        forged.attestation.found.revoked = 3;
        assert!(!forged.is_signed_by(&drill.key, ATTESTS_REVOCATION));
    }

    async fn what_the_service_does_not_revoke_is_kept_for_the_next_attempt(database: TestDatabase) {
        let drill = Drill::new(database, Some(60_000)).await;
        drill.house.accounts(2, |_| (HOUR, HOUR)).await;
        drill.house.server.conduct(Conduct {
            refused_revocations: std::iter::repeat_n((503, Some(0)), 4).chain([(400, None); 2]).collect(),
            ..Conduct::default()
        });
        let limits = RevocationLimits { attempts: 2, ..RevocationLimits::default() };
        let process = drill.process(limits);
        let begun = drill.begin(&process).await.unwrap();
        process.work().await.unwrap();
        let report = drill.ended(&process, &begun).await.attestation.found;
        assert_eq!((report.failed, report.revoked), (2, 0), "{report:?}");
        assert!(report.each.iter().all(|account| account.attempts == 2), "{report:?}");
        assert!(drill.proofs().await.iter().all(|proof| matches!(proof, Credentials::Tokens(_))));
        // Now it takes them.
        drill.house.server.conduct(Conduct::default());
        let begun = drill.begin(&process).await.unwrap();
        process.work().await.unwrap();
        let report = drill.ended(&process, &begun).await.attestation.found;
        assert_eq!((report.failed, report.revoked), (0, 2));
        assert_eq!(drill.living_grants(), 0);
    }
}
