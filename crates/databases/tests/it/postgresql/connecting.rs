//! Sessions: whom they are opened for, over what, and what happens to those that break.

use cryptography::SecretBytes;
use databases::{ConnectError, Credentials, QueryError, Step, Target, Tls};

use super::server::{PASSWORD, Server, credentials, database, open, policy, read, server, until, write};

async fn tested(target: &Target) -> Result<(), ConnectError> {
    open(target).test().await
}

#[tokio::test]
async fn every_step_that_fails_has_a_name() {
    let target = server().target("postgres");
    assert_eq!(tested(&target).await, Ok(()));
    let host = |host: &str| Target { host: host.parse().unwrap(), ..target.clone() };
    assert_eq!(tested(&host("nowhere.invalid")).await, Err(ConnectError::Name));
    assert_eq!(tested(&host("nowhere.invalid")).await.unwrap_err().step(), Step::Dns);
    assert_eq!(tested(&host("169.254.169.254")).await.unwrap_err().step(), Step::Dns);
    assert_eq!(tested(&Target { port: 1, ..target.clone() }).await, Err(ConnectError::Tcp));
    assert_eq!(tested(&Target { user: "nobody".into(), ..target.clone() }).await, Err(ConnectError::Login));
    assert_eq!(
        tested(&Target { database: "nothing".into(), ..target.clone() }).await,
        Err(ConnectError::Database)
    );
    let wrong = Credentials { password: SecretBytes::copy_of(b"wrong") };
    let database = databases::open(&target, wrong, policy()).unwrap();
    assert_eq!(database.test().await, Err(ConnectError::Login));
}

#[tokio::test]
async fn d18_tls_is_what_was_asked_for_and_never_less() {
    let target = server().target("postgres");
    let with = |host: &str, tls: Tls| Target { host: host.parse().unwrap(), tls, ..target.clone() };
    let own = server().authority.certificate();
    let other = test_support::Authority::new().certificate();
    let full = |authorities: &str| Tls::Full { authorities: Some(authorities.to_owned()) };
    let authority = |authorities: &str| Tls::Authority { authorities: authorities.to_owned() };

    assert_eq!(tested(&with("localhost", full(&own))).await, Ok(()));
    let name = ConnectError::Certificate("it does not name the database's host");
    assert_eq!(tested(&with("127.0.0.1", full(&own))).await, Err(name));
    let issuer = ConnectError::Certificate("it is not of a known authority");
    assert_eq!(tested(&with("localhost", full(&other))).await, Err(issuer.clone()));
    assert_eq!(tested(&with("localhost", Tls::Full { authorities: None })).await, Err(issuer.clone()));
    assert_eq!(tested(&with("127.0.0.1", authority(&own))).await, Ok(()));
    assert_eq!(tested(&with("127.0.0.1", authority(&other))).await, Err(issuer.clone()));
    assert_eq!(issuer.step(), Step::Tls);
    assert_eq!(tested(&with("127.0.0.1", Tls::Unverified)).await, Ok(()));
    let broken = tested(&with("localhost", full("no PEM"))).await;
    assert_eq!(broken.unwrap_err().step(), Step::Tls);

    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (tls, is_encrypted) in [(full(&own), true), (Tls::Unverified, true), (Tls::Off, false)] {
        let answer = read(&*open(&with("localhost", tls)), encrypted, &[]).await.unwrap();
        assert_eq!(answer, format!("[{{\"ssl\":{is_encrypted}}}]"));
    }
}

/// Somebody on the way answers that there is no TLS, or speaks on in clear text.
#[tokio::test]
async fn d18_whoever_takes_tls_away_gets_nothing() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for answer in [&b"N"[..], b"E", b"SR\0\0\0\x08\0\0\0\0", b"R\0\0\0\x08\0\0\0\0", b""] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let on_the_way = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut more = Vec::new();
            let _ = stream.read_to_end(&mut more).await;
            more
        });
        let tls = Tls::Full { authorities: Some(server().authority.certificate()) };
        let target = Target { port, tls, host: "127.0.0.1".parse().unwrap(), ..server().target("postgres") };
        assert!(tested(&target).await.is_err());
        let more = on_the_way.await.unwrap();
        let secrets = [PASSWORD.as_bytes(), b"postgres"];
        assert!(secrets.iter().all(|secret| !more.windows(secret.len()).any(|window| window == *secret)));
    }
}

