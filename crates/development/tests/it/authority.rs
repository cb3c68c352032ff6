use std::os::unix::fs::PermissionsExt as _;

use development::{Folder, certificates};

#[test]
fn the_authority_survives_a_restart_and_its_keys_are_private() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(&temporary.path().join("data")).unwrap();
    let first = certificates(&folder, "vybe.localhost").unwrap();
    let authority = std::fs::read_to_string(&first.authority).unwrap();
    let second = certificates(&folder, "vybe.localhost").unwrap();
    assert_eq!(std::fs::read_to_string(&second.authority).unwrap(), authority);
    assert!(std::fs::read_to_string(&second.chain).unwrap().ends_with(&authority));
    for entry in std::fs::read_dir(temporary.path().join("data")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn a_damaged_key_is_named_and_not_replaced() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    let path = folder.write("authority.key", b"not a key").unwrap();
    let error = certificates(&folder, "vybe.localhost").unwrap_err().to_string();
    assert!(error.contains("authority.key is damaged"), "{error}");
    assert_eq!(std::fs::read(path).unwrap(), b"not a key");
}
