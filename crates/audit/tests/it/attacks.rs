//! What can be done to an export, and that each is found where it was done.

use std::sync::{Arc, OnceLock};

use audit::{Chain, Finding, Location, Problem, SignedHead};
use ids::OrganizationId;
use proptest::prelude::*;
use secrets_vault::{PublicKey, SigningKey};
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

const MISSING_3: Problem = Problem::RecordsMissing { from: 3, to: 3 };

fn attacks() -> Vec<Attack> {
    vec![
        // Edits.
        ("detail_changed", |f, _| f.replace(3, "\"number\":3", "\"number\":4"), 4, Problem::RecordChanged(3)),
        (
            "actor_changed",
            |f, _| f.replace(3, "\"kind\":\"system\"", "\"kind\":\"person\""),
            4,
            Problem::RecordChanged(3),
        ),
        ("outcome_changed", |f, _| f.replace(3, "\"done\"", "\"refused\""), 4, Problem::RecordChanged(3)),
        ("time_changed", |f, _| f.replace(3, "\"at\":\"20", "\"at\":\"19"), 4, Problem::RecordChanged(3)),
        (
            "space_inside_a_record",
            |f, _| f.replace(3, "\"action\":", "\"action\": "),
            4,
            Problem::RecordChanged(3),
        ),
        (
            "same_name_written_in_another_way",
            |f, _| f.replace(3, "app.update", "app.\\u0075pdate"),
            4,
            Problem::RecordChanged(3),
        ),
        (
            "a_second_outcome",
            |f, _| f.replace(3, "\"outcome\":", "\"outcome\":\"refused\",\"outcome\":"),
            4,
            Problem::RecordChanged(3),
        ),
        (
            "a_second_number",
            |f, _| f.replace(3, "\"sequence\":3", "\"sequence\":3,\"sequence\":3"),
            4,
            Problem::NotALine,
        ),
        ("number_changed", |f, _| f.replace(3, "\"sequence\":3", "\"sequence\":2"), 4, Problem::Fork(2)),
        (
            "number_beyond_all",
            |f, _| f.replace(3, "\"sequence\":3", "\"sequence\":9223372036854775807"),
            5,
            Problem::RecordMoved(4),
        ),
        (
            "number_below_all",
            |f, _| f.replace(3, "\"sequence\":3", "\"sequence\":-9223372036854775808"),
            4,
            Problem::RecordMoved(i64::MIN),
        ),
        (
            "hash_changed",
            |f, o| {
                f.lines[3] =
                    f.lines[3].replace(&f.hash(3).to_string(), &Forger::new(&o.other).hash(3).to_string())
            },
            4,
            Problem::RecordChanged(3),
        ),
        (
            "hash_in_capitals",
            |f, _| {
                let hash = f.hash(3).to_string();
                f.replace(3, &hash, &hash.to_uppercase());
            },
            4,
            Problem::NotALine,
        ),
        (
            "changed_with_its_hash",
            |f, _| {
                f.replace(3, "\"done\"", "\"refused\"");
                f.set_record(3, &f.record(3));
            },
            5,
            Problem::RecordChanged(4),
        ),
        (
            "changed_with_all_hashes",
            |f, _| {
                f.replace(3, "\"done\"", "\"refused\"");
                f.rehash(3);
            },
            6,
            Problem::Rewritten(4),
        ),
        (
            "last_record_changed_with_its_hash",
            |f, _| {
                f.replace(14, "\"done\"", "\"refused\"");
                f.rehash(14);
            },
            16,
            Problem::Rewritten(12),
        ),
        (
            "changed_with_all_hashes_without_heads",
            |f, _| {
                f.replace(3, "\"done\"", "\"refused\"");
                f.rehash(3);
                f.without_heads();
            },
            13,
            Problem::CutOff { last: 12 },
        ),
        (
            "changed_with_all_hashes_and_the_last_head",
            |f, _| {
                f.replace(3, "\"done\"", "\"refused\"");
                f.rehash(3);
                let last = f.lines[16].clone();
                f.without_heads();
                f.lines.push(last);
            },
            14,
            Problem::Rewritten(12),
        ),
        // Removals.
        (
            "first_record_removed",
            |f, _| {
                f.lines.remove(1);
            },
            2,
            Problem::RecordsMissing { from: 1, to: 1 },
        ),
        (
            "a_record_removed",
            |f, _| {
                f.lines.remove(3);
            },
            4,
            MISSING_3,
        ),
        (
            "records_and_their_head_removed",
            |f, _| {
                f.lines.drain(6..11);
            },
            7,
            Problem::RecordsMissing { from: 5, to: 8 },
        ),
        (
            "all_records_removed",
            |f, _| {
                f.lines.drain(1..16);
            },
            2,
            Problem::HeadMoved(12),
        ),
        (
            "last_record_removed",
            |f, _| {
                f.lines.remove(14);
            },
            15,
            Problem::HeadMoved(12),
        ),
        (
            "removed_and_hashed_again",
            |f, _| {
                f.lines.remove(3);
                f.rehash(1);
            },
            4,
            MISSING_3,
        ),
        (
            "removed_numbered_and_hashed_again",
            |f, _| {
                f.lines.remove(3);
                f.renumber();
            },
            5,
            Problem::HeadMoved(4),
        ),
        (
            "removed_and_the_header_adjusted",
            |f, _| {
                f.lines.remove(14);
                f.set_header("to", 11);
            },
            16,
            Problem::HeadMoved(12),
        ),
        // Another order, repetition, insertion, forks.
        ("two_records_swapped", |f, _| f.lines.swap(2, 3), 3, Problem::RecordsMissing { from: 2, to: 2 }),
        ("two_records_swapped_located_twice", |f, _| f.lines.swap(2, 3), 4, Problem::RecordMoved(2)),
        (
            "swapped_and_numbered_again",
            |f, _| {
                f.lines.swap(2, 3);
                f.renumber();
            },
            6,
            Problem::Rewritten(4),
        ),
        (
            "a_record_moved_to_the_end",
            |f, _| {
                let line = f.lines.remove(3);
                f.lines.insert(14, line);
            },
            15,
            Problem::RecordMoved(3),
        ),
        (
            "a_block_moved_with_its_head",
            |f, _| {
                let block: Vec<_> = f.lines.drain(6..11).collect();
                let at = f.lines.len() - 1;
                f.lines.splice(at..at, block);
            },
            12,
            Problem::RecordMoved(5),
        ),
        ("a_record_repeated", |f, _| f.lines.insert(4, f.lines[3].clone()), 5, Problem::RecordRepeated(3)),
        (
            "a_record_repeated_later",
            |f, _| f.lines.insert(9, f.lines[3].clone()),
            10,
            Problem::RecordMoved(3),
        ),
        ("a_head_repeated", |f, _| f.lines.insert(6, f.lines[5].clone()), 18, Problem::ContentChanged),
        (
            "a_record_inserted",
            |f, _| {
                f.lines.insert(4, f.lines[3].clone());
                f.renumber();
            },
            7,
            Problem::HeadMoved(4),
        ),
        (
            "a_fork",
            |f, _| {
                let text = f.record(3).replace("\"done\"", "\"refused\"");
                f.lines.insert(3, f.lines[3].clone());
                f.set_record(3, &text);
            },
            5,
            Problem::Fork(3),
        ),
        (
            "a_fork_behind_the_original",
            |f, _| {
                let text = f.record(3).replace("\"done\"", "\"refused\"");
                let line = f.lines[3].clone();
                f.set_record(3, &text);
                let fork = std::mem::replace(&mut f.lines[3], line);
                f.lines.insert(4, fork);
            },
            5,
            Problem::Fork(3),
        ),
        (
            "a_fork_to_the_end",
            |f, _| {
                f.replace(11, "\"done\"", "\"refused\"");
                f.rehash(11);
            },
            16,
            Problem::Rewritten(12),
        ),
        // Truncation.
        ("cut_off_after_a_record", |f, _| f.lines.truncate(14), 14, Problem::CutOff { last: 11 }),
        ("cut_off_after_a_head", |f, _| f.lines.truncate(11), 11, Problem::CutOff { last: 8 }),
        (
            "cut_off_and_the_header_adjusted",
            |f, _| {
                f.lines.truncate(11);
                f.set_header("to", 8);
            },
            11,
            Problem::CutOff { last: 8 },
        ),
        ("only_the_last_line_missing", |f, _| f.lines.truncate(16), 16, Problem::CutOff { last: 12 }),
        (
            "cut_off_with_the_last_head_kept",
            |f, _| {
                f.lines.drain(11..16);
            },
            12,
            Problem::HeadMoved(12),
        ),
        (
            "cut_off_with_an_earlier_last_line",
            |f, o| {
                f.lines.truncate(11);
                f.lines.push(o.earlier.lines().last().unwrap().to_owned() + "\n");
            },
            12,
            Problem::ContentChanged,
        ),
        (
            "cut_off_within_a_line",
            |f, _| {
                f.lines.truncate(14);
                let cut = f.lines[13].len() / 2;
                f.lines[13].truncate(cut);
            },
            14,
            Problem::LineWithoutEnd,
        ),
        (
            "last_line_without_its_end",
            |f, _| {
                f.lines[16].pop();
            },
            17,
            Problem::LineWithoutEnd,
        ),
        ("nothing_left", |f, _| f.lines.clear(), 0, Problem::CutOff { last: 0 }),
        // The header.
        (
            "header_removed",
            |f, _| {
                f.lines.remove(0);
            },
            1,
            Problem::NoHeader,
        ),
        ("header_twice", |f, _| f.lines.insert(1, f.lines[0].clone()), 2, Problem::NotALine),
        ("header_of_another_format", |f, _| f.set_header("format", "vybe-audit-2"), 1, Problem::NoHeader),
        ("header_with_more", |f, _| f.replace(0, "{", "{\"note\":\"checked\","), 1, Problem::NoHeader),
        (
            "header_time_changed",
            |f, _| f.set_header("exportedAt", "2026-01-01T00:00:00.000000Z"),
            17,
            Problem::ContentChanged,
        ),
        (
            "header_chain_changed",
            |f, o| {
                let chain = Forger::new(&o.other).chain().to_string();
                f.set_header("chain", chain);
            },
            2,
            Problem::OtherChain(String::new()),
        ),
        ("header_begin_changed", |f, _| f.set_header("from", 5), 1, Problem::HeaderContradicts),
        ("header_end_changed", |f, _| f.set_header("to", 11), 17, Problem::HeaderContradicts),
        (
            "header_end_beyond",
            |f, _| f.set_header("to", 13),
            17,
            Problem::RecordsMissing { from: 13, to: 13 },
        ),
        (
            "header_range_impossible",
            |f, _| {
                f.set_header("from", i64::MIN);
                f.set_header("to", i64::MAX);
            },
            1,
            Problem::HeaderContradicts,
        ),
        ("header_keys_changed", |f, o| f.set_header_key(&o.forged_key), 17, Problem::ContentChanged),
        ("header_spaced", |f, _| f.replace(0, ",", ", "), 17, Problem::ContentChanged),
        (
            "begun_later_with_the_hash_before",
            |f, _| {
                let hash = f.hash(4).to_string();
                f.set_header("from", 5);
                f.set_header("previous", hash);
                f.lines.drain(1..6);
            },
            12,
            Problem::ContentChanged,
        ),
        // Heads and keys.
        (
            "head_removed",
            |f, _| {
                f.lines.remove(5);
            },
            16,
            Problem::ContentChanged,
        ),
        (
            "head_moved",
            |f, _| {
                let line = f.lines.remove(5);
                f.lines.insert(7, line);
            },
            8,
            Problem::HeadMoved(4),
        ),
        (
            "head_number_changed",
            |f, _| f.replace(5, "\"sequence\":4", "\"sequence\":3"),
            6,
            Problem::BadSignature(3),
        ),
        (
            "head_hash_changed",
            |f, _| {
                let hash = f.hash(4).to_string();
                let with = f.hash(3).to_string();
                f.replace(5, &hash, &with);
            },
            6,
            Problem::BadSignature(4),
        ),
        ("head_time_changed", |f, _| f.replace(5, "\"at\":\"20", "\"at\":\"19"), 6, Problem::BadSignature(4)),
        ("head_spaced", |f, _| f.replace(5, "\"sequence\":", "\"sequence\": "), 6, Problem::BadSignature(4)),
        (
            "signature_changed",
            |f, _| {
                let signature = f.lines[5].len() - 4;
                let with = if f.lines[5].as_bytes()[signature] == b'0' { "1" } else { "0" };
                f.lines[5].replace_range(signature..=signature, with);
            },
            6,
            Problem::BadSignature(4),
        ),
        (
            "signature_of_another_head",
            |f, _| {
                let signature = f.lines[10].split_once("\"signature\":").unwrap().1.to_owned();
                let head = f.lines[5].split_once("\"signature\":").unwrap().0.to_owned();
                f.lines[5] = format!("{head}\"signature\":{signature}");
            },
            6,
            Problem::BadSignature(4),
        ),
        (
            "head_with_more",
            |f, _| f.replace(5, "{\"head\":{", "{\"head\":{\"note\":1,"),
            6,
            Problem::NotALine,
        ),
        (
            "head_of_another_chain",
            |f, o| f.lines.insert(5, o.other_lines()[5].clone()),
            6,
            Problem::OtherChain(String::new()),
        ),
        (
            "last_line_of_another_chain",
            |f, o| f.lines[16] = o.other_lines()[16].clone(),
            17,
            Problem::OtherChain(String::new()),
        ),
        (
            "last_line_of_an_earlier_export",
            |f, o| f.lines[16] = o.earlier.lines().last().unwrap().to_owned() + "\n",
            17,
            Problem::ContentChanged,
        ),
        (
            "last_line_of_a_part",
            |f, o| f.lines[16] = o.part.lines().last().unwrap().to_owned() + "\n",
            17,
            Problem::ContentChanged,
        ),
        (
            "last_line_made_an_ordinary_head",
            |f, _| f.lines[16] = f.lines[15].clone(),
            17,
            Problem::CutOff { last: 12 },
        ),
        (
            "signed_again_by_another_key",
            |f, o| {
                f.replace(3, "\"done\"", "\"refused\"");
                f.rehash(3);
                f.sign_again(&o.forged_key);
            },
            6,
            Problem::UnknownKey(String::new()),
        ),
        (
            "signed_again_by_another_key_that_the_header_names",
            |f, o| {
                f.replace(3, "\"done\"", "\"refused\"");
                f.rehash(3);
                f.set_header_key(&o.forged_key);
                f.sign_again(&o.forged_key);
            },
            6,
            Problem::UnknownKey(String::new()),
        ),
        (
            "signed_again_by_another_key_under_the_old_name",
            |f, o| {
                f.rehash(3);
                f.sign_again(&o.forged_key);
                let (old, new) = (audit::key_id(&o.public_key()), audit::key_id(&o.forged_key.public_key()));
                for line in &mut f.lines {
                    *line = line.replace(&new, &old);
                }
            },
            6,
            Problem::BadSignature(4),
        ),
        // Chains and exports mixed.
        (
            "a_record_of_another_chain",
            |f, o| f.lines.insert(4, o.other_lines()[4].clone()),
            5,
            Problem::OtherChain(String::new()),
        ),
        (
            "a_record_replaced_by_another_chains",
            |f, o| f.lines[4] = o.other_lines()[4].clone(),
            5,
            Problem::OtherChain(String::new()),
        ),
        (
            "another_chains_records_below_this_header",
            |f, o| {
                let header = f.lines[0].clone();
                f.lines = o.other_lines();
                f.lines[0] = header;
            },
            2,
            Problem::OtherChain(String::new()),
        ),
        ("another_export_appended", |f, o| f.lines.extend(o.other_lines()), 18, Problem::AfterTheEnd),
        (
            "records_of_a_part_appended",
            |f, o| f.lines.extend(Forger::new(&o.part).lines.drain(2..)),
            18,
            Problem::AfterTheEnd,
        ),
        ("an_empty_line_at_the_end", |f, _| f.lines.push("\n".to_owned()), 18, Problem::AfterTheEnd),
        ("an_empty_line_within", |f, _| f.lines.insert(3, "\n".to_owned()), 4, Problem::NotALine),
        ("a_comment", |f, _| f.lines.insert(3, "# checked\n".to_owned()), 4, Problem::NotALine),
        (
            "line_ends_of_windows",
            |f, _| {
                for line in &mut f.lines {
                    *line = line.replace('\n', "\r\n");
                }
            },
            2,
            Problem::NotALine,
        ),
        ("a_byte_order_mark", |f, _| f.lines[0].insert(0, '\u{feff}'), 1, Problem::NoHeader),
        ("a_space_behind_a_line", |f, _| f.replace(3, "\n", " \n"), 4, Problem::NotALine),
        ("a_space_before_a_line", |f, _| f.lines[3].insert(0, ' '), 4, Problem::NotALine),
        ("a_record_that_is_not_json", |f, _| f.set_record(3, "{\"sequence\":3,"), 4, Problem::NotALine),
        (
            "two_records_in_a_line",
            |f, _| {
                let text = format!("{},{}", f.record(3), f.record(4));
                f.set_record(3, &text);
            },
            4,
            Problem::NotALine,
        ),
    ]
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

/// Something done without knowing what it does.
#[derive(Clone, Debug)]
enum Blow {
    Flip(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    SwapBytes(prop::sample::Index, prop::sample::Index),
    RemoveLine(prop::sample::Index),
    RepeatLine(prop::sample::Index, prop::sample::Index),
    SwapLines(prop::sample::Index, prop::sample::Index),
    TakeLine(prop::sample::Index, prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn blow() -> impl Strategy<Value = Blow> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1..=255_u8).prop_map(|(at, bits)| Blow::Flip(at, bits)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Blow::Flip(at, 1 << bit)),
        (at(), 1..200_usize).prop_map(|(at, length)| Blow::Remove(at, length)),
        (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Blow::Insert(at, bytes)),
        (at(), "[ \n\r\t0-9a-f\"{},:]{1,3}").prop_map(|(at, text)| Blow::Insert(at, text.into_bytes())),
        (at(), at()).prop_map(|(one, other)| Blow::SwapBytes(one, other)),
        at().prop_map(Blow::RemoveLine),
        (at(), at()).prop_map(|(from, to)| Blow::RepeatLine(from, to)),
        (at(), at()).prop_map(|(one, other)| Blow::SwapLines(one, other)),
        (at(), at()).prop_map(|(from, to)| Blow::TakeLine(from, to)),
        at().prop_map(Blow::Truncate),
    ]
}

impl Blow {
    fn strike(&self, export: &str, other: &str) -> Vec<u8> {
        let mut bytes = export.as_bytes().to_vec();
        let mut lines: Vec<&str> = export.split_inclusive('\n').collect();
        let others: Vec<&str> = other.split_inclusive('\n').collect();
        let count = lines.len();
        match self {
            Self::Flip(at, bits) => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
                return bytes;
            }
            Self::Remove(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..bytes.len().min(at + length));
                return bytes;
            }
            Self::Insert(at, more) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, more.iter().copied());
                return bytes;
            }
            Self::SwapBytes(one, other) => {
                let length = bytes.len();
                bytes.swap(one.index(length), other.index(length));
                return bytes;
            }
            Self::Truncate(at) => {
                bytes.truncate(at.index(bytes.len()));
                return bytes;
            }
            Self::RemoveLine(at) => drop(lines.remove(at.index(count))),
            Self::RepeatLine(from, to) => lines.insert(to.index(count + 1), lines[from.index(count)]),
            Self::SwapLines(one, other) => lines.swap(one.index(count), other.index(count)),
            Self::TakeLine(from, to) => lines[to.index(count)] = others[from.index(others.len())],
        }
        lines.concat().into_bytes()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_an_export_is_found(blows in prop::collection::vec(blow(), 1..4)) {
        let original = original();
        let mut bytes = original.export.clone().into_bytes();
        for blow in &blows {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if !text.is_empty() {
                bytes = blow.strike(&text, &original.other);
            }
        }
        prop_assume!(bytes != original.export.as_bytes());
        let report = audit::verify(bytes.as_slice(), &[original.public_key()], None).unwrap();
        prop_assert!(!report.is_clean(), "{blows:?}");
    }
}

#[test]
fn every_single_bit_of_an_export_counts() {
    let original = original();
    let keys = [original.public_key()];
    let export = Arc::<[u8]>::from(original.earlier.as_bytes());
    for at in 0..export.len() {
        let mut bytes = export.to_vec();
        bytes[at] ^= 1 << (at % 8);
        let report = audit::verify(bytes.as_slice(), &keys, None).unwrap();
        assert!(!report.is_clean(), "byte {at}");
    }
}
