//! Records are moved, repeated, inserted or cut off; the chain forks.

use audit::Problem;

use super::Attack;

pub fn attacks() -> Vec<Attack> {
    vec![
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
    ]
}
