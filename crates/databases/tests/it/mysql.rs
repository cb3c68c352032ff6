//! MySQL, on a real MariaDB.

mod caps;
mod hostile_server;
mod parameters;
mod pretended_server;
mod read_only;
mod recovery;
mod result_shapes;
mod sessions;
mod stopping;
mod tls;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use cryptography::SecretBytes;
use databases::{Caller, Credentials, Database, Engine, Limits, Query, QueryError, Target, Tls};
use futures_util::StreamExt as _;
use outbound::{AddressPolicy, Host};
use query_guard::{Language, Mode};
use serde_json::Value;
use test_support::MariaServer;

/// A database at this server, in clear text, writable.
fn target(server: &MariaServer, database: &str) -> Target {
    Target {
        engine: Engine::Mysql,
        host: Host::Address([127, 0, 0, 1].into()),
        port: server.port(),
        database: database.to_owned(),
        user: MariaServer::USER.to_owned(),
        tls: Tls::Off,
        route: None,
        read_only: false,
        limits: Limits { most_sessions: 2, ..Limits::default() },
    }
}

fn policy() -> Arc<AddressPolicy> {
    let networks = ["127.0.0.0/8", "::1"].map(|network| network.parse().unwrap());
    Arc::new(AddressPolicy::new(networks.to_vec()))
}

fn open_with(target: Target, password: &str) -> Arc<dyn Database> {
    let credentials = Credentials { password: SecretBytes::copy_of(password.as_bytes()) };
    databases::open(&target, credentials, policy()).unwrap()
}

fn open(target: Target) -> Arc<dyn Database> {
    open_with(target, MariaServer::PASSWORD)
}

fn query(mode: Mode, sql: &str, parameters: Vec<Value>) -> Query {
    let statement =
        query_guard::check(Language::Mysql, mode, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    Query { statement, parameters, timeout: Duration::from_secs(60), caller: Caller::new("test") }
}

/// The whole answer, as it is sent.
async fn collect(database: &dyn Database, query: Query) -> Result<String, QueryError> {
    let mut rows = database.run(query).await?;
    let mut answer = Vec::new();
    while let Some(piece) = rows.next().await {
        answer.extend_from_slice(&piece?);
    }
    assert_eq!(rows.summary().bytes, answer.len() as u64);
    Ok(String::from_utf8(answer).unwrap())
}

/// The rows of an answer; `sql` may write.
async fn rows(database: &dyn Database, sql: &str) -> Result<Value, QueryError> {
    rows_with(database, sql, Vec::new()).await
}

async fn rows_with(database: &dyn Database, sql: &str, parameters: Vec<Value>) -> Result<Value, QueryError> {
    let answer = collect(database, query(Mode::ReadWrite, sql, parameters)).await?;
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    Ok(answer[0].take())
}

async fn read(database: &dyn Database, sql: &str) -> Result<Value, QueryError> {
    let answer = collect(database, query(Mode::ReadOnly, sql, Vec::new())).await?;
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    Ok(answer[0].take())
}

/// Waits until a condition holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain: {what}");
}
