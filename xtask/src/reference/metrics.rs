//! `docs/reference/metrics.md`: what the admin listener's `/metrics` counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::cell;
use super::scan::{File, arguments, every_sequence, string};

/// What stands before every name.
const PREFIX: &str = "vybe_";

struct Metric {
    kind: &'static str,
    help: String,
    label: Option<String>,
}

pub(super) fn page(files: &[File]) -> Result<String> {
    let mut metrics = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.contains("/metrics")) {
        every_sequence(&file.trees, &mut |trees| {
            for (at, tree) in trees.iter().enumerate() {
                if let Some((name, metric)) = metric(tree, trees, at) {
                    metrics.insert(name, metric);
                }
            }
        });
    }
    if metrics.is_empty() {
        bail!("no metric was found: are they made elsewhere now?");
    }
    let mut text = String::from(
        "# Metrics\n\n`/metrics` on the admin listener, in the text format of Prometheus. No person, app or organization is named in them. Made of \
         the code by `cargo xtask write-reference`.\n\n| metric | kind | label | what |\n|---|---|---|---|\n",
    );
    for (name, Metric { kind, help, label }) in &metrics {
        let label = label.as_ref().map(|label| format!("`{label}`")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{PREFIX}{name}` | {kind} | {label} | {} |", cell(help));
    }
    Ok(text)
}

/// `IntGauge::new("name", "what it is")`, and calls like it: the first argument is a name, the second a sentence.
fn metric(
    callee: &proc_macro2::TokenTree,
    trees: &[proc_macro2::TokenTree],
    at: usize,
) -> Option<(String, Metric)> {
    let proc_macro2::TokenTree::Ident(word) = callee else { return None };
    // Of `IntGauge::new` the type says what it is, of `counters` the function.
    let word = word.to_string();
    let before = at.checked_sub(3).and_then(|at| trees.get(at)).map(ToString::to_string).unwrap_or_default();
    let said = format!("{before} {word}").to_ascii_lowercase();
    let kind = ["counter", "gauge", "histogram"].into_iter().find(|kind| said.contains(kind))?;
    let arguments = arguments(trees.get(at + 1))?;
    let name = string(arguments.first()?)?;
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
    let help = string(arguments.get(1)?)?;
    let label = arguments.get(2).and_then(|label| string(label));
    (is_name && help.contains(' ')).then_some((name, Metric { kind, help, label }))
}
