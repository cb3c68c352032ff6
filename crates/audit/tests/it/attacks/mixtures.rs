//! Chains and exports are mixed, and lines that are none.

use audit::Problem;

use crate::forger::Forger;

use super::Attack;

pub fn attacks() -> Vec<Attack> {
    vec![
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
