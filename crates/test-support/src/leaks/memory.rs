//! The memory of a running process: what a core dump of it would hold.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a process may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(10);
/// The size of a page on the systems that the tests run on.
const PAGE: u64 = 4096;
/// Set in the account of a page (`/proc/…/pagemap`) that is in memory or in swap; others were never touched.
const TOUCHED: u64 = 1 << 63 | 1 << 62;

/// All readable memory of a process at one moment.
pub struct Memory {
    /// Its regions, without what was never touched.
    pub regions: Vec<Region>,
}

/// Touched memory in one piece.
pub struct Region {
    /// Where it begins.
    pub start: u64,
    /// What it is used for.
    pub kind: RegionKind,
    /// What it holds.
    pub bytes: Vec<u8>,
    name: String,
}

/// What memory is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegionKind {
    /// The stack of a thread: what its calls hold now.
    Stack,
    /// What the stack of a thread held in earlier calls.
    OldStack,
    /// The program and its libraries, with their variables.
    Program,
    /// Everything else: what an allocator hands out.
    Heap,
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:#x}+{:#x} {}", self.kind, self.start, self.bytes.len(), self.name)
    }
}

impl Memory {
    /// Stops the process, reads its memory and lets it go on.
    ///
    /// # Panics
    /// The memory cannot be read: it is no child of this process, or the system forbids it.
    #[must_use]
    pub fn of(process: u32) -> Self {
        signal(process, "-STOP");
        let asked = Instant::now();
        while !is_stopped(process) {
            assert!(asked.elapsed() < PATIENCE, "process {process} does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
        let memory = Self::of_stopped(process);
        signal(process, "-CONT");
        memory.unwrap_or_else(|error| panic!("the memory of process {process}: {error}"))
    }

    fn of_stopped(process: u32) -> std::io::Result<Self> {
        let memory = File::open(format!("/proc/{process}/mem"))?;
        let maps = std::fs::read_to_string(format!("/proc/{process}/smaps"))?;
        let stacks = stack_pointers(process)?;
        let pages = File::open(format!("/proc/{process}/pagemap"))?;
        let mut regions = Vec::new();
        for mapped in mapped(&maps) {
            let pointer = stacks.iter().copied().find(|pointer| (mapped.start..mapped.end).contains(pointer));
            for (start, end) in touched(&pages, &mapped)? {
                let kind = |start: u64| match pointer {
                    Some(pointer) if start >= pointer => RegionKind::Stack,
                    Some(_) => RegionKind::OldStack,
                    None if mapped.name.starts_with('/') => RegionKind::Program,
                    None => RegionKind::Heap,
                };
                let mut region = |start, end| {
                    let bytes = read(&memory, start, end)?;
                    regions.push(Region { start, kind: kind(start), bytes, name: mapped.name.to_owned() });
                    Some(())
                };
                match pointer.filter(|pointer| (start + 1..end).contains(pointer)) {
                    Some(pointer) => _ = (region(start, pointer), region(pointer, end)),
                    None => _ = region(start, end),
                }
            }
        }
        Ok(Self { regions })
    }

    /// How much was read, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.regions.iter().map(|region| region.bytes.len()).sum()
    }
}

struct Mapped<'a> {
    start: u64,
    end: u64,
    name: &'a str,
}

/// The regions of `/proc/…/smaps` that can be read and were ever touched.
fn mapped(smaps: &str) -> Vec<Mapped<'_>> {
    let (mut regions, mut last) = (Vec::new(), None);
    for line in smaps.lines() {
        let mut fields = line.split_whitespace();
        let Some(first) = fields.next() else { continue };
        let addresses = first.split_once('-').and_then(|(start, end)| {
            Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
        });
        if let Some((start, end)) = addresses {
            let readable = fields.next().is_some_and(|rights| rights.starts_with('r'));
            let name = fields.nth(3).unwrap_or_default();
            // Pages of the system itself.
            let of_the_system = name.starts_with("[v") && name != "[vdso]";
            last = (readable && !of_the_system).then_some(Mapped { start, end, name });
        } else if matches!(first, "Rss:" | "Swap:") && fields.next().is_some_and(|kilobytes| kilobytes != "0")
        {
            regions.extend(last.take());
        }
    }
    regions
}

/// The parts of a region that were touched.
fn touched(pages: &File, mapped: &Mapped<'_>) -> std::io::Result<Vec<(u64, u64)>> {
    let count = usize::try_from((mapped.end - mapped.start) / PAGE).unwrap_or_default();
    let mut account = vec![0; count * 8];
    pages.read_exact_at(&mut account, mapped.start / PAGE * 8)?;
    let mut parts = Vec::<(u64, u64)>::new();
    for (entry, start) in account.chunks_exact(8).zip((mapped.start..).step_by(4096)) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(entry);
        if u64::from_le_bytes(bytes) & TOUCHED == 0 {
            continue;
        }
        match parts.last_mut() {
            Some(last) if last.1 == start => last.1 += PAGE,
            _ => parts.push((start, start + PAGE)),
        }
    }
    Ok(parts)
}

fn read(memory: &File, start: u64, end: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    memory.read_exact_at(&mut bytes, start).ok()?;
    Some(bytes)
}

/// Where the stack of each thread ends.
fn stack_pointers(process: u32) -> std::io::Result<Vec<u64>> {
    let mut pointers = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
        let call = std::fs::read_to_string(task.path().join("syscall")).unwrap_or_default();
        // "number arguments… stack-pointer program-counter", or "-1 stack-pointer program-counter".
        let fields: Vec<&str> = call.split_whitespace().collect();
        let pointer = fields.len().checked_sub(2).map(|at| fields[at].trim_start_matches("0x"));
        pointers.extend(pointer.and_then(|pointer| u64::from_str_radix(pointer, 16).ok()));
    }
    Ok(pointers)
}

/// Whether every thread of it has come to rest.
fn is_stopped(process: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let states = tasks.map(|task| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default());
    // "number (name) state …", and a name may hold anything but this.
    states.into_iter().all(|stat| stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T')))
}

fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill {signal} {process}");
}
