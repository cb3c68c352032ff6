//! Small documents of every kind. What a file is called is what becomes of it: `clean-…`, `asks-<question>-…`,
//! `refused-…`. `vybe catalog shares crates/catalogue/tests/it/documents` prints the shares.

use std::path::PathBuf;

use catalogue::{Answers, Import, Service};

use crate::openapi::proposed;

pub fn documents() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/documents");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_document_becomes_what_its_file_says() {
    let mut wrong = Vec::new();
    for (file, text) in documents() {
        let outcome = match proposed(&text) {
            Err(_) => "refused".to_owned(),
            Ok(proposal) => match proposal.questions.as_slice() {
                [] => "clean".to_owned(),
                [one] => format!("asks-{}", one.key),
                several => format!("asks-{} things", several.len()),
            },
        };
        if !file.starts_with(&format!("{outcome}-")) {
            wrong.push(format!("{file}: {outcome}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_clean_is_an_entry_like_those_in_files() {
    let mut read = 0;
    for (file, text) in documents() {
        let answers = Answers::new();
        let import =
            Import { document: &text, fetched_from: None, authorization_server: None, answers: &answers };
        let Some(service) = import.propose().ok().and_then(|proposal| proposal.service) else { continue };
        let written = toml::to_string(&service).unwrap();
        assert_eq!(Service::parse(&written).unwrap(), service, "{file}");
        read += 1;
    }
    assert_eq!(read, 5);
}
