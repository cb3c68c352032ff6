//! nginx before several servers.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::HostCertificate;

/// How long it may take to listen.
const START: Duration = Duration::from_secs(20);

/// nginx, which takes HTTPS from clients and speaks HTTPS to each server in turn. It tries no request twice: of a server
/// that is gone, clients see 502. Ends when dropped.
#[derive(Debug)]
pub struct LoadBalancer {
    address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl LoadBalancer {
    /// Starts one. It shows clients this certificate, and servers must prove the name `server_name` to it.
    ///
    /// # Panics
    /// nginx is not installed, or does not start.
    #[must_use]
    pub fn start(
        servers: &[SocketAddr],
        certificate: &HostCertificate,
        authority: &str,
        server_name: &str,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [
            ("chain.pem", certificate.certificate.as_str()),
            ("key.pem", &certificate.key),
            ("authority.pem", authority),
        ] {
            fs::write(at(name), text).expect("a file");
        }
        // nginx cannot be told to take a free port.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = port.expect("a free port");
        let servers: String =
            servers.iter().map(|server| format!("server {server} max_fails=1 fail_timeout=1s;\n")).collect();
        let home = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {home}/{kind};\n"))
            .collect();
        let root = fs::metadata(folder.path()).is_ok_and(|folder| folder.uid() == 0);
        let configuration = format!(
            "daemon off; {user} pid {home}/pid; error_log {home}/errors warn; worker_processes 1;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; {temporary}
                map $http_upgrade $connection_header {{ default upgrade; '' ''; }}
                upstream replicas {{ {servers} keepalive 64; }}
                server {{
                    listen {address} ssl backlog=1024;
                    ssl_certificate {home}/chain.pem;
                    ssl_certificate_key {home}/key.pem;
                    client_max_body_size 0;
                    location / {{
                        proxy_pass https://replicas;
                        proxy_ssl_trusted_certificate {home}/authority.pem;
                        proxy_ssl_verify on;
                        proxy_ssl_server_name on;
                        proxy_ssl_name {server_name};
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection $connection_header;
                        proxy_next_upstream off;
                        proxy_connect_timeout 10s;
                        proxy_buffer_size 32k;
                        proxy_buffers 8 32k;
                    }}
                }}
            }}",
            user = if root { "user root;" } else { "" },
        );
        fs::write(at("nginx.conf"), configuration).expect("a file");
        let process = Command::new("nginx")
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .arg("-c")
            .arg(at("nginx.conf"))
            .arg("-e")
            .arg(at("errors"))
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is not installed; `cargo xtask test` installs it");
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(at("errors")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { address, process, _folder: folder }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        // Its worker goes with it: nginx's first process ends it on SIGTERM.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
