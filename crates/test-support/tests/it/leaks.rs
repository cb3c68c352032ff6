//! The search for planted values finds them: in every form, in part, in files and in memory.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use test_support::leaks::{Form, Memory, RegionKind, Search};

const VALUE: &str = "q7Zr?Xw~Ku2mB>fT9sLd0aJcVh4nYeGp";

fn search() -> Search {
    Search::new([("planted".to_owned(), VALUE.as_bytes())])
}

fn forms_in(text: &[u8]) -> Vec<Form> {
    let mut forms: Vec<Form> = search().bytes("a text", text).iter().map(|finding| finding.form).collect();
    forms.sort();
    forms.dedup();
    forms
}

#[test]
fn a_value_is_found_in_every_form() {
    let bytes = VALUE.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let escapes: String = bytes.iter().map(|byte| format!("\\u{byte:04X}")).collect();
    let numbers = format!("{bytes:?}");
    let utf16: Vec<u8> = VALUE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (form, text) in [
        (Form::Plain, bytes.to_vec()),
        (Form::Reversed, bytes.iter().rev().copied().collect()),
        (Form::LowerHex, format!("\\x{hex}").into_bytes()),
        (Form::UpperHex, hex.to_uppercase().into_bytes()),
        (Form::Percent, percent.to_lowercase().into_bytes()),
        (Form::Percent, percent.into_bytes()),
        (Form::JsonEscapes, escapes.into_bytes()),
        (Form::JsonNumbers, numbers.replace(' ', "").into_bytes()),
        (Form::DecimalList, numbers.into_bytes()),
        (Form::Utf16, utf16),
    ] {
        let text = [b"before ", &text[..], b" after"].concat();
        assert_eq!(forms_in(&text), [form], "{}", String::from_utf8_lossy(&text));
    }
    let mut of_addresses = 0;
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{VALUE}and more");
        assert!(forms_in(STANDARD.encode(&text).as_bytes()).contains(&Form::Base64), "after {before:?}");
        let forms = forms_in(URL_SAFE.encode(&text).as_bytes());
        // Where no sixth bit group is 62 or 63, both alphabets write the same.
        assert!(forms.iter().all(|form| matches!(form, Form::Base64 | Form::Base64Url)) && !forms.is_empty());
        of_addresses += usize::from(forms.contains(&Form::Base64Url));
    }
    assert!(of_addresses > 0);
}

#[test]
fn parts_are_found_and_other_texts_are_not() {
    for part in [&VALUE[..12], &VALUE[12..], &VALUE[5..29], &VALUE[..VALUE.len() - 1]] {
        assert_eq!(forms_in(part.as_bytes()), [Form::Plain], "{part}");
    }
    assert!(forms_in(&VALUE.as_bytes()[1..12]).is_empty());
    assert!(forms_in(VALUE.to_uppercase().as_bytes()).is_empty());
}

#[test]
fn files_and_their_names_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/file"), format!("{}{VALUE}", "x".repeat(100_000))).unwrap();
    std::fs::write(folder.path().join("a").join(VALUE.replace('/', "")), "").unwrap();
    let (findings, files) = search().folder(folder.path());
    let places: Vec<&str> =
        findings.iter().map(|finding| finding.place.rsplit('/').next().unwrap()).collect();
    assert_eq!((files, places.contains(&"file"), places.contains(&VALUE)), (2, true, true), "{places:?}");
    assert!(findings.iter().any(|finding| finding.offset == 100_000));
}

/// A shell holds what it was told, and the search finds it there as long as it does.
#[test]
fn the_memory_of_a_process_is_looked_at() {
    let mut shell = Command::new("sh")
        .args(["-c", "read -r value; echo ready; read -r next; echo done; read -r end"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    let mut output = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut say = |text: &str| {
        use std::io::Write as _;
        writeln!(input, "{text}").unwrap();
        output.next().unwrap().unwrap();
    };
    say("nothing");
    let before = Memory::of(shell.id());
    assert!(before.size() > 100_000 && search().memory(&before).is_empty());
    assert!(before.regions.iter().any(|region| region.kind == RegionKind::Stack));
    say(VALUE);
    let after = Memory::of(shell.id());
    assert!(!search().memory(&after).is_empty());
    shell.kill().unwrap();
    shell.wait().unwrap();
}
