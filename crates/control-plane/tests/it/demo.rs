//! `vybe dev` on a folder that it has used before.

use control_plane::demo;
use development::Folder;

#[test]
fn a_second_start_finds_everything_as_it_was() {
    test_support::run(async {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let database = format!("sqlite:{}", folder.file("vybe.db").display());
        let first = demo::start(&folder, 0, migrations::connect(&database).await.unwrap()).await.unwrap();
        let before = first.description.clone();
        first.running.stop().await.unwrap();

        let second = demo::start(&folder, 0, migrations::connect(&database).await.unwrap()).await.unwrap();
        let mut after = second.description.clone();
        // Only what listens on a free port each time is somewhere else, and the API token is another one.
        assert_ne!(after["apiToken"], before["apiToken"]);
        for renewed in ["upstream", "admin", "smtp", "apiToken"] {
            after[renewed] = before[renewed].clone();
        }
        assert_eq!(after, before);
        let written = std::fs::read(folder.file("dev.json")).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).unwrap(), second.description);
        let port = u16::try_from(before["port"].as_u64().unwrap()).unwrap();
        second.running.stop().await.unwrap();

        let other = port.checked_add(1).unwrap_or(port - 1);
        let refused = demo::start(&folder, other, migrations::connect(&database).await.unwrap()).await;
        let message = refused.err().unwrap().to_string();
        assert!(message.contains(&format!("--port {port}")), "{message}");
    });
}

#[test]
fn a_folder_whose_database_was_deleted_is_filled_again() {
    test_support::run(async {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let database = |name: &str| format!("sqlite:{}", folder.file(name).display());
        let first =
            demo::start(&folder, 0, migrations::connect(&database("vybe.db")).await.unwrap()).await.unwrap();
        let secret = first.seeded.server_secrets["hello"].clone();
        first.running.stop().await.unwrap();
        let second =
            demo::start(&folder, 0, migrations::connect(&database("new.db")).await.unwrap()).await.unwrap();
        assert_ne!(second.seeded.server_secrets["hello"], secret, "a secret that counts nowhere is replaced");
        second.running.stop().await.unwrap();
    });
}
