//! What a read-only connection to Redshift never sends.

use std::time::Duration;

use databases::{Caller, ConnectError, Engine, Limits, Query, QueryError, Target};
use query_guard::{Language, Mode};

use super::recording_server::{LetsIn, start};
use crate::postgresql::server::{open, server, text};

fn target(port: u16) -> Target {
    Target {
        engine: Engine::Redshift,
        port,
        host: "127.0.0.1".parse().unwrap(),
        ..server().target("postgres")
    }
}

fn query(mode: Mode, sql: &str) -> Option<Query> {
    let statement = query_guard::check(Language::Redshift, mode, sql).ok()?;
    let caller = Caller::new("vybe");
    Some(Query { statement, parameters: Vec::new(), timeout: Duration::from_secs(60), caller })
}

#[tokio::test]
async fn d15_unload_copy_create_external_and_call_are_never_sent() {
    let (port, sent) = start(LetsIn::Everybody).await;
    let redshift = open(&target(port));
    let statements = [
        "UNLOAD ('SELECT * FROM people') TO 's3://somewhere/' IAM_ROLE default",
        "unload/**/('SELECT 1') to 's3://somewhere/' iam_role 'arn:aws:iam::1:role/a'",
        "COPY people FROM 's3://somewhere/' IAM_ROLE default",
        "CREATE EXTERNAL SCHEMA spectrum FROM DATA CATALOG DATABASE 'a' IAM_ROLE default",
        "CREATE EXTERNAL TABLE spectrum.a (b INT) STORED AS PARQUET LOCATION 's3://somewhere/'",
        "CREATE EXTERNAL FUNCTION f (INT) RETURNS INT STABLE LAMBDA 'a' IAM_ROLE default",
        "CALL procedure_of_somebody()",
        "CALL procedure_of_somebody(:a)",
        "INSERT INTO people VALUES (1)",
        "CREATE TABLE a AS SELECT 1 AS b",
        "SELECT 1 AS a INTO b",
        "SELECT 1; UNLOAD ('SELECT 1') TO 's3://somewhere/' IAM_ROLE default",
        "GRANT SELECT ON people TO PUBLIC",
        "VACUUM people",
    ];
    let mut also_refused_by_the_session = 0;
    for sql in statements {
        assert!(query(Mode::ReadOnly, sql).is_none(), "{sql}");
        // One that was checked for another connection is not sent either.
        if let Some(query) = query(Mode::ReadWrite, sql) {
            let error = redshift.run(query).await.err();
            assert!(
                matches!(&error, Some(QueryError::Database { code, .. }) if code == "25006"),
                "{sql}: {error:?}"
            );
            also_refused_by_the_session += 1;
        }
    }
    assert!(also_refused_by_the_session > 2);
    let reading = query(Mode::ReadOnly, "SELECT a FROM people").unwrap();
    text(redshift.run(reading).await.unwrap()).await.unwrap();
    assert_eq!(
        sent.all(),
        [
            "SET statement_timeout TO 60000; SET application_name TO 'vybe'",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "BEGIN READ ONLY",
            "SELECT a FROM people",
            "ROLLBACK",
            "RESET ALL",
        ]
    );
}

#[tokio::test]
async fn no_attempt_of_the_list_is_sent() {
    let (port, sent) = start(LetsIn::Everybody).await;
    let redshift = open(&target(port));
    let list = include_str!("../../../../query-guard/attempts/redshift.sql");
    let attempts: Vec<&str> =
        list.lines().filter(|line| !line.is_empty() && !line.starts_with("-- ")).collect();
    assert!(attempts.len() >= 120, "{}", attempts.len());
    for sql in attempts {
        assert!(query(Mode::ReadOnly, sql).is_none(), "{sql}");
        if let Some(query) = query(Mode::ReadWrite, sql) {
            let error = redshift.run(query).await.err();
            assert!(
                matches!(&error, Some(QueryError::Database { code, .. }) if code == "25006"),
                "{sql}: {error:?}"
            );
        }
    }
    assert_eq!(sent.all(), [""; 0]);
}

#[tokio::test]
async fn a_password_by_the_digest_of_redshift() {
    let (port, sent) = start(LetsIn::Digest).await;
    assert_eq!(open(&target(port)).test().await, Ok(()));
    let answer = sent.all().swap_remove(0);
    let field = |text: &str| {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    let answer = field(&answer);
    let (digest, nonce) = (&answer[4..36], &answer[40..]);
    assert_eq!(answer[..4], 32_u32.to_be_bytes());
    assert_eq!(answer[36..40], (nonce.len() as u32).to_be_bytes());
    let salted = [crate::postgresql::server::PASSWORD.as_bytes(), b"salt of it"].concat();
    let inner = cryptography::digest(&salted);
    assert_eq!(digest, cryptography::digest(&[&inner, b"server nonce".as_slice(), nonce].concat()));
}

#[tokio::test]
async fn d19_a_server_that_leaves_out_its_proof_of_the_password_is_refused() {
    for after_going_on in [false, true] {
        let (port, sent) = start(LetsIn::WithoutProof { after_going_on }).await;
        let redshift = open(&target(port));
        assert_eq!(redshift.test().await, Err(ConnectError::Protocol));
        let error = redshift.run(query(Mode::ReadOnly, "SELECT 1 AS a").unwrap()).await.err();
        assert_eq!(error, Some(QueryError::Connect(ConnectError::Protocol)));
        let sent = sent.all();
        assert_eq!(sent.len(), if after_going_on { 2 } else { 0 });
        assert!(sent.iter().all(|text| text.starts_with("c=biws,r=")), "{sent:?}");
    }
}

#[tokio::test]
async fn what_is_asked_in_words_of_ours_takes_no_longer_than_the_limit() {
    let (port, _sent) = start(LetsIn::InSilence).await;
    let limits = Limits { most_milliseconds: 200, ..Limits::default() };
    let redshift = open(&Target { limits, ..target(port) });
    assert_eq!(redshift.examine_read_only().await.err(), Some(QueryError::Timeout(200)));
    assert_eq!(redshift.schema().await.err(), Some(QueryError::Timeout(200)));
}

#[tokio::test]
async fn d52_rows_that_nobody_asked_for_are_not_read_to_their_end() {
    for (rows, expected) in [(8, Ok(())), (2_000, Err(ConnectError::Protocol))] {
        let (port, _sent) = start(LetsIn::WithRows(rows)).await;
        let redshift = open(&target(port));
        assert_eq!(redshift.test().await, expected);
        let answer = redshift.run(query(Mode::ReadOnly, "SELECT 1 AS a").unwrap()).await;
        assert_eq!(answer.err(), expected.err().map(QueryError::Connect));
    }
}
