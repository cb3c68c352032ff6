//! Servers that speak the protocol and mean no good.

use std::sync::atomic::{AtomicUsize, Ordering};

use cryptography::digest;
use databases::ConnectError;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt as _;

use super::pretended_server::{EVERYTHING, LOCAL_FILES, MULTI_STATEMENTS, OK, Server, TLS, packet, serve};
use super::*;

const PASSWORD: &str = "the password of the account";
fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Where in a conversation a file is asked for: after so many commands.
#[tokio::test]
async fn d11_no_byte_of_a_local_file_is_sent() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "what only this machine knows").unwrap();
    for commands in 0..6 {
        let path = file.path().display().to_string();
        let (target, told) = serve(async move |mut server: Server| {
            server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
            let login = server.receive().await.unwrap();
            let offered = u32::from_le_bytes(login[..4].try_into().unwrap());
            assert_eq!(offered & (LOCAL_FILES | MULTI_STATEMENTS), 0, "neither is offered");
            server.received.clear();
            let request = [b"\xfb", path.as_bytes()].concat();
            if commands == 0 {
                server.send(2, &request).await;
                return server;
            }
            server.send(2, OK).await;
            for _ in 1..commands {
                let command = server.receive().await.unwrap();
                if command.first() == Some(&0x16) {
                    // Prepared, without parameters or columns.
                    server.send(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await;
                } else {
                    server.answer(&command).await;
                }
            }
            let asked = server.receive().await.unwrap();
            server.received.clear();
            server.send(1, &request).await;
            // A client that has more commands on their way has not sent a file by that.
            let _ = asked;
            server
        })
        .await;
        let database = open_with(target, PASSWORD);
        let answer = collect(&*database, query(Mode::ReadOnly, "SELECT 1 AS v", vec![])).await;
        assert!(answer.is_err(), "after {commands} commands: {answer:?}");
        drop(database);
        let sent = told.await.unwrap();
        assert!(!contains(&sent, "what only this machine knows"));
        // An answer to the request would be a packet with the number after the request's.
        let answers = sent.chunks(4).next().is_some_and(|header| header.get(3) == Some(&2));
        assert!(!answers, "after {commands} commands something was answered: {sent:?}");
    }
}

#[tokio::test]
async fn d18_nothing_is_sent_to_a_server_without_tls() {
    let modes = [
        Tls::Full { authorities: None },
        Tls::Unverified,
        Tls::Authority { authorities: test_support::Authority::new().certificate() },
    ];
    for tls in modes {
        let (mut target, told) = serve(async |mut server: Server| {
            server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
            server
        })
        .await;
        target.tls = tls;
        assert_eq!(open_with(target, PASSWORD).test().await, Err(ConnectError::NoTls));
        assert!(told.await.unwrap().is_empty());
    }
}

/// Whoever sits between client and server could put an answer in front of what TLS protects.
#[tokio::test]
async fn d18_what_comes_before_tls_is_not_taken_for_what_comes_after() {
    let (mut target, told) = serve(async |mut server: Server| {
        server.greet_and(EVERYTHING, "mysql_native_password", &packet(2, OK)).await;
        server
    })
    .await;
    target.tls = Tls::Unverified;
    assert_eq!(open_with(target, PASSWORD).test().await, Err(ConnectError::Protocol));
    assert!(!contains(&told.await.unwrap(), "somebody"));
}

#[tokio::test]
async fn d18_the_user_is_named_only_after_tls() {
    let (mut target, told) = serve(async |mut server: Server| {
        server.greet(EVERYTHING, "mysql_native_password").await;
        server.receive().await.unwrap();
        // No TLS after all.
        server.send(2, OK).await;
        server
    })
    .await;
    target.tls = Tls::Unverified;
    assert!(open_with(target, PASSWORD).test().await.is_err());
    assert!(!contains(&told.await.unwrap(), "somebody"));
}

/// A server may ask for the password in another form. It never gets it as it is.
#[tokio::test]
async fn the_password_is_not_sent_as_it_is() {
    for method in ["mysql_clear_password", "mysql_old_password", "dialog", "sha256_password", ""] {
        let (target, told) = serve(async move |mut server: Server| {
            server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
            server.receive().await.unwrap();
            server.send(2, &[b"\xfe", method.as_bytes(), b"\0CCCCCCCCCCCCCCCCCCCC\0"].concat()).await;
            server
        })
        .await;
        let refused = open_with(target, PASSWORD).test().await.unwrap_err();
        assert_eq!(refused, ConnectError::Login, "{method}");
        assert!(!contains(&told.await.unwrap(), PASSWORD), "{method}");
    }
}

