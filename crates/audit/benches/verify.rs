//! How long the verification of a million events takes, and in how much memory:
//! `cargo bench -p audit --bench verify`. Fails when it takes ten seconds or more.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made fails")]

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use audit::{Chain, ChainHash, FORMAT, Head, Header, Party, Record, key_id};
use cryptography::{RootKey, Sha256, SigningKey};
use ids::{AppId, AuditEventId, OrganizationId, RequestId, UserId};
use serde_json::value::RawValue;

const EVENTS: i64 = 1_000_000;
/// Five minutes of a busy organization.
const EVENTS_PER_HEAD: i64 = 100;
const LIMIT: Duration = Duration::from_secs(10);

/// Writes and hashes.
struct Content<W> {
    file: W,
    hash: Sha256,
}

impl<W: Write> Content<W> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        self.hash.update(line.as_bytes());
        self.file.write_all(line.as_bytes())
    }
}

fn write(file: impl Write, key: &SigningKey) -> io::Result<()> {
    let (organization, app, user) = (OrganizationId::generate(), AppId::generate(), UserId::generate());
    let at = "2026-11-22T01:02:03.123456Z";
    let mut content = Content { file, hash: Sha256::new() };
    let header = Header {
        format: FORMAT.to_owned(),
        chain: Chain::Organization(organization),
        exported_at: at.to_owned(),
        from: 1,
        to: EVENTS,
        previous: ChainHash::START,
        keys: Vec::new(),
    };
    content.line(&(serde_json::to_string(&header)? + "\n"))?;
    let mut hash = ChainHash::START;
    let head = |sequence, hash, content| Head {
        chain: header.chain,
        sequence,
        hash,
        at: at.to_owned(),
        key: key_id(&key.public_key()),
        content,
    };
    for sequence in 1..=EVENTS {
        let detail = format!(
            r#"{{"before":{{"level":"organization"}},"after":{{"level":"restricted","grants":{}}}}}"#,
            sequence % 50
        );
        let record = Record {
            chain: organization.to_string(),
            sequence,
            id: AuditEventId::generate().to_string(),
            at: at.to_owned(),
            actor: Party { kind: "person".to_owned(), id: Some(user.to_string()) },
            action: "app.update".to_owned(),
            outcome: "done".to_owned(),
            target: Party { kind: "app".to_owned(), id: Some(app.to_string()) },
            request: Some(RequestId::generate().to_string()),
            decision: None,
            detail: RawValue::from_string(detail)?,
        };
        hash = hash.next(record.text().as_bytes());
        content.line(&record.line(hash))?;
        if sequence % EVENTS_PER_HEAD == 0 {
            content.line(&head(sequence, hash, None).sign(key).line())?;
        }
    }
    let whole = ChainHash::from_bytes(content.hash.clone().finish());
    content.line(&head(EVENTS, hash, Some(whole)).sign(key).line())?;
    content.file.flush()
}

/// The most memory that the process ever had (proc_pid_status(5)).
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or_default().trim().to_owned()
}

fn main() -> ExitCode {
    let key = RootKey::generate().unwrap().signing_key("audit heads").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    write(BufWriter::new(File::create(&path).unwrap()), &key).unwrap();
    let bytes = path.metadata().unwrap().len();

    let began = Instant::now();
    let export = BufReader::with_capacity(1 << 20, File::open(&path).unwrap());
    let report = audit::verify(export, &[key.public_key()], None).unwrap();
    let took = began.elapsed();

    let _ = writeln!(
        io::stdout(),
        "{} events and {} heads, {} MB: verified in {:.2} s, {} findings, peak memory {}",
        report.records,
        report.heads,
        bytes / 1_000_000,
        took.as_secs_f64(),
        report.findings.len(),
        peak_memory()
    );
    if report.is_clean() && report.records == EVENTS.unsigned_abs() && took < LIMIT {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
