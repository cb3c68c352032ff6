//! `vybe prove read-only` on a running platform and a real database, and what a stranger makes of its report.

use development::Folder;
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use crate::audit_commands::{Operator, vybe};
use crate::data_gateway::world::{CustomerDatabase, World};
use crate::platform::Platform;
use crate::policy::CommandLine;

on_both_stores! {
    async fn the_proof_says_lock_by_lock_what_holds_and_its_report_is_signed(database: TestDatabase) {
        let operator = Operator::new(&database);
        let folder = Folder::open(operator.folder.path()).unwrap();
        let platform = Platform::of(&folder, 0, database.connection().clone()).await;
        let editor = platform.signed_in("editor").await;
        let world = World { platform, editor };
        let customer = CustomerDatabase::new("CREATE TABLE items (id int)").await;
        world.postgresql("locked", &customer, json!({ "readOnly": true })).await;
        world.postgresql("open", &customer, json!({ "readOnly": false })).await;
        world.postgresql("broken", &customer, json!({ "readOnly": true, "password": "another one" })).await;
        let command_line = CommandLine::of(&world.platform);

        let report = operator.folder.path().join("report.json");
        let file = report.to_str().unwrap();
        let prove = ["prove", "read-only", "--connection", "locked", "--report", file];
        // The role of the test is a superuser's: everything holds but that.
        let said = command_line.ends(1, &prove).await;
        for lock in ["parser", "functions", "one_statement", "transaction", "session"] {
            let line = said.lines().find(|line| line.starts_with(lock)).unwrap_or_else(|| panic!("{said}"));
            assert!(line.contains(" holds "), "{said}");
        }
        assert!(said.contains("role           MISSING") && said.contains("not seen to hold: role"), "{said}");
        assert!(said.contains("the role is a superuser"), "{said}");
        let said = command_line.ends(0, &[prove.as_slice(), &["--any-role", "--organization", "acme"]].concat()).await;
        assert!(said.contains("signed report: "), "{said}");
        assert!(said.contains("34 statements judged by the guard and sent nowhere, 34 refused"), "{said}");
        assert!(said.contains("11 attempts sent to the server, 11 stopped"), "{said}");

        let signed = std::fs::read_to_string(&report).unwrap();
        let key = operator.public_key();
        let verify = |text: &str, key: &str| {
            std::fs::write(&report, text).unwrap();
            let output = vybe(&["audit", "verify-read-only", "--report", file, "--public-key", key]);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
        };
        let (good, said) = verify(&signed, &key);
        assert!(good && said.contains("locked (") && said.contains("audit record "), "{said}");
        for (text, key) in [
            (signed.clone(), "ab".repeat(32)),
            (signed.replace("\"holds\": false", "\"holds\": true"), key.clone()),
            (signed.replace("\"sent\": false", "\"sent\": true"), key.clone()),
            (signed.replace("\"locked\"", "\"other\""), key.clone()),
            (signed.replace("read-only examination", "another examination"), key.clone()),
            ("{}".to_owned(), key.clone()),
        ] {
            let (good, said) = verify(&text, &key);
            assert!(!good, "{said}");
        }

        let open = ["prove", "read-only", "--connection", "open", "--any-role", "--report", file];
        let said = command_line.ends(1, &open).await;
        assert!(said.contains("not seen to hold: parser, functions, one_statement, transaction, session"), "{said}");
        let said = command_line.ends(1, &["prove", "read-only", "--connection", "broken", "--report", file]).await;
        assert!(said.contains("there is no session with the database") && said.contains("(login)"), "{said}");
        let said = command_line.ends(1, &["prove", "read-only", "--connection", "nothing", "--report", file]).await;
        assert!(said.contains("there is no database connection called nothing"), "{said}");

        let path = format!("{}/audit-events?action=database_connections.prove_read_only", world.organization());
        let owner = world.platform.signed_in("owner").await;
        let trail = owner.call("GET", &path, None).await;
        assert_eq!(trail.status, 200, "{}", trail.text());
        let signed: serde_json::Value = serde_json::from_str(&signed).unwrap();
        assert!(trail.text().contains(signed["attestation"]["record"].as_str().unwrap()), "{}", trail.text());
    }
}
