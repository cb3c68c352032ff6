//! nginx as upstream and as the proxy to compare with.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Cores;
use crate::programs;

/// A running nginx; stopped when dropped.
pub struct Nginx {
    pub port: u16,
    child: Child,
    configuration: PathBuf,
}

/// The certificate that all servers show.
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Nginx {
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A killed master would leave its workers.
        let _ = nginx().and_then(|mut command| {
            programs::succeed(
                command.args(["-s", "stop", "-c"]).arg(&self.configuration).stderr(Stdio::null()),
            )
        });
        let _ = self.child.wait();
    }
}

/// The app: 1 KiB, 1 MiB, and a place to put things; also the answer to `auth_request`.
pub fn start_upstream(folder: &Path, cores: &Cores) -> Result<Nginx> {
    let home = folder.join("upstream");
    fs::create_dir_all(&home)?;
    fs::write(home.join("small"), vec![b'x'; 1024])?;
    fs::write(home.join("large"), vec![b'x'; 1024 * 1024])?;
    let port = free_port()?;
    let server = format!(
        "server {{
            listen 127.0.0.1:{port} backlog=4096;
            root {home};
            client_max_body_size 0;
            location = /allow {{ return 204; }}
            location = /put {{ dav_methods PUT; }}
        }}",
        home = home.display()
    );
    start(&home, &server, port, 2, &cores.rest)
}

/// A TLS proxy, with `auth_request` if there is a port to ask.
pub fn start_proxy(
    folder: &Path,
    name: &str,
    certificate: &Certificate,
    cores: &Cores,
    upstream: u16,
    asks: Option<u16>,
) -> Result<Nginx> {
    let home = folder.join(name);
    fs::create_dir_all(&home)?;
    let port = free_port()?;
    let (request, location) = match asks {
        None => (String::new(), String::new()),
        Some(_) => (
            "auth_request /check;".to_owned(),
            "location = /check {
                internal;
                proxy_pass http://app/allow;
                proxy_pass_request_body off;
                proxy_set_header Content-Length \"\";
                proxy_set_header Connection \"\";
                proxy_http_version 1.1;
            }"
            .to_owned(),
        ),
    };
    let server = format!(
        "upstream app {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}
        server {{
            listen 127.0.0.1:{port} ssl backlog=4096;
            ssl_certificate {chain};
            ssl_certificate_key {key};
            ssl_protocols TLSv1.3;
            client_max_body_size 0;
            location / {{
                {request}
                proxy_pass http://app;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                proxy_set_header Host $host;
                proxy_set_header X-Forwarded-For $remote_addr;
                proxy_set_header X-Forwarded-Proto https;
                proxy_request_buffering off;
                proxy_buffers 16 64k;
                proxy_buffer_size 64k;
                proxy_busy_buffers_size 128k;
            }}
            {location}
        }}",
        chain = certificate.chain.display(),
        key = certificate.key.display(),
    );
    start(&home, &server, port, cores.server_count, &cores.server)
}

/// A service: 1 KiB over TLS for whoever brings the key.
pub fn start_service(folder: &Path, certificate: &Certificate, cores: &Cores, key: &str) -> Result<Nginx> {
    let home = folder.join("service");
    fs::create_dir_all(&home)?;
    fs::write(home.join("small"), vec![b'x'; 1024])?;
    let port = free_port()?;
    let server = format!(
        "server {{
            listen 127.0.0.1:{port} ssl backlog=4096;
            ssl_certificate {chain};
            ssl_certificate_key {private};
            root {home};
            default_type text/plain;
            if ($http_x_api_key != \"{key}\") {{ return 401; }}
        }}",
        chain = certificate.chain.display(),
        private = certificate.key.display(),
        home = home.display()
    );
    start(&home, &server, port, 2, &cores.rest)
}

/// A TLS proxy before that service that adds the key, as a program of one's own would.
pub fn start_key_proxy(
    folder: &Path,
    certificate: &Certificate,
    authority: &Path,
    cores: &Cores,
    service: u16,
    key: &str,
) -> Result<Nginx> {
    let home = folder.join("key-proxy");
    fs::create_dir_all(&home)?;
    let port = free_port()?;
    let server = format!(
        "upstream service {{ server 127.0.0.1:{service}; keepalive 128; keepalive_requests 1000000; }}
        server {{
            listen 127.0.0.1:{port} ssl backlog=4096;
            ssl_certificate {chain};
            ssl_certificate_key {private};
            location / {{
                proxy_pass https://service;
                proxy_ssl_trusted_certificate {authority};
                proxy_ssl_verify on;
                proxy_ssl_name service.vybe.localhost;
                proxy_http_version 1.1;
                proxy_set_header Connection \"\";
                proxy_set_header X-API-Key \"{key}\";
            }}
        }}",
        chain = certificate.chain.display(),
        private = certificate.key.display(),
        authority = authority.display(),
    );
    start(&home, &server, port, cores.server_count, &cores.server)
}

fn start(home: &Path, server: &str, port: u16, workers: usize, cores: &str) -> Result<Nginx> {
    let configuration = home.join("nginx.conf");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", home.display()))
        .collect();
    let user = if programs::output(Command::new("id").arg("-u"))?.trim() == "0" { "user root;" } else { "" };
    fs::write(
        &configuration,
        format!(
            "daemon off; {user} pid {home}/pid; error_log {home}/errors warn; worker_processes {workers};
            events {{ worker_connections 4096; }}
            http {{
                access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; keepalive_timeout 600;
                {temporary}
                {server}
            }}",
            home = home.display()
        ),
    )?;
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cores]).arg(nginx_program()?).arg("-c").arg(&configuration);
    let child = command
        .arg("-e")
        .arg(home.join("errors"))
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start nginx")?;
    let nginx = Nginx { port, child, configuration };
    wait_for(port).with_context(|| fs::read_to_string(home.join("errors")).unwrap_or_default())?;
    Ok(nginx)
}

fn nginx_program() -> Result<PathBuf> {
    programs::find("nginx").context("nginx is not installed")
}

fn nginx() -> Result<Command> {
    Ok(Command::new(nginx_program()?))
}

/// A port that was free a moment ago: nginx cannot be given port 0.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until somebody listens.
pub fn wait_for(port: u16) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if started.elapsed() > Duration::from_secs(30) {
            bail!("nobody listens on port {port}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
