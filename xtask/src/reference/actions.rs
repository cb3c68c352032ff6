//! The table of actions, read from `access-control`.

use anyhow::{Context as _, Result, bail};
use proc_macro2::TokenTree;

use super::scan::{File, documentation, inside, is_sign, is_word, string};

/// One row of the table.
pub(super) struct Action {
    pub(super) name: String,
    pub(super) about: String,
    /// The scope that it is decided in, as the code calls it.
    pub(super) scope: String,
}

const TABLE: &str = "crates/access-control/src/action.rs";

/// Every action in the order of the table.
pub(super) fn all(files: &[File]) -> Result<Vec<Action>> {
    let file = files.iter().find(|file| file.path == TABLE).context(TABLE)?;
    let mut actions = Vec::new();
    for window in file.trees.windows(3) {
        let [word, sign, TokenTree::Group(group)] = window else { continue };
        if is_word(word, "actions") && is_sign(sign, '!') {
            rows(&inside(group), &mut actions);
        }
    }
    if actions.is_empty() {
        bail!("{TABLE}: no action was found");
    }
    Ok(actions)
}

/// `rows Scope: /// What. Name "name" rule; …`
fn rows(trees: &[TokenTree], actions: &mut Vec<Action>) {
    let scope = trees.get(1).map(ToString::to_string).unwrap_or_default();
    for at in 3..trees.len() {
        let (Some(TokenTree::Ident(_)), Some(name)) =
            (trees.get(at), trees.get(at + 1).and_then(|tree| string(std::slice::from_ref(tree))))
        else {
            continue;
        };
        actions.push(Action { name, about: documentation(trees, at), scope: scope.clone() });
    }
}
