//! What a process and its children have used, from `/proc`.

use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A started program, ended when dropped.
pub struct Started {
    child: Child,
    /// The port it listens on.
    pub port: u16,
}

impl Started {
    /// Waits until the port answers.
    pub fn wait(mut child: Child, port: u16) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the program ended with {status} before it listened");
            }
            if Instant::now() > deadline {
                bail!("nothing listens on port {port}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { child, port })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // nginx's master ends its workers on SIGTERM; a kill would leave them.
        let _ = std::process::Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A free port on loopback.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// What was used so far.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// User and system time, in microseconds.
    pub cpu_microseconds: f64,
    /// Resident memory, in MiB.
    pub memory_mebibytes: f64,
}

impl Usage {
    /// Of a process and its children.
    pub fn of(process: u32) -> Self {
        let mut usage = Self::default();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let Some(stat) = Stat::read(id) else { continue };
            if id == process || stat.parent == process {
                usage.cpu_microseconds += stat.ticks * 10_000.0;
                usage.memory_mebibytes += stat.pages * 4096.0 / f64::from(1 << 20);
            }
        }
        usage
    }
}

struct Stat {
    parent: u32,
    /// In hundredths of a second (USER_HZ, proc(5)).
    ticks: f64,
    pages: f64,
}

impl Stat {
    fn read(id: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The second field is a name in brackets that may itself hold spaces and brackets.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)?,
            pages: number(21)?,
        })
    }
}
