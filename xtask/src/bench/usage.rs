//! What a server and the processes it started have used, from `/proc`.

use std::fs;

use anyhow::{Context as _, Result};

/// Ticks per second of `/proc/*/stat`: 100 on every Linux that Rust supports.
const TICKS: f64 = 100.0;

/// A reading.
pub struct Usage {
    pub cpu_seconds: f64,
    /// Resident memory, summed.
    pub memory_mib: f64,
}

/// Reads it for a process and its children.
pub fn of(process: u32) -> Result<Usage> {
    let mut usage = Usage { cpu_seconds: 0.0, memory_mib: 0.0 };
    for id in family(process)? {
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        // The name in parentheses may hold spaces; what follows does not.
        let (_, fields) = stat.rsplit_once(") ").context("/proc/*/stat")?;
        let ticks = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        usage.cpu_seconds += ticks.sum::<f64>() / TICKS;
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        usage.memory_mib += kib.unwrap_or_default() / 1024.0;
    }
    Ok(usage)
}

fn family(process: u32) -> Result<Vec<u32>> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
        .with_context(|| format!("process {process} has ended"))?;
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    Ok(std::iter::once(process).chain(children).collect())
}
