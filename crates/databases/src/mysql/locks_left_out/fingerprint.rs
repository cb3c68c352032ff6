//! Everything of a server that an attempt could change, as one text.

use std::path::Path;
use std::time::Duration;

use test_support::MariaServer;

/// Names, definitions, rights and settings; locks that sessions hold; how many sessions there are.
const STATE: &str = "
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_OPTIONS, TABLE_COMMENT, AUTO_INCREMENT FROM information_schema.TABLES
    WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema') ORDER BY 1, 2;
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA LIKE 'test%' ORDER BY 1, 2, 3;
SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION FROM information_schema.ROUTINES ORDER BY 1, 2;
SELECT TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS ORDER BY 1, 2;
SELECT EVENT_SCHEMA, EVENT_NAME, STATUS FROM information_schema.EVENTS ORDER BY 1, 2;
SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA ORDER BY 1;
SELECT PLUGIN_NAME, PLUGIN_STATUS FROM information_schema.PLUGINS ORDER BY 1;
SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES ORDER BY 1;
SELECT LOCK_MODE, LOCK_TYPE, TABLE_SCHEMA, TABLE_NAME FROM information_schema.METADATA_LOCK_INFO
    WHERE LOCK_TYPE <> 'Table metadata lock' OR LOCK_MODE NOT LIKE 'MDL_SHARED_READ%' ORDER BY 1, 2, 3, 4;
SHOW OPEN TABLES WHERE In_use > 0;
SELECT * FROM mysql.global_priv ORDER BY Host, User;
SELECT * FROM mysql.db ORDER BY Host, User, Db;
SELECT * FROM mysql.servers;
SELECT * FROM mysql.func;
";

/// The whole server.
pub(super) fn fingerprint(server: &MariaServer) -> String {
    let tables = server.run(
        "",
        "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA LIKE 'test%' AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE') ORDER BY 1",
    );
    let mut statements = STATE.to_owned();
    for table in tables {
        statements.push_str(&format!("SELECT * FROM {table};\n"));
    }
    let mut text = server.run("", &statements).join("\n");
    for folder in [server.folder().join("data"), server.folder().to_owned()] {
        text.push_str(&names(&folder, |name| {
            !name.starts_with("aria_log") && !name.starts_with("ib_buffer")
        }));
    }
    text.push_str(&names(Path::new("/tmp"), |name| name.starts_with("probe")));
    text
}

/// The same, once what an attempt left behind is gone, and its session with it.
pub(super) async fn alone(server: &MariaServer) -> String {
    for name in names(Path::new("/tmp"), |name| name.starts_with("probe")).split_whitespace() {
        let _ = std::fs::remove_file(Path::new("/tmp").join(name));
    }
    for _ in 0..600 {
        let others = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER <> 'system user' AND ID <> CONNECTION_ID()";
        if server.run("", others) == ["0"] {
            return fingerprint(server);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("sessions do not end")
}

/// The names in a folder.
fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let names = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| wanted(name));
    names.sort();
    format!("\n{}", names.join(" "))
}
