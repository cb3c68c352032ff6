//! Records are changed or removed.

use audit::Problem;

use crate::forger::Forger;

use super::Attack;

const MISSING_3: Problem = Problem::RecordsMissing { from: 3, to: 3 };

pub fn attacks() -> Vec<Attack> {
    vec![
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
    ]
}