#[tokio::test]
async fn d50_names_are_taken_literally() {
    let hostile = [
        "x host=127.0.0.1 sslmode=disable",
        "a?options=-cfoo",
        "postgres://x@y/z",
        "service=x",
        "a b",
        "a\\ -c b",
    ];
    for name in hostile {
        let target = Target { database: name.to_owned(), ..server().target("postgres") };
        assert_eq!(tested(&target).await, Err(ConnectError::Database), "{name}");
        let target = Target { user: name.to_owned(), ..server().target("postgres") };
        assert_eq!(tested(&target).await, Err(ConnectError::Login), "{name}");
        let quoted = format!("\"{name}\"");
        let local = &server().local;
        local.execute("postgres", &format!("CREATE DATABASE {quoted}")).unwrap();
        local.execute("postgres", &format!("CREATE ROLE {quoted} LOGIN PASSWORD 'p@ss'")).unwrap();
        let target =
            Target { database: name.to_owned(), user: name.to_owned(), ..server().target("postgres") };
        let password = Credentials { password: SecretBytes::copy_of(b"p@ss") };
        let there = databases::open(&target, password, policy()).unwrap();
        let sql = "SELECT current_database() AS database, current_user AS \"user\"";
        let answer = read(&*there, sql, &[]).await.unwrap();
        assert_eq!(answer, serde_json::json!([{ "database": name, "user": name }]).to_string());
    }
    // Nothing of the process's environment counts, and NUL ends nothing.
    for name in ["postgres\0x", ""] {
        let target = Target { user: name.to_owned(), ..server().target("postgres") };
        assert!(tested(&target).await.is_err(), "{name:?}");
    }
}

/// A caller's own text that comes back is not compared with the password: a gap in it would say that a guess is right.
#[tokio::test]
async fn d19_a_message_does_not_say_whether_a_guess_is_the_password() {
    let there = open(&server().target(&database("")));
    for guess in ["some other password", PASSWORD] {
        let asked = serde_json::json!(format!("nothing of the name {guess}, really"));
        let error = read(&*there, "SELECT current_setting($1) AS s", &[asked]).await.unwrap_err().to_string();
        assert!(error.contains(guess), "{error}");
    }
}

#[tokio::test]
async fn d19_messages_of_the_database_name_neither_user_nor_database() {
    let name = database("CREATE ROLE \"mister_secret\" LOGIN PASSWORD 'p@ss'; CREATE TABLE items (id int)");
    let target = Target { user: "mister_secret".into(), ..server().target(&name) };
    let password = Credentials { password: SecretBytes::copy_of(b"p@ss") };
    let there = databases::open(&Target { read_only: false, ..target }, password, policy()).unwrap();
    let refused = [
        "SELECT * FROM items".to_owned(),
        "CREATE SCHEMA mine".to_owned(),
        "ALTER ROLE mister_secret SUPERUSER".to_owned(),
        format!("COMMENT ON DATABASE {name} IS 'x'"),
        "SELECT * FROM missing WHERE x = 'a\nb'".to_owned(),
    ];
    for sql in refused {
        let Ok(statement) =
            query_guard::check(query_guard::Language::Postgresql, query_guard::Mode::ReadWrite, &sql)
        else {
            continue;
        };
        drop(statement);
        let error = write(&*there, &sql, &[]).await.unwrap_err();
        let QueryError::Database { code, message } = &error else { panic!("{sql}: {error:?}") };
        assert_eq!(code.len(), 5);
        let said = format!("{error:?}");
        assert!(!said.contains("mister_secret") && !said.contains(&format!("{name}\"")), "{said}");
        assert!(!message.contains('\n') && !message.is_empty(), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_was_away_is_used_again() {
    let mut own = Server::start();
    own.local.execute("postgres", "CREATE TABLE items AS SELECT 1 AS id").unwrap();
    let there = databases::open(&own.target("postgres"), credentials(), policy()).unwrap();
    let sql = "SELECT id FROM items";
    assert_eq!(read(&*there, sql, &[]).await.unwrap(), "[{\"id\":1}]");
    own.local.stop();
    assert!(matches!(read(&*there, sql, &[]).await, Err(QueryError::Connect(ConnectError::Tcp))));
    own.local.resume().unwrap();
    assert_eq!(read(&*there, sql, &[]).await.unwrap(), "[{\"id\":1}]");
    // Without a moment in between in which the broken sessions could be noticed.
    own.local.stop();
    own.local.resume().unwrap();
    assert_eq!(read(&*there, sql, &[]).await.unwrap(), "[{\"id\":1}]");
}

#[tokio::test]
async fn a_session_that_is_killed_is_replaced() {
    let name = database("CREATE TABLE items AS SELECT 1 AS id");
    let there = open(&server().target(&name));
    let sql = "SELECT id FROM items";
    for _ in 0..3 {
        assert_eq!(read(&*there, sql, &[]).await.unwrap(), "[{\"id\":1}]");
        let kill = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        server().local.execute("postgres", &kill).unwrap();
        assert_eq!(read(&*there, sql, &[]).await.unwrap(), "[{\"id\":1}]");
    }
    until("one session is left", async || there.usage().open == 1).await;
}

#[tokio::test]
async fn a_server_that_takes_no_more_sessions_says_so() {
    server()
        .local
        .execute("postgres", "CREATE ROLE narrow LOGIN PASSWORD 'p@ss' CONNECTION LIMIT 0")
        .unwrap();
    let target = Target { user: "narrow".into(), ..server().target("postgres") };
    let password = Credentials { password: SecretBytes::copy_of(b"p@ss") };
    let there = databases::open(&target, password, policy()).unwrap();
    assert_eq!(there.test().await, Err(ConnectError::Full));
}

/// Bytes of a server's message: type, length, the rest.
fn message(kind: u8, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), rest].concat()
}

/// A server, or whoever is in between, is not told the password because it asks.
#[tokio::test]
async fn d52_the_password_is_not_sent_in_clear_text() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listening = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut startup = vec![0; length as usize - 4];
        stream.read_exact(&mut startup).await.unwrap();
        stream.write_all(&message(b'R', &[0, 0, 0, 3])).await.unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    let target = Target { port, host: "127.0.0.1".parse().unwrap(), ..server().target("postgres") };
    assert_eq!(tested(&target).await, Err(ConnectError::LoginNeedsTls));
    assert!(listening.await.unwrap().is_empty());
}

