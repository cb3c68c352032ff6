//! `docs/reference/audit-events.md`: under which names the trail records what.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::scan::{File, documentation, is_sign, is_word, string};
use super::{actions, cell};

/// How the scopes of actions are called for people.
const SCOPES: [(&str, &str); 8] = [
    ("InOrganization", "an organization"),
    ("InApp", "an app"),
    ("AtDeployment", "an app's deployment"),
    ("OwnAccount", "one's own account"),
    ("ByApp", "the calling app"),
    ("FromApp", "the calling app"),
    ("ByAgent", "the agent's app"),
    ("Public", "–"),
];

pub(super) fn page(files: &[File]) -> Result<String> {
    let actions = actions::all(files)?;
    let mut text = String::from(
        "# Audit events\n\nEvery change is recorded under the name of its action, with who, when, on what and in which request; every refused call \
         likewise, with `outcome` `refused`. Actions that only read leave a record when they are refused, and when what is read is the trail itself. \
         How records look and are verified: [Architecture](../ARCHITECTURE.md#the-audit-trail-end-to-end). Made of the code by `cargo xtask \
         write-reference`.\n\n## Actions\n\n| name | what is done | on |\n|---|---|---|\n",
    );
    for action in &actions {
        let scope = SCOPES.iter().find(|(name, _)| *name == action.scope).map_or("", |(_, words)| words);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {scope} |", action.name, cell(&action.about));
    }
    text.push_str("\n## What the platform does and notices by itself\n\n| name | what |\n|---|---|\n");
    let known: Vec<&str> = actions.iter().map(|action| action.name.as_str()).collect();
    for (name, about) in of_the_platform(files) {
        if !known.contains(&name.as_str()) {
            let _ = writeln!(text, "| `{name}` | {} |", cell(&about));
        }
    }
    Ok(text)
}

/// Constants that name an event: `subject.word`, with a comment that says so.
fn of_the_platform(files: &[File]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in files {
        for (at, tree) in file.trees.iter().enumerate().filter(|(_, tree)| is_word(tree, "const")) {
            let _ = tree;
            let Some(equals) = file.trees.iter().skip(at).take(12).position(|tree| is_sign(tree, '=')) else {
                continue;
            };
            let Some(value) =
                file.trees.get(at + equals + 1).and_then(|tree| string(std::slice::from_ref(tree)))
            else {
                continue;
            };
            // `pub` and `pub(crate)` stand between the comment and the word.
            let start = (0..=2)
                .map(|back| at - back.min(at))
                .find(|start| !documentation(&file.trees, *start).is_empty());
            let about = start.map(|start| documentation(&file.trees, start)).unwrap_or_default();
            if let Some(about) = meaning(&about) {
                found.insert(value, about);
            }
        }
    }
    found
}

/// What the event is, of a comment such as "The audit trail's name for making a key."
fn meaning(comment: &str) -> Option<String> {
    let beginnings = [
        "The audit trail's name for ",
        "The action under which ",
        "The action that refused requests are recorded under",
    ];
    let beginning = beginnings.into_iter().find(|beginning| comment.starts_with(beginning))?;
    let rest = comment
        .trim_start_matches("The audit trail's name for ")
        .trim_start_matches("The action under which ");
    if beginning.ends_with("under") {
        return Some("A request for an app that was refused.".to_owned());
    }
    let mut characters = rest.chars();
    let first = characters.next()?;
    Some(format!("{}{}", first.to_uppercase(), characters.as_str()))
}
