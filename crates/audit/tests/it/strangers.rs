//! The format is what it is said to be: somebody else's program, with other libraries, agrees.

use std::path::Path;
use std::process::Command;

use audit::{Chain, public_key_text};
use ids::OrganizationId;
use test_support::TestDatabase;

use crate::house::House;

/// Runs `verify_export.py`, which needs Python 3 and openssl; both have to be installed.
fn python(export: &Path, key: &str) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_export.py");
    let run = Command::new("python3").arg(script).arg(export).arg(key).output();
    let output = run.expect("this test needs python3 and openssl: apt-get install python3 openssl");
    let said = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(said(output.stdout)) } else { Err(said(output.stderr)) }
}

#[test]
fn thirty_lines_of_python_come_to_the_same_result() {
    test_support::run(async {
        let house = House::new(TestDatabase::sqlite().await);
        let organization = OrganizationId::generate();
        let heads = house.heads().await;
        house.write(organization, 3).await;
        heads.sign_grown().await.unwrap();
        house.write(organization, 3).await;
        let key = public_key_text(&house.key().public_key());
        let path = house.folder.path().join("export.jsonl");
        for from in [1, 4] {
            let export = house.export(&heads, Chain::Organization(organization), from).await;
            std::fs::write(&path, &export).unwrap();
            assert_eq!(python(&path, &key), Ok(format!("clean: {} records\n", 7 - from)));
            for (what, with, words) in [
                ("\"done\"", "\"refused\"", "the hash"),
                ("\"exportedAt\":\"20", "\"exportedAt\":\"19", "the content"),
                ("\"key\":\"", "\"key\":\"0", "the signature"),
            ] {
                std::fs::write(&path, export.replacen(what, with, 1)).unwrap();
                let said = python(&path, &key).unwrap_err();
                assert!(said.contains(words), "{what}: {said}");
            }
            let (whole, _) = export.trim_end().rsplit_once('\n').unwrap();
            std::fs::write(&path, format!("{whole}\n")).unwrap();
            assert!(python(&path, &key).unwrap_err().contains("cut off"));
        }
    });
}
