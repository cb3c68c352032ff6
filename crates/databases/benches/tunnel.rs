//! A tunnel of ours beside `ssh -L` with the same cipher, through one `sshd`: bytes per second in bulk, and queries of one
//! row per second.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark ends when something is wrong"
)]

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cryptography::SecretBytes;
use local_postgres::{Listen, LocalServer, Programs, Protection};
use outbound::{AddressPolicy, Host};
use ssh_tunnel::{Hop, Route, TunnelLimits, TunnelStream};
use test_support::{SshKey, SshServer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::{Config, NoTls};

const BULK: usize = 400 << 20;
const ROUNDS: usize = 3;
const SESSIONS: usize = 16;
const SECONDS: Duration = Duration::from_secs(4);
const PASSWORD: &str = "a password of this run only";

/// `ssh -L`; ended when dropped.
struct Forward {
    child: Child,
    port: u16,
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Forward {
    fn start(sshd: &SshServer, key: &std::path::Path, target: u16) -> Self {
        let port = free_port();
        let child = Command::new("ssh")
            .args(["-N", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
            .args([
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
                "-o",
                "ExitOnForwardFailure=yes",
            ])
            .args(["-c", "aes256-gcm@openssh.com", "-i"])
            .arg(key)
            .arg("-L")
            .arg(format!("127.0.0.1:{port}:127.0.0.1:{target}"))
            .args(["-p", &sshd.port().to_string(), &format!("{}@127.0.0.1", SshServer::user())])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "ssh -L does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port }
    }
}

fn free_port() -> u16 {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let key = SshKey::generate(&["-t", "ed25519"], "");
    let sshd = SshServer::start(&[]);
    sshd.authorize(&key);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, &key.private).unwrap();
    let permissions: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, permissions).unwrap();
    let route = Route::new(vec![Hop {
        host: "127.0.0.1".parse().unwrap(),
        port: sshd.port(),
        user: SshServer::user(),
        private_key: Arc::new(SecretBytes::copy_of(key.private.as_bytes())),
        passphrase: None,
        host_key: sshd.host_key().fingerprint.parse().unwrap(),
    }])
    .unwrap();
    let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);

    let source = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let source_port = source.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = source.accept().await.unwrap();
            tokio::spawn(async move {
                let block = vec![7; 256 << 10];
                // A client that has read enough goes away.
                while stream.write_all(&block).await.is_ok() {}
            });
        }
    });
    let forward = Forward::start(&sshd, &file, source_port);
    let (mut theirs, mut ours): (f64, f64) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        theirs =
            theirs.max(bulk(TcpStream::connect((Ipv4Addr::LOCALHOST, forward.port)).await.unwrap()).await);
        ours = ours.max(bulk(tunnel(&route, source_port, &policy).await).await);
    }
    drop(forward);
    println!("\n| through SSH | ssh -L | vybe | ratio |\n|---|---|---|---|");
    println!("| bulk, MB/s | {theirs:.0} | {ours:.0} | {:.2} |", ours / theirs);

    let port = free_port();
    let listen = Listen::Loopback(port, Protection { password: PASSWORD.to_owned(), certificate: None });
    let programs = Programs::find().expect("PostgreSQL is installed");
    let _database = LocalServer::start(programs, &listen, &["max_connections=100"]).unwrap();
    let forward = Forward::start(&sshd, &file, port);
    let (mut theirs, mut ours): (f64, f64) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let mut streams = Vec::new();
        for _ in 0..SESSIONS {
            streams.push(TcpStream::connect((Ipv4Addr::LOCALHOST, forward.port)).await.unwrap());
        }
        theirs = theirs.max(queries(streams).await);
        let mut streams = Vec::new();
        for _ in 0..SESSIONS {
            streams.push(tunnel(&route, port, &policy).await);
        }
        ours = ours.max(queries(streams).await);
    }
    println!("| one row, queries/s, {SESSIONS} sessions | {theirs:.0} | {ours:.0} | {:.2} |", ours / theirs);
}

async fn tunnel(route: &Route, port: u16, policy: &AddressPolicy) -> TunnelStream {
    let host = Host::Address(Ipv4Addr::LOCALHOST.into());
    ssh_tunnel::open(route, &host, port, policy, TunnelLimits::default()).await.unwrap()
}

/// Megabytes per second.
async fn bulk(mut stream: impl AsyncRead + Unpin) -> f64 {
    let mut buffer = vec![0; 256 << 10];
    let (started, mut read) = (Instant::now(), 0);
    while read < BULK {
        read += stream.read(&mut buffer).await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = read as f64 / 1e6 / started.elapsed().as_secs_f64();
    rate
}

/// Queries per second, one session on each stream.
async fn queries<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(streams: Vec<S>) -> f64 {
    let mut sessions = Vec::new();
    for stream in streams {
        let mut config = Config::new();
        config.user("postgres").password(PASSWORD).dbname("postgres");
        let (client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
        tokio::spawn(connection);
        sessions.push(client);
    }
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let asking = sessions.into_iter().map(|session| {
        let done = Arc::clone(&done);
        tokio::spawn(async move {
            let prepared = session.prepare("SELECT $1::int4 + 1").await.unwrap();
            while started.elapsed() < SECONDS {
                session.query_one(&prepared, &[&1]).await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for asking in asking.collect::<Vec<_>>() {
        asking.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    rate
}
