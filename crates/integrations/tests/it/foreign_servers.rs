//! Accounts at authorization servers that were not written for these tests: connected, refreshed, used, refused, revoked.

use std::sync::Arc;
use std::time::Duration;

use access_control::{ManageAccounts, ManageOauthClients};
use ids::AccountId;
use integrations::{
    Account, AccountState, Connected, Disconnected, GivenAttempt, GivenSecret, Notices, OpenedFor,
    ReconnectCause, ReconnectNotice, Refresher, Trial,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use test_support::certified_provider::CertifiedProvider;
use test_support::{Authority, Client, DjangoServer, Response, TestDatabase, hostile_issuer, token_server};
use url::Url;

use crate::account_office::{AccountOffice, Parts};
use crate::account_requests::{attempt, client, occasion, query};

/// Where browsers come back to.
const REDIRECT: &str = "https://vybe.test/integrations/callback";
const SERVICE: &str = "foreign";
const LIVES: u32 = 6;
const GRACE: u32 = 8;

/// Tells nobody.
struct Silence;

#[async_trait::async_trait]
impl Notices for Silence {
    async fn needs_reconnect(&self, _: &ReconnectNotice) -> bool {
        true
    }
}

/// An office at one of the servers.
struct Branch {
    office: AccountOffice,
    parts: Parts,
}

impl Branch {
    async fn open(entry: &str, root: CertificateDer<'static>, id: &str, secret: &str) -> Self {
        let office = AccountOffice::new(TestDatabase::sqlite().await).await;
        let parts = office.at(entry, root);
        let permit = office.within::<ManageOauthClients>(office.admin);
        let given = client(id, GivenSecret::Text(secret.into()));
        parts.clients.create(&permit, &SERVICE.parse().unwrap(), given, occasion()).await.unwrap();
        Self { office, parts }
    }

    async fn begin(&self) -> Url {
        let permit = self.office.within::<ManageAccounts>(self.office.editor);
        let given = GivenAttempt { service: SERVICE.parse().unwrap(), ..attempt("Foreign") };
        self.parts.attempts.begin(&permit, given, occasion()).await.unwrap().url
    }

    async fn begin_again(&self, id: AccountId) -> Url {
        let permit = self.office.within::<ManageAccounts>(self.office.editor);
        self.parts
            .attempts
            .begin_again(&permit, id, Default::default(), None, None, occasion())
            .await
            .unwrap()
            .url
    }

    async fn complete(&self, back: &Url) -> Connected {
        let permit = self.office.back(self.office.editor);
        self.parts.attempts.complete(&permit, None, &query(back), occasion()).await.unwrap()
    }

    async fn find(&self, id: AccountId) -> Account {
        self.parts.tokens.find(self.office.organization, id).await.unwrap().unwrap()
    }

    async fn works(&self, id: AccountId) -> bool {
        let permit = self.office.within::<ManageAccounts>(self.office.editor);
        self.parts.accounts.test(&permit, id).await.unwrap() == Trial::Works
    }

    /// Its refresh token.
    async fn refresh_token(&self, id: AccountId) -> String {
        let account = self.find(id).await;
        let unlocked = self.parts.credentials.unlock(&account, OpenedFor::Tokens).await.unwrap();
        unlocked.credentials.refresh_token().unwrap().reveal().to_owned()
    }

    /// Lets the background task replace the tokens now. How the account is then.
    async fn refresh(&self, id: AccountId) -> Account {
        let before = self.find(id).await;
        self.office.execute("UPDATE accounts SET refresh_at = 0", []).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let refresher = Refresher::new(self.parts.refreshes.clone(), Arc::new(Silence));
        let working = tokio::spawn(refresher.run(async {
            let _ = stopped.await;
        }));
        let settled = async {
            loop {
                let after = self.find(id).await;
                if (after.generation, after.state) != (before.generation, before.state) {
                    break after;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let after = tokio::time::timeout(Duration::from_secs(60), settled).await.expect("a refresh ends");
        drop(stop);
        working.await.unwrap();
        after
    }

    async fn disconnect(&self, id: AccountId) -> Disconnected {
        let permit = self.office.within::<ManageAccounts>(self.office.editor);
        self.parts.accounts.disconnect(&permit, id, false, occasion()).await.unwrap()
    }
}

fn entry(
    origin: &str,
    [authorize, token, revoke, base, test]: [&str; 5],
    rest: &str,
    lifetime: &str,
) -> String {
    format!(
        r#"
schema = 1
id = "{SERVICE}"
name = "Foreign"
categories = ["testing"]
tier = "fixture"
documentation = "{origin}"

[authentication]
kind = "oauth2_code"
authorize_url = "{origin}{authorize}"
token_url = "{origin}{token}"
{rest}

[authentication.lifetime]
margin_seconds = 1
{lifetime}

[authentication.revocation]
url = "{origin}{revoke}"

[api]
base = "{origin}{base}"
hosts = ["127.0.0.1"]
test = {{ path = "{test}" }}
credential = [{{ place = "header", name = "Authorization", format = "Bearer {{token}}" }}]
"#
    )
}

/// Sends a refresh token as whoever has stolen it, and the client's secret, would.
async fn replay(url: &str, authority: &Authority, (id, secret): (&str, &str), token: &str) -> Response {
    let url = Url::parse(url).unwrap();
    let address = url.socket_addrs(|| None).unwrap()[0];
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", id),
        ("client_secret", secret),
    ];
    Client::new(address, &authority.trust()).request("POST", url.as_str()).form(&fields).send().await
}

#[test]
fn oidc_provider_connects_refreshes_and_revokes() {
    test_support::run(async {
        let provider = CertifiedProvider::start_with_refresh_tokens(REDIRECT, LIVES).await;
        let root = CertificateDer::from_pem_slice(provider.authority().certificate().as_bytes()).unwrap();
        let paths = ["/auth", "/token", "/token/revocation", "", "/me"];
        let rest = "default_scopes = [\"openid\", \"offline_access\"]\nauthorize_parameters = { prompt = \"consent\" }\n\
                    token_request = { client_authentication = \"basic\" }";
        let entry = entry(&provider.issuer(), paths, rest, "reuse = \"single_use\"");
        let (id, secret) = (hostile_issuer::CLIENT_ID, hostile_issuer::CLIENT_SECRET);
        let branch = Branch::open(&entry, root, id, secret).await;
        let browser = || Client::new(provider.address(), &provider.authority().trust());

        let back = provider.authorize(&browser(), branch.begin().await.as_str(), "ada").await;
        let account = branch.complete(&back).await.account;
        assert!(branch.works(account.id).await);

        // Replaced in the background, and again at use when it has ended.
        let first = branch.refresh_token(account.id).await;
        assert_eq!(branch.refresh(account.id).await.generation, 2);
        assert!(branch.works(account.id).await);
        branch.office.execute("UPDATE accounts SET refresh_at = NULL", []).await;
        tokio::time::sleep(Duration::from_secs(u64::from(LIVES))).await;
        assert!(branch.works(account.id).await);
        assert_eq!(branch.find(account.id).await.generation, 3);
        assert_ne!(branch.refresh_token(account.id).await, first);

        // The provider ends the grant when an old refresh token comes again, and says so at the next refresh.
        let token_url = format!("{}/token", provider.issuer());
        let stolen = replay(&token_url, provider.authority(), (id, secret), &first).await;
        assert_ne!(stolen.status, 200, "{}", stolen.text());
        let state = AccountState::NeedsReconnect(ReconnectCause::Refused);
        assert_eq!(branch.refresh(account.id).await.state, state);

        // Connected again, it is the same account; disconnected, its tokens are worth nothing.
        let back = provider.authorize(&browser(), branch.begin_again(account.id).await.as_str(), "ada").await;
        assert_eq!(branch.complete(&back).await.account.id, account.id);
        assert!(branch.works(account.id).await);
        let last = branch.refresh_token(account.id).await;
        assert_eq!(branch.disconnect(account.id).await, Disconnected::Revoked);
        assert_ne!(replay(&token_url, provider.authority(), (id, secret), &last).await.status, 200);
    });
}

#[test]
fn django_oauth_toolkit_connects_refreshes_and_revokes() {
    test_support::run(async {
        let server = DjangoServer::start(REDIRECT, LIVES, GRACE);
        let paths = ["/o/authorize/", "/o/token/", "/o/revoke_token/", "/api", "/me"];
        let lifetime = format!("reuse = \"grace\"\ngrace_seconds = {GRACE}");
        let entry = entry(&server.origin(), paths, "default_scopes = [\"read\", \"write\"]", &lifetime);
        let (id, secret) = (token_server::CLIENT_ID, token_server::CLIENT_SECRET);
        let branch = Branch::open(&entry, server.root(), id, secret).await;
        let token_url = format!("{}/o/token/", server.origin());

        let connected = branch.complete(&server.authorize(branch.begin().await.as_str()).await).await;
        let account = connected.account;
        assert!(connected.missing_scopes.is_empty());
        assert!(branch.works(account.id).await);
        let first = branch.refresh_token(account.id).await;
        // Somebody sent it, and the answer was lost: within the time of grace that is no matter.
        assert_eq!(replay(&token_url, server.authority(), (id, secret), &first).await.status, 200);
        assert_eq!(branch.refresh(account.id).await.generation, 2);
        assert!(branch.works(account.id).await);
        branch.office.execute("UPDATE accounts SET refresh_at = NULL", []).await;
        tokio::time::sleep(Duration::from_secs(u64::from(GRACE) + 1)).await;
        assert!(branch.works(account.id).await);
        assert_eq!(branch.find(account.id).await.generation, 3);

        // After that it is taken for stolen, and the server says so at the next refresh.
        assert_ne!(replay(&token_url, server.authority(), (id, secret), &first).await.status, 200);
        let state = AccountState::NeedsReconnect(ReconnectCause::Refused);
        assert_eq!(branch.refresh(account.id).await.state, state);

        let back = server.authorize(branch.begin_again(account.id).await.as_str()).await;
        assert_eq!(branch.complete(&back).await.account.id, account.id);
        assert!(branch.works(account.id).await);
        let last = branch.refresh_token(account.id).await;
        assert_eq!(branch.disconnect(account.id).await, Disconnected::Revoked);
        assert_ne!(replay(&token_url, server.authority(), (id, secret), &last).await.status, 200);
    });
}
