//! What can be done to an export, and that each is found where it was done.

mod blows;
mod edits;
mod mixtures;
mod order;
mod statements;

use std::sync::OnceLock;

use audit::{Chain, Finding, Location, Problem, SignedHead};
use cryptography::{PublicKey, SigningKey};
use ids::OrganizationId;
use test_support::TestDatabase;

use crate::forger::Forger;
use crate::house::{House, any_key};

/// What the platform wrote, before anybody changed it.
///
/// Lines, from 0: header; records 1 to 4 and their head (5); records 5 to 8 (6 to 9) and their head (10);
/// records 9 to 12 (11 to 14) and their head (15); the head that signs the whole (16).
struct Original {
    export: String,
    /// Of the same chain, when it had eight records.
    earlier: String,
    /// Records 5 to 12.
    part: String,
    /// Of another organization, with as many records.
    other: String,
    heads_file: String,
    key: SigningKey,
    forged_key: SigningKey,
}

const LINES: usize = 17;

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        test_support::run(async {
            let house = House::new(TestDatabase::sqlite().await);
            let (organization, another) = (OrganizationId::generate(), OrganizationId::generate());
            let chain = Chain::Organization(organization);
            let heads = house.heads().await;
            let mut earlier = String::new();
            for _ in 0..3 {
                house.write(organization, 4).await;
                house.write(another, 4).await;
                heads.sign_grown().await.unwrap();
                if earlier.lines().count() < 12 {
                    earlier = house.export(&heads, chain, 1).await;
                }
            }
            Original {
                export: house.export(&heads, chain, 1).await,
                part: house.export(&heads, chain, 5).await,
                other: house.export(&heads, Chain::Organization(another), 1).await,
                heads_file: std::fs::read_to_string(house.heads_file()).unwrap(),
                key: house.key(),
                forged_key: any_key(),
                earlier,
            }
        })
    })
}

impl Original {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn findings(&self, export: &str) -> Vec<Finding> {
        audit::verify(export.as_bytes(), &[self.public_key()], None).unwrap().findings
    }

    fn findings_with(&self, export: &str, heads: &str) -> Vec<Finding> {
        let keys = [self.public_key()];
        audit::verify(export.as_bytes(), &keys, Some(&mut heads.as_bytes())).unwrap().findings
    }

    fn other_lines(&self) -> Vec<String> {
        self.other.split_inclusive('\n').map(str::to_owned).collect()
    }
}

#[test]
fn what_the_platform_wrote_is_clean() {
    let original = original();
    for export in [&original.export, &original.earlier, &original.part, &original.other] {
        assert_eq!(original.findings(export), []);
        assert_eq!(original.findings_with(export, &original.heads_file), []);
    }
    assert_eq!(original.export.lines().count(), LINES);
}

/// A name, what is done, and what has to be found in which line (from 1).
type Attack = (&'static str, fn(&mut Forger, &Original), u64, Problem);

fn attacks() -> Vec<Attack> {
    [edits::attacks(), order::attacks(), statements::attacks(), mixtures::attacks()].concat()
}

/// The expected problem, where its text may be anything when none is given.
fn is(found: &Problem, expected: &Problem) -> bool {
    match (found, expected) {
        (Problem::OtherChain(_), Problem::OtherChain(text)) if text.is_empty() => true,
        (Problem::UnknownKey(_), Problem::UnknownKey(text)) if text.is_empty() => true,
        _ => found == expected,
    }
}

#[test]
fn every_attack_is_found_where_it_was_made() {
    let original = original();
    let mut names = std::collections::BTreeSet::new();
    for (name, attack, line, expected) in attacks() {
        assert!(names.insert(name), "{name} is there twice");
        let mut forger = Forger::new(&original.export);
        attack(&mut forger, original);
        assert_ne!(forger.text(), original.export, "{name} changes nothing");
        let findings = original.findings(&forger.text());
        let found = findings
            .iter()
            .any(|finding| finding.location == Location::Export(line) && is(&finding.problem, &expected));
        assert!(found, "{name}: expected {expected:?} in line {line}, found {findings:#?}");
    }
    assert!(names.len() >= 25, "{}", names.len());
}

#[test]
fn an_export_of_a_database_that_was_rolled_back_contradicts_the_heads_file() {
    let original = original();
    // The platform itself signs what is left after a backup was put back.
    let mut forger = Forger::new(&original.earlier);
    forger.set_header("exportedAt", "2999-01-01T00:00:00.000000Z");
    forger.sign_again(&original.key);
    assert_eq!(original.findings(&forger.text()), []);
    let findings = original.findings_with(&forger.text(), &original.heads_file);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].problem, Problem::RolledBack { signed: 12, last: 8 });
}

