//! The example file: every key with what it means, commented out where the file can do without.

use super::{Key, Section, sections};

/// How long a line of a comment becomes, `# ` included, where a word does not make it longer.
const WIDTH: usize = 118;

const OPENING: &str = r##"#:schema ./vybe.schema.json
#
# Configuration of `vybe serve`. Copy it, change it, and let `vybe config check` read it. Made by `vybe config example`.
#
# A key that is not explained here does not exist: `vybe` refuses to start with it and names the line.
# Lines that start with `#` and a key show the default, or an example where there is none.
# Secrets can be written in four ways: "the value", { env = "NAME" }, { file = "/path" } or { credential = "NAME" },
# a file that systemd hands to the service (LoadCredential= or LoadCredentialEncrypted= in the unit; for commands
# beside the service see docs/guides/key-rotation.md).
# Spans of time are a number and a unit: 500ms, 30s, 5m, 12h, 7d.
"##;

/// `deploy/vybe.example.toml`.
#[must_use]
pub fn example() -> String {
    let mut text = OPENING.to_owned();
    for section in sections() {
        write(&section, &mut text);
    }
    text
}

fn write(section: &Section, text: &mut String) {
    text.push('\n');
    comment(&section.about, text);
    let header = format!("[{}]", section.path);
    line(section.is_there, &header, text);
    for key in &section.keys {
        comment(&key.about, text);
        line(section.is_there && key.is_required, &assignment(key), text);
    }
}

fn assignment(key: &Key) -> String {
    let value = key.default.as_ref().or(key.example.as_ref());
    format!("{} = {}", key.name, value.map_or("\"\"", String::as_str))
}

fn line(counts: bool, content: &str, text: &mut String) {
    if !counts {
        text.push_str("# ");
    }
    text.push_str(content);
    text.push('\n');
}

fn comment(about: &str, text: &mut String) {
    let mut length = 0;
    for word in about.split_whitespace() {
        let width = word.chars().count();
        if length > 0 && length + 1 + width > WIDTH {
            text.push('\n');
            length = 0;
        }
        if length == 0 {
            text.push('#');
            length = 1;
        }
        text.push(' ');
        text.push_str(word);
        length += 1 + width;
    }
    if length > 0 {
        text.push('\n');
    }
}
