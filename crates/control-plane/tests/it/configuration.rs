//! The configuration file, through the library and through the binary.

use std::collections::BTreeSet;
use std::path::Path;

use control_plane::config::{Config, reference};

const EXAMPLE: &str = include_str!("../../../../deploy/vybe.example.toml");
const PAGE: &str = include_str!("../../../../docs/reference/configuration.md");
const SCHEMA: &str = include_str!("../../../../deploy/vybe.schema.json");

/// The example with every commented key switched on.
fn everything() -> String {
    let key = |line: &str| {
        line.starts_with('[')
            || line
                .split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let line = |line: &'static str| match line.strip_prefix("# ") {
        Some(rest) if key(rest) => rest,
        _ => line,
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn keys(text: &str) -> BTreeSet<String> {
    fn walk(value: &toml::Value, path: &str, keys: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table)
                if !table.keys().any(|key| matches!(key.as_str(), "env" | "file" | "credential")) =>
            {
                for (key, value) in table {
                    walk(value, &format!("{path}.{key}"), keys);
                }
            }
            _ => {
                keys.insert(path.to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&text.parse::<toml::Table>().unwrap().into(), "", &mut found);
    found
}

#[test]
fn the_reference_in_the_repository_is_what_the_types_say() {
    let schema = format!("{:#}\n", reference::schema());
    let is_fresh = EXAMPLE == reference::example() && PAGE == reference::page() && SCHEMA == schema;
    assert!(is_fresh, "run `cargo xtask write-config-reference` and commit what it changes");
}

#[test]
fn every_key_and_section_is_explained() {
    let lines: Vec<_> = EXAMPLE.lines().collect();
    let starts = |line: &str| line.trim_start_matches("# ").starts_with('[') || line.contains(" = ");
    for pair in lines.windows(2).filter(|pair| starts(pair[1]) && !pair[1].starts_with("# S")) {
        assert!(pair[0].starts_with("# "), "nothing stands above {:?}", pair[1]);
    }
}

#[test]
fn the_example_explains_every_key_and_no_other() {
    let text = everything();
    let config = Config::parse(&text, Path::new("example")).unwrap();
    // Printing knows every key there is: whatever it prints has to be in the example, and the other way.
    assert_eq!(keys(&config.redacted().unwrap()), keys(&text));
}

#[test]
fn the_defaults_are_those_that_the_example_shows() {
    let bare = Config::parse(EXAMPLE, Path::new("example")).unwrap().redacted().unwrap();
    let full = Config::parse(&everything(), Path::new("example")).unwrap().redacted().unwrap();
    let bare: toml::Table = bare.parse().unwrap();
    let full: toml::Table = full.parse().unwrap();
    for (section, values) in &bare {
        for (key, value) in values.as_table().unwrap() {
            assert_eq!(
                full[section].get(key).filter(|_| key != "provider"),
                Some(value).filter(|_| key != "provider"),
                "{section}.{key}"
            );
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let check = |text: &str, line: &str, words: &str| {
        let message = Config::parse(text, Path::new("vybe.toml")).unwrap_err().to_string();
        assert!(message.contains(line) && message.contains(words), "{message}");
        assert!(!message.contains('\n'), "{message}");
    };
    let with = |extra: &str| format!("{EXAMPLE}\n{extra}\n");
    let last = format!("line {}", EXAMPLE.lines().count() + 2);
    check(&with("colour = \"red\""), &last, "unknown field `colour`");
    check(&with("format = \"xml\""), &last, "`xml`");
    check(&with("level = 3"), &last, "invalid type: integer `3`, expected a string");
    check(&with("["), &last, "");
    check("[platform]\nhost = \"a.b\"\n", "line 1", "missing field `base_domain`");
    check(
        &EXAMPLE.replace("url = \"sqlite:/var/lib/vybe/vybe.db\"", "url = { environment = \"X\" }"),
        "line ",
        "unknown field `environment`, expected one of `env`, `file`, `credential`",
    );
}

#[test]
fn printing_shows_no_secret() {
    let text = everything()
        .replace("\"sqlite:/var/lib/vybe/vybe.db\"", "\"postgres://vybe:CANARY@db/vybe\"")
        .replace("{ env = \"COMPANY_CLIENT_SECRET\" }", "\"CANARY\"")
        .replace("{ env = \"VYBE_MASTER_KEY\" }", "\"CANARY\"");
    let config = Config::parse(&text, Path::new("example")).unwrap();
    assert!(!config.redacted().unwrap().contains("CANARY"));
    assert!(!format!("{config:?}").contains("CANARY"));
}