/// MySQL's usual way to sign in, when the server has not cached the password's hash.
#[tokio::test]
async fn mysql_gets_the_whole_password_only_over_tls() {
    let (target, told) = serve(async |mut server: Server| {
        server.greet(EVERYTHING & !TLS, "caching_sha2_password").await;
        server.receive().await.unwrap();
        server.send(2, &[1, 4]).await;
        server
    })
    .await;
    assert_eq!(open_with(target, PASSWORD).test().await, Err(ConnectError::LoginNeedsTls));
    assert!(!contains(&told.await.unwrap(), PASSWORD));
}

/// What a server of MySQL does: it has the hash of the password's hash, and finds the password's hash in the proof.
#[tokio::test]
async fn mysql_accepts_the_proof_that_the_password_is_known() {
    let (target, _told) = serve(async |mut server: Server| {
        server.greet(EVERYTHING & !TLS, "caching_sha2_password").await;
        let login = server.receive().await.unwrap();
        let user = login[32..].iter().position(|byte| *byte == 0).unwrap() + 32;
        assert_eq!(login[user + 1], 32);
        let proof = &login[user + 2..user + 34];
        let kept = digest(&digest(PASSWORD.as_bytes()));
        let mask = digest(&[kept.as_slice(), b"AAAAAAAABBBBBBBBBBBB"].concat());
        let once: Vec<u8> = proof.iter().zip(&mask).map(|(one, other)| one ^ other).collect();
        assert_eq!(digest(&once), kept);
        server.send(2, &[1, 3]).await;
        server.send(3, OK).await;
        server.answer_all().await;
        server
    })
    .await;
    assert_eq!(open_with(target, PASSWORD).test().await, Ok(()));
}

/// The same server, when it has just been started, has nothing to compare with: it asks for the password itself.
#[tokio::test]
async fn mysql_gets_the_whole_password_inside_tls() {
    let authority = test_support::Authority::new();
    let certificate = authority.certificate_for(&["127.0.0.1"]);
    let (mut target, told) = serve(async move |mut server: Server| {
        server.greet(EVERYTHING, "caching_sha2_password").await;
        server.receive().await.unwrap();
        let Server { stream, received } = server;
        let chain =
            CertificateDer::pem_slice_iter(certificate.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let stream = tokio_rustls::TlsAcceptor::from(Arc::new(configuration)).accept(stream).await.unwrap();
        let mut server = Server { stream: Box::new(stream), received };
        server.receive().await.unwrap();
        server.send(3, &[1, 4]).await;
        let password = server.receive().await.unwrap();
        server.received.clear();
        server.received.extend_from_slice(&password);
        server.send(5, OK).await;
        server.answer_all().await;
        server
    })
    .await;
    target.tls = Tls::Full { authorities: Some(authority.certificate()) };
    assert_eq!(open_with(target, PASSWORD).test().await, Ok(()));
    assert!(told.await.unwrap().starts_with(format!("{PASSWORD}\0").as_bytes()));
}

/// A session that says something else of itself after a reset than when it was new, has kept something of its caller.
#[tokio::test]
async fn d09_a_session_that_is_not_as_it_was_is_not_used_again() {
    for says_the_same in [true, false] {
        let (target, _told) = serve(async move |mut server: Server| {
            server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
            server.receive().await.unwrap();
            server.send(2, OK).await;
            let mut asked = 0;
            while let Some(command) = server.receive().await {
                if command.first() == Some(&0x16) {
                    server.send(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await;
                } else if command.starts_with(b"\x03SELECT") {
                    asked += 1;
                    server.state(if says_the_same || asked == 1 { b"\x011" } else { b"\x012" }).await;
                } else {
                    server.answer(&command).await;
                }
            }
            server
        })
        .await;
        let database = open_with(target, PASSWORD);
        collect(&*database, query(Mode::ReadOnly, "SELECT 1 AS v", vec![])).await.unwrap();
        let expected = usize::from(says_the_same);
        until("the session is back, or gone", || {
            let usage = database.usage();
            (usage.open, usage.idle) == (expected, expected)
        })
        .await;
    }
}

/// Wherever it stops to speak.
#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let stalls = (0..4).map(|step| async move {
        let (mut target, _told) = serve(async move |mut server: Server| {
            let offered = if step == 1 { EVERYTHING } else { EVERYTHING & !TLS };
            if step > 0 {
                server.greet(offered, "mysql_native_password").await;
            }
            if step > 2 {
                server.receive().await.unwrap();
                server.send(2, OK).await;
            }
            server
        })
        .await;
        if step == 1 {
            target.tls = Tls::Unverified;
        }
        assert_eq!(open_with(target, PASSWORD).test().await, Err(ConnectError::Timeout), "{step}");
    });
    futures_util::future::join_all(stalls).await;
}

