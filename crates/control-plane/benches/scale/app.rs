//! The app behind the proxy, in a process of its own: the demo apps' server.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use development::Upstream;

/// The running app; stopped when dropped.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl App {
    /// Starts this program again, as the app.
    pub fn start() -> Self {
        use std::io::BufRead as _;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("app")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().parse().expect("the app says where it listens"), child }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until whoever started this process ends.
pub async fn serve() -> bool {
    let upstream = Upstream::start("https://vybe.localhost").await.unwrap();
    println!("{}", upstream.address());
    let ended = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()));
    ended.await.unwrap().is_ok()
}