#[test]
fn a_chain_rewritten_with_the_true_key_contradicts_the_heads_file() {
    let original = original();
    let mut forger = Forger::new(&original.export);
    forger.replace(7, "\"done\"", "\"refused\"");
    forger.rehash(7);
    forger.sign_again(&original.key);
    assert_eq!(original.findings(&forger.text()), []);
    let problems: Vec<_> =
        original.findings_with(&forger.text(), &original.heads_file).into_iter().map(|f| f.problem).collect();
    assert_eq!(problems, [Problem::Rewritten(8), Problem::Rewritten(12)], "and not record 4");
}

#[test]
fn a_part_with_another_beginning_is_found() {
    let original = original();
    let mut forger = Forger::new(&original.part);
    let other = Forger::new(&original.other).hash(4).to_string();
    forger.set_header("previous", other);
    assert!(original.findings(&forger.text()).iter().any(|f| f.problem == Problem::RecordChanged(5)));
    let mut forger = Forger::new(&original.part);
    forger.set_header("from", 1);
    forger.set_header("previous", "0".repeat(64));
    assert!(
        original
            .findings(&forger.text())
            .iter()
            .any(|f| f.problem == Problem::RecordsMissing { from: 1, to: 4 })
    );
}

#[test]
fn a_heads_file_that_was_changed_is_found() {
    let original = original();
    let chain = Forger::new(&original.export).chain();
    let lines: Vec<&str> = original.heads_file.lines().collect();
    let ours = lines.iter().position(|line| line.contains(&chain.to_string())).unwrap();
    let with = |line: String| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines[ours] = line;
        original.findings_with(&original.export, &(lines.join("\n") + "\n"))
    };
    let place = Location::HeadsFile(ours as u64 + 1);
    let found = |findings: Vec<Finding>, problem: fn(&Problem) -> bool| {
        assert!(findings.iter().any(|f| f.location == place && problem(&f.problem)), "{findings:?}");
    };
    found(with(lines[ours].replace("\"sequence\":4", "\"sequence\":3")), |p| {
        matches!(p, Problem::BadSignature(3))
    });
    found(with("hello".to_owned()), |p| matches!(p, Problem::NotALine));
    let head = SignedHead::parse(lines[ours].as_bytes()).unwrap().head;
    let key = audit::key_id(&original.forged_key.public_key());
    let forged = audit::Head { key, ..head.clone() }.sign(&original.forged_key);
    found(with(forged.line().trim_end().to_owned()), |p| matches!(p, Problem::UnknownKey(_)));
    // Two heads by the true key: somebody made the platform sign two histories.
    let hash = Forger::new(&original.other).hash(4);
    let second = audit::Head { hash, ..head }.sign(&original.key).line();
    let findings = original.findings_with(&original.export, &(original.heads_file.clone() + &second));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].problem, Problem::TwoHeads(4));
}

#[test]
fn a_file_of_anything_is_reported_and_not_more() {
    let original = original();
    let zeros = vec![b'{'; 40 * 1024 * 1024];
    let report = audit::verify(zeros.as_slice(), &[original.public_key()], None).unwrap();
    assert!(!report.is_clean());
    let many = "x\n".repeat(5000);
    let report = audit::verify(many.as_bytes(), &[original.public_key()], None).unwrap();
    assert_eq!(report.findings.len(), audit::Report::KEPT);
    assert_eq!(report.further, 5000 + 2 - 1000, "no header, 5000 lines, cut off");
}
