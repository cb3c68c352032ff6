//! What every request pays for identity: opening the cookie, finding the session, minting the token.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up is no bench")]

use std::hint::black_box;
use std::sync::Arc;

use audit::Journal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use cryptography::{MasterKey, RootKey, SealingKey, Token};
use futures_util::{StreamExt as _, stream};
use identity::{CookieHost, Lifetimes, Sessions, SigningKeys, Store, UserTokens};
use ids::{AppId, SessionId, UserId};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement, TransactionTrait as _};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

/// How many cookies are opened in turn, so that not one of them stays in the processor's cache.
const SAMPLE: usize = 4096;

struct House {
    _database: TestDatabase,
    sessions: Arc<Sessions>,
    keys: Arc<SigningKeys>,
    cookies: Vec<String>,
    now: OffsetDateTime,
}

fn key() -> RootKey {
    RootKey::generate().unwrap()
}

fn cookie(seal: &SealingKey, id: SessionId, token: &Token) -> String {
    let value = [id.to_string().as_bytes(), token.as_bytes().as_slice()].concat();
    URL_SAFE_NO_PAD.encode(seal.seal(b"session cookie/platform", &value).unwrap())
}

/// A store with this many sessions, all of them in memory.
async fn house(count: usize) -> House {
    let database = TestDatabase::sqlite().await;
    let key = key();
    let store = Store::new(database.connection().clone());
    let journal = Journal::new(database.connection().clone());
    let now = OffsetDateTime::now_utc();
    let token = Token::generate().unwrap();
    let ids = insert(database.connection(), count, &token, now).await;
    let seal = key.sealing_key("session cookie");
    let step = (count / SAMPLE).max(1);
    let cookies = ids.iter().step_by(step).map(|id| cookie(&seal, *id, &token)).collect();
    let lifetimes = Lifetimes::default();
    let sessions =
        Arc::new(Sessions::new(store.clone(), journal.clone(), seal, lifetimes, 2 * count + 10_000));
    stream::iter(ids)
        .for_each_concurrent(16, |id| {
            let sessions = Arc::clone(&sessions);
            async move {
                sessions.find(id, now).await.unwrap();
            }
        })
        .await;
    assert_eq!(sessions.in_memory(), count);
    let master_key = LocalMasterKey::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
    let keyring = Keyring::new(MasterKeys::new(Arc::new(master_key), Vec::new()));
    let vault = Vault::new(secrets_vault::Store::new(journal.clone()), keyring);
    let keys = SigningKeys::open(store, journal, vault, now).await.unwrap();
    House { _database: database, sessions, keys: Arc::new(keys), cookies, now }
}

async fn insert(
    database: &DatabaseConnection,
    count: usize,
    token: &Token,
    now: OffsetDateTime,
) -> Vec<SessionId> {
    let user = UserId::generate();
    let backend = database.get_database_backend();
    let transaction = database.begin().await.unwrap();
    let insert_user = "INSERT INTO users (id, issuer, subject, email, name, created_at) \
                       VALUES ($1, 'https://issuer.test', 'ada', 'ada@example.com', 'Ada', $2)";
    let values = [user.to_string().into(), now.into()];
    transaction.execute_raw(Statement::from_sql_and_values(backend, insert_user, values)).await.unwrap();
    let insert_session = "INSERT INTO sessions (id, user_id, means, token_hash, user_agent, created_at, \
                          authenticated_at, last_seen_at, ends_at) VALUES ($1, $2, 'browser', $3, 'bench', $4, $4, $4, $5)";
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let id = SessionId::generate();
        let values = [
            id.to_string().into(),
            user.to_string().into(),
            token.hash().into(),
            now.into(),
            (now + Duration::days(30)).into(),
        ];
        transaction
            .execute_raw(Statement::from_sql_and_values(backend, insert_session, values))
            .await
            .unwrap();
        ids.push(id);
    }
    transaction.commit().await.unwrap();
    ids
}

fn hot_path(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seal = key().sealing_key("session cookie");
    let token = Token::generate().unwrap();
    let text = cookie(&seal, SessionId::generate(), &token);
    criterion.bench_function("cookie open", |bencher| {
        bencher.iter(|| {
            let sealed = URL_SAFE_NO_PAD.decode(black_box(&text)).unwrap();
            seal.open(b"session cookie/platform", &sealed).unwrap()
        });
    });
    for count in [1_000, 1_000_000] {
        let house = runtime.block_on(house(count));
        criterion.bench_function(&format!("cached session of {count}"), |bencher| {
            let mut turn = 0;
            bencher.iter(|| {
                turn = (turn + 1) % house.cookies.len();
                let cookie = &house.cookies[turn];
                house.sessions.cached(black_box(cookie), CookieHost::Platform, house.now).unwrap().unwrap()
            });
        });
        if count == 1_000 {
            mint(criterion, &house);
        }
    }
}

fn mint(criterion: &mut Criterion, house: &House) {
    let session = house.sessions.cached(&house.cookies[0], CookieHost::Platform, house.now).unwrap().unwrap();
    let app = AppId::generate();
    for (name, window) in [("mint, signed anew", 0), ("mint, reused", 30)] {
        let tokens = UserTokens::new(
            Arc::clone(&house.keys),
            Arc::clone(&house.sessions),
            "https://vybe.test",
            Duration::seconds(window),
        );
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| tokens.mint(black_box(&session), app, house.now));
        });
    }
}

criterion_group!(benches, hot_path);
criterion_main!(benches);
