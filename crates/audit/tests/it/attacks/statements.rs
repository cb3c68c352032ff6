//! The header and the heads are changed; somebody else signs.

use audit::Problem;

use crate::forger::Forger;

use super::Attack;

pub fn attacks() -> Vec<Attack> {
    vec![
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
    ]
}