/// A server that never ends its answer to a question of ours.
#[tokio::test]
async fn an_endless_answer_is_not_kept() {
    let (target, _told) = serve(async |mut server: Server| {
        server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
        server.receive().await.unwrap();
        server.send(2, OK).await;
        let set = server.receive().await.unwrap();
        server.answer(&set).await;
        server.receive().await.unwrap();
        server.send(1, &[1]).await;
        server.send(2, b"\x03def\0\0\0\x01v\0\x0c\x3f\0\x01\0\0\0\xfd\0\0\0\0\0").await;
        server.send(3, &[0xfe, 0, 0, 2, 0]).await;
        let row = [[0xfc, 0xf0, 0xff].as_slice(), &[b'x'; 0xfff0]].concat();
        for number in 0..=u16::MAX {
            let sequence = (number % 256) as u8;
            if server.stream.flush().await.is_err() {
                break;
            }
            server.send(sequence.wrapping_add(4), &row).await;
        }
        server
    })
    .await;
    assert_eq!(open_with(target, PASSWORD).test().await, Err(ConnectError::Protocol));
}

/// Numbers of parameters and columns that no statement has, each of them described at length: what is not needed is not
/// read, and what is read is not kept.
#[tokio::test]
async fn d52_descriptions_without_end_are_not_kept() {
    let column = {
        let mut column = b"\x03def\0\0\0\xfc".to_vec();
        column.extend_from_slice(&16_000_u16.to_le_bytes());
        column.extend_from_slice(&[b'n'; 16_000]);
        column.extend_from_slice(b"\0\x0c\x3f\0\x01\0\0\0\xfd\0\0\0\0\0");
        column
    };
    let broken = QueryError::Broken;
    let unlike = QueryError::Parameters("the database finds 65535 placeholders in the statement".to_owned());
    for (columns, parameters, expected, most) in [
        (0, 65_535, unlike, 0),
        (65_535, 0, broken.clone(), 0),
        // Of the prepared statement all 4,096; of its answer, 4 MiB.
        (4_096, 0, broken, 4_096 + 300),
    ] {
        let column = column.clone();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let (target, _told) = serve(async move |mut server: Server| {
            server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
            server.receive().await.unwrap();
            server.send(2, OK).await;
            while let Some(command) = server.receive().await {
                let (first, end): (Vec<u8>, &[u8]) = match command.first() {
                    Some(0x16) => {
                        let [low, high] = u16::to_le_bytes(columns);
                        let [other_low, other_high] = u16::to_le_bytes(parameters);
                        (vec![0, 1, 0, 0, 0, low, high, other_low, other_high, 0, 0, 0], &[0xfe, 0, 0, 2, 0])
                    }
                    Some(0x17) => (vec![0xfc, 0, 0x10], &[]),
                    _ => {
                        server.answer(&command).await;
                        continue;
                    }
                };
                server.send(1, &first).await;
                let mut sequence = 2_u8;
                for _ in 0..columns.max(parameters) {
                    if server.stream.write_all(&packet(sequence, &column)).await.is_err() {
                        return server;
                    }
                    counted.fetch_add(1, Ordering::Relaxed);
                    sequence = sequence.wrapping_add(1);
                }
                server.send(sequence, end).await;
            }
            server
        })
        .await;
        let database = open_with(target, PASSWORD);
        let answer = collect(&*database, query(Mode::ReadOnly, "SELECT 1 AS v", vec![])).await;
        assert_eq!(answer, Err(expected));
        // What lies in the buffers between the two was sent, but not taken.
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < most + 1_500, "{taken}");
    }
}

