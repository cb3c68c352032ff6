//! Hostile clients, in a process of their own, at a lower priority than those that are measured.

use std::io::{BufRead as _, BufReader, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};

use super::Attack;
use crate::connection::{Connection, Target};
use crate::served::Served;
use crate::world::World;

/// Whom they attack.
#[derive(clap::Args)]
pub struct Options {
    #[arg(value_enum)]
    attack: Attack,
    address: SocketAddr,
    app_host: String,
    authority: PathBuf,
    cookie: String,
    percent: usize,
}

/// Running clients; gone when dropped.
pub struct Clients {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Clients {
    /// Starts this program again, as all of them.
    pub fn start(attack: Attack, world: &World, served: &Served, percent: usize) -> Self {
        use clap::ValueEnum as _;
        let name = attack.to_possible_value().expect("every kind has a name");
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(std::env::current_exe().unwrap()).arg("hostile-clients");
        command.arg(name.get_name()).arg(served.https.to_string()).arg(&world.app_host);
        command
            .arg(world.folder.path().join("authority.pem"))
            .arg(&world.cookies[0])
            .arg(percent.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    /// Ends them, and answers what they say they did.
    pub fn stop(mut self) -> String {
        drop(self.stdin.take());
        let mut line = String::new();
        if let Some(stdout) = self.child.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let _ = self.child.wait();
        line.trim().to_owned()
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of what they tried.
#[derive(Default)]
struct Tally {
    begun: AtomicUsize,
    cut: AtomicUsize,
    answered: AtomicUsize,
    refused: AtomicUsize,
}

/// Attacks until whoever started this process ends.
pub async fn serve(options: &Options) -> bool {
    let authority = std::fs::read_to_string(&options.authority).unwrap();
    let attacker = Attacker {
        app: Target::new(options.address, &options.app_host, &authority),
        platform: Target::new(options.address, control_plane::demo::HOST, &authority),
        cookie: options.cookie.clone(),
        attack: options.attack,
    };
    let (attacker, tally) = (Arc::new(attacker), Arc::<Tally>::default());
    let clients = (options.attack.clients() * options.percent / 100).max(1);
    for number in 0..clients {
        let (attacker, tally) = (Arc::clone(&attacker), Arc::clone(&tally));
        tokio::spawn(async move {
            // Not all in the same moment: nobody has so many to start.
            sleep(Duration::from_millis(2000 * number as u64 / clients as u64)).await;
            loop {
                tally.begun.fetch_add(1, Ordering::Relaxed);
                if attacker.once(number, &tally).await.is_err() {
                    tally.cut.fetch_add(1, Ordering::Relaxed);
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let ended = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()));
    let ended = ended.await.unwrap().is_ok();
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "{} begun, {} cut, {} answered, {} of them 429 or 503",
        count(&tally.begun),
        count(&tally.cut),
        count(&tally.answered),
        count(&tally.refused)
    );
    ended
}

struct Attacker {
    app: Target,
    platform: Target,
    cookie: String,
    attack: Attack,
}

impl Attacker {
    /// 127.0.2.1 and on.
    fn source(&self, number: usize) -> Ipv4Addr {
        let last = u8::try_from(number % self.attack.addresses()).unwrap_or_default();
        Ipv4Addr::new(127, 0, 2, 1 + last)
    }

    async fn once(&self, number: usize, tally: &Tally) -> Result<()> {
        let source = self.source(number);
        match self.attack {
            Attack::Handshakes => self.handshake(number, source).await,
            Attack::SlowHeads => {
                let mut connection = self.app.connect_from(source).await?;
                trickle(&mut connection, &format!("GET / HTTP/1.1\r\nHost: {}\r\nX: ", self.app.authority()))
                    .await
            }
            Attack::SlowBodies => {
                let app = number.is_multiple_of(2);
                let target = if app { &self.app } else { &self.platform };
                let path = if app { "/upload" } else { "/api/v1/organizations" };
                let mut connection = target.connect_from(source).await?;
                trickle(&mut connection, &self.post(target, path, 1_000_000)).await
            }
            Attack::SlowReaders => {
                let mut connection = self.app.connect_from(source).await?;
                connection.send(self.get("/download?n=1073741824").as_bytes()).await?;
                connection.head().await?;
                tally.answered.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(3600)).await;
                Ok(())
            }
            Attack::HugeBodies => self.huge(number, source, tally).await,
            Attack::HeaderBombs => {
                let target = [&self.app, &self.platform][number % 2];
                let head = bomb(number, &target.authority());
                self.answered(target, source, head.as_bytes(), tally).await
            }
            Attack::Malformed => {
                let corpus = crate::corpus::corpus();
                let (_, bytes) = &corpus[tally.begun.load(Ordering::Relaxed) % corpus.len()];
                let text =
                    String::from_utf8_lossy(bytes).replace("hello-acme.vybe.test", &self.app.authority());
                // What is not UTF-8 is sent as it is, to a host that nobody has.
                let bytes =
                    if std::str::from_utf8(bytes).is_ok() { text.into_bytes() } else { bytes.clone() };
                self.answered(&self.app, source, &bytes, tally).await
            }
            Attack::WebSockets => self.web_socket(number, source).await,
            Attack::WrongSecrets | Attack::Strangers => self.flood(number, source, tally).await,
            Attack::SlowProvider => {
                let request = format!(
                    "GET /login/silent?return_to=%2F HTTP/1.1\r\nHost: {}\r\n\r\n",
                    self.platform.authority()
                );
                let mut connection = self.platform.connect_from(source).await?;
                connection.send(request.as_bytes()).await?;
                let head = connection.head().await?;
                tally.count(head.status);
                Ok(())
            }
        }
    }

    fn get(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", self.app.authority(), self.cookie)
    }

    fn post(&self, target: &Target, path: &str, length: u64) -> String {
        let authority = target.authority();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nOrigin: https://{authority}\r\nCookie: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
            self.cookie
        )
    }

    /// Nothing, or the beginning of a greeting.
    async fn handshake(&self, number: usize, source: Ipv4Addr) -> Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((source, 0)))?;
        let mut stream = socket.connect(self.app.address).await?;
        let greeting = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        stream.write_all(&greeting[..number % greeting.len()]).await?;
        loop {
            sleep(Duration::from_secs(1)).await;
            stream.readable().await?;
            let mut buffer = [0; 64];
            if stream.try_read(&mut buffer)? == 0 {
                return Ok(());
            }
        }
    }

    async fn answered(&self, target: &Target, source: Ipv4Addr, bytes: &[u8], tally: &Tally) -> Result<()> {
        let mut connection = target.connect_from(source).await?;
        connection.send(bytes).await?;
        let head = timeout(Duration::from_secs(5), connection.head()).await??;
        tally.count(head.status);
        Ok(())
    }

    /// The first client sends 10 GB to the app; the others announce as much to the API.
    async fn huge(&self, number: usize, source: Ipv4Addr, tally: &Tally) -> Result<()> {
        const LENGTH: u64 = 10 * 1024 * 1024 * 1024;
        if number > 0 {
            let head = self.post(&self.platform, "/api/v1/organizations", LENGTH);
            return self.answered(&self.platform, source, head.as_bytes(), tally).await;
        }
        let mut connection = self.app.connect_from(source).await?;
        connection.send(self.post(&self.app, "/upload", LENGTH).as_bytes()).await?;
        let piece = vec![b'x'; 64 * 1024];
        for _ in 0..LENGTH / piece.len() as u64 {
            connection.send(&piece).await?;
        }
        tally.count(connection.head().await?.status);
        Ok(())
    }

    async fn flood(&self, number: usize, source: Ipv4Addr, tally: &Tally) -> Result<()> {
        let header = match (self.attack, number % 2) {
            (Attack::Strangers, _) => "Accept: text/html\r\n",
            (_, 0) => "Authorization: Bearer vybe_api_0123456789abcdef0123456789abcdef_x\r\n",
            _ => "vybe-server-secret: vybe_sec_0123456789abcdef\r\n",
        };
        let (target, path) = match (self.attack, number % 2) {
            (Attack::Strangers, 0) => (&self.app, "/page"),
            (Attack::Strangers, _) => (&self.platform, "/login"),
            _ => (&self.platform, "/api/v1/organizations"),
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{header}\r\n", target.authority());
        let mut connection = target.connect_from(source).await?;
        loop {
            let (head, _) = connection.exchange(request.as_bytes()).await?;
            tally.count(head.status);
            if head.closes {
                return Ok(());
            }
            // Some thousand a second, all together.
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn web_socket(&self, number: usize, source: Ipv4Addr) -> Result<()> {
        let authority = self.app.authority();
        let mut connection = self.app.connect_from(source).await?;
        let handshake = format!(
            "GET /ws HTTP/1.1\r\nHost: {authority}\r\nOrigin: https://{authority}\r\nCookie: {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.cookie
        );
        connection.send(handshake.as_bytes()).await?;
        connection.head().await?;
        // Masked with zeros, which leaves bytes as they are.
        const MASK: [u8; 4] = [0; 4];
        let piece = vec![b'x'; 16 * 1024];
        let (first, next): (Vec<u8>, Vec<u8>) = match number % 3 {
            // A first fragment, and continuations without end.
            0 => {
                let frame = |first: u8| [&[first, 0xfe, 0x40, 0][..], &MASK, &piece].concat();
                (frame(0x02), frame(0x00))
            }
            // One frame of 1 GB.
            1 => ([&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0][..], &MASK].concat(), piece),
            _ => (Vec::new(), [&[0x89, 0x84][..], &MASK, b"ping"].concat().repeat(256)),
        };
        connection.send(&first).await?;
        loop {
            timeout(Duration::from_secs(10), connection.send(&next)).await??;
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Tally {
    fn count(&self, status: u16) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if matches!(status, 429 | 503) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A beginning, and then a byte a second for as long as the other side listens.
async fn trickle(connection: &mut Connection, beginning: &str) -> Result<()> {
    connection.send(beginning.as_bytes()).await?;
    loop {
        // A closed connection is noticed at once.
        if let Ok(read) = timeout(Duration::from_secs(1), connection.more()).await {
            read?;
        }
        connection.send(b"x").await?;
    }
}

/// A head that is too large: one long field, very many, a long name, a long target, a whole that never ends.
fn bomb(number: usize, host: &str) -> String {
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n");
    match number % 5 {
        0 => format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20)),
        1 => format!("{head}{}\r\n", "X: y\r\n".repeat(10_000)),
        2 => format!("{head}{}: y\r\n\r\n", "x".repeat(64 << 10)),
        3 => format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(64 << 10)),
        _ => format!("{head}{}\r\n", format!("Cookie: {}\r\n", "a=b; ".repeat(800)).repeat(80)),
    }
}
