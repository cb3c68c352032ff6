//! The entries inside the binary, and the documents that are made of them.

use std::path::PathBuf;

use catalogue::{Service, Tier, badge, built_in, document};

#[test]
fn every_file_is_an_entry_named_after_itself() {
    let broken: Vec<String> =
        built_in().broken().iter().map(|(file, error)| format!("{file}: {error}")).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_entry_claims_to_be_imported_or_has_the_name_of_one() {
    for service in built_in().services() {
        assert_ne!(service.tier, Tier::Imported, "{}", service.id);
        assert!(!service.id.is_imported(), "{}", service.id);
    }
}

/// Written with `VYBE_WRITE_CATALOGUE=1`, which is what `cargo xtask check-catalogue --write` sets.
#[test]
fn the_documents_are_those_of_the_entries() {
    let services: Vec<&Service> = built_in().services().map(|service| &**service).collect();
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (name, text) in [("CATALOGUE.md", document(&services)), ("catalogue.svg", badge(&services))] {
        let path = docs.join(name);
        if std::env::var_os("VYBE_WRITE_CATALOGUE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/{name} is not of these entries: cargo xtask check-catalogue --write");
    }
}
