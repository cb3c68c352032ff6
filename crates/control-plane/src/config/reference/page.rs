//! The page of the reference, in Markdown.

use std::fmt::Write as _;

use super::{Key, sections};

const OPENING: &str = "# Configuration

Made by `vybe config reference` from the types that read the file; [deploy/vybe.example.toml](../../deploy/vybe.example.toml)
is the same as a file to start from, and [deploy/vybe.schema.json](../../deploy/vybe.schema.json) the schema for editors.

`vybe serve --config FILE` reads one TOML file: the one named, or else the one that the variable `VYBE_CONFIG` names, or else
`vybe.toml`. A key that does not stand here is an error with its line. `vybe config check` finds what is wrong without
starting anything; `vybe config print` shows the configuration with its defaults and without its secrets.

- A **span of time** is a whole number and a unit: `500ms`, `30s`, `5m`, `12h`, `7d`.
- A **secret** is written in one of four ways: `\"the value\"`, `{ env = \"NAME\" }`, `{ file = \"/path\" }` or
  `{ credential = \"NAME\" }`, a file that systemd hands to the service (`LoadCredential=`).
";

/// `docs/reference/configuration.md`.
#[must_use]
pub fn page() -> String {
    let mut text = OPENING.to_owned();
    for section in sections() {
        let left_out = if section.is_there { "" } else { "\n\nMay be left out as a whole." };
        let about = plain(&section.about);
        let _ = write!(text, "\n## `[{}]`\n\n{about}{left_out}\n", section.path);
        for key in &section.keys {
            let _ = write!(text, "\n### `{}.{}`\n\n{}\n\n", section.path, key.name, plain(&key.about));
            let _ = writeln!(text, "{}", facts(key));
        }
    }
    text
}

fn facts(key: &Key) -> String {
    let kind = plain(&key.kind);
    let example = key.example.as_ref().map(|example| format!(" Example: `{example}`."));
    let example = example.unwrap_or_default();
    match &key.default {
        _ if key.is_required => format!("*{kind}, required.*{example}"),
        Some(default) => format!("*{kind}.* Default: `{default}`.{example}"),
        None => format!("*{kind}, may be left out.*{example}"),
    }
}

/// Text in which Markdown sees no tags; what stands between backticks is left alone.
fn plain(text: &str) -> String {
    let escaped = text
        .split('`')
        .enumerate()
        .map(|(position, part)| if position % 2 == 1 { part.to_owned() } else { part.replace('<', "&lt;") });
    escaped.collect::<Vec<_>>().join("`")
}