/// Neither before nor between statements.
#[tokio::test]
async fn d52_a_server_that_talks_without_end_is_left() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let welcome = message(b'R', &[0, 0, 0, 0]);
    let ready = message(b'Z', b"I");
    for (hello, kind) in [(welcome.clone(), b'N'), ([welcome, ready].concat(), b'S')] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let talking = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await;
            stream.write_all(&hello).await.unwrap();
            for number in 0..100_000_u32 {
                let said = [format!("name{number}\0").as_bytes(), &[b'x'; 10_000], &[0]].concat();
                if stream.write_all(&message(kind, &said)).await.is_err() {
                    return number;
                }
            }
            panic!("a gigabyte was listened to");
        });
        let target = Target {
            port,
            host: "127.0.0.1".parse().unwrap(),
            read_only: false,
            ..server().target("postgres")
        };
        let there = open(&target);
        assert!(read(&*there, "SELECT 1 AS one", &[]).await.is_err());
        let heard = talking.await.unwrap();
        // Some of it is on its way between the two.
        assert!(heard < 10_000, "{heard}");
    }
}

/// Whatever a server says, there is an error, and the process goes on.
#[tokio::test]
async fn a_server_that_talks_nonsense_is_refused() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let welcome = message(b'R', &[0, 0, 0, 0]);
    let ready = message(b'Z', b"I");
    let said: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 4096],
        vec![0xff; 4096],
        message(b'R', &[0, 0, 0, 3, 1]),
        message(b'R', &[0, 0, 0, 10]),
        message(b'R', &[0, 0, 0, 10, b'X', 0, 0]),
        message(b'R', &[0, 0, 0, 12]),
        message(b'E', b"SFATAL\0CXXXXX\0Mno\0\0"),
        message(b'E', &[0xff; 64]),
        welcome.clone(),
        [welcome.clone(), message(b'K', &[1])].concat(),
        [welcome.clone(), message(b'D', &[0, 1, 0, 0, 0, 9])].concat(),
        [welcome.clone(), ready.clone()].concat(),
        [welcome.clone(), ready.clone(), message(b'T', &[0, 9, 0]), ready.clone()].concat(),
        // Read-only was not confirmed.
        [
            welcome,
            ready.clone(),
            message(b'T', &[&[0, 1][..], b"x\0", &[0; 18]].concat()),
            message(b'D', &[&[0, 1, 0, 0, 0, 3][..], b"off"].concat()),
            message(b'C', b"SHOW\0"),
            ready,
        ]
        .concat(),
        // A message of 4 GiB, of which nothing ever comes.
        vec![b'R', 0xff, 0xff, 0xff, 0xff],
    ];
    for said in said {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bytes = said.clone();
        let talking = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        });
        let target = Target { port, host: "127.0.0.1".parse().unwrap(), ..server().target("postgres") };
        let error = tested(&target).await.unwrap_err();
        assert!(error.step() >= Step::Tcp, "{said:?}: {error:?}");
        talking.await.unwrap();
    }
}