/// A proxy has numbers of its own, and greets with them: what is ended is what the server itself says it is.
#[tokio::test]
async fn d13_the_session_that_is_ended_has_the_number_that_the_server_says() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (target, _told) = serve(async |server: Server| server).await;
    let target = Target { port: listener.local_addr().unwrap().port(), ..target };
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in ["4711", "4712"] {
            let (stream, _) = listener.accept().await.unwrap();
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut server = Server { stream: Box::new(stream), received: Vec::new() };
                server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
                server.receive().await.unwrap();
                server.send(2, OK).await;
                while let Some(command) = server.receive().await {
                    if command.starts_with(b"\x03SELECT") {
                        assert!(command.ends_with(b", CONNECTION_ID()"));
                        server.state(format!("\x04{number}").as_bytes()).await;
                    } else if command.first() == Some(&0x16) {
                        server.send(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await;
                    } else if command.first() != Some(&0x17) {
                        if command.starts_with(b"\x03KILL") {
                            tell.send(String::from_utf8_lossy(&command[1..]).into_owned()).unwrap();
                        }
                        server.answer(&command).await;
                    }
                }
            });
        }
    });
    let database = open_with(target, PASSWORD);
    let mut slow = query(Mode::ReadOnly, "SELECT 1 AS v", vec![]);
    slow.timeout = Duration::from_millis(300);
    assert_eq!(collect(&*database, slow).await, Err(QueryError::Timeout(300)));
    let killed = tokio::time::timeout(Duration::from_secs(60), told.recv()).await.unwrap();
    assert_eq!(killed.as_deref(), Some("KILL CONNECTION 4711"));
}

/// Panics of the engine, in whatever task.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_some_and(|location| location.file().contains("src/mysql")) {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
        previous(panic);
    }));
}

/// Bytes without sense, in every place: an error each time, and never a panic.
#[tokio::test]
async fn nonsense_is_an_error() {
    count_panics();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..400_u32 {
        let payloads: Vec<Vec<u8>> = (0..8)
            .map(|_| {
                let length = random() % 40;
                let mut payload: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
                if let (Some(first), true) = (payload.first_mut(), random() % 2 == 0) {
                    *first = [0, 1, 0xfe, 0xff, 0xfb, 2][(random() % 6) as usize];
                }
                payload
            })
            .collect();
        let (target, _told) = serve(async move |mut server: Server| {
            if round % 4 == 0 {
                for (sequence, payload) in payloads.iter().enumerate() {
                    server.send(u8::try_from(sequence).unwrap(), payload).await;
                }
                return server;
            }
            server.greet(EVERYTHING & !TLS, "mysql_native_password").await;
            server.receive().await.unwrap();
            if round % 4 == 1 {
                for (sequence, payload) in payloads.iter().enumerate() {
                    server.send(u8::try_from(sequence + 2).unwrap(), payload).await;
                }
                let _ = server.stream.shutdown().await;
                return server;
            }
            server.send(2, OK).await;
            while let Some(command) = server.receive().await {
                match command.first() {
                    Some(0x16) if round % 4 == 2 => {
                        server.send(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await;
                    }
                    Some(0x16 | 0x17) => {
                        for (sequence, payload) in payloads.iter().enumerate() {
                            server.send(u8::try_from(sequence + 1).unwrap(), payload).await;
                        }
                        let _ = server.stream.shutdown().await;
                        break;
                    }
                    _ => server.answer(&command).await,
                }
            }
            server
        })
        .await;
        let database = open_with(target, PASSWORD);
        let asked = query(Mode::ReadOnly, "SELECT 1 AS v", vec![]);
        let _ =
            tokio::time::timeout(Duration::from_secs(60), collect(&*database, asked)).await.expect("it ends");
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_server_that_is_full_says_so_first() {
    let (target, _told) = serve(async |mut server: Server| {
        server.send(0, b"\xff\x10\x04Too many connections to 10.1.2.3").await;
        server
    })
    .await;
    assert_eq!(open_with(target, PASSWORD).test().await, Err(ConnectError::Full));
}
