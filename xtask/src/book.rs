//! Whether the book (`docs/SUMMARY.md`, mdBook) has every page under `docs/` in it, once.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::{documents, programs};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Compares what is listed with the tracked files. That what is listed exists is what every link has to.
pub fn check() -> Result<()> {
    let root = programs::root();
    let summary = fs::read_to_string(root.join(SUMMARY)).context(SUMMARY)?;
    let mut git = std::process::Command::new("git");
    let files = programs::output(git.current_dir(&root).args(["ls-files", "docs/*.md"]))?;
    let pages = files.lines().filter(|file| *file != SUMMARY && root.join(file).exists());
    let wrong = not_once(&summary, pages);
    for (page, times) in &wrong {
        println!("{page}: stands {times} times in {SUMMARY}");
    }
    if !wrong.is_empty() {
        bail!("{} pages are not in the book once", wrong.len());
    }
    Ok(())
}

/// Pages that are not listed exactly once, with how often they are.
fn not_once<'a>(summary: &str, pages: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut listed = BTreeMap::<&str, usize>::new();
    for target in documents::links_in(summary) {
        *listed.entry(target).or_default() += 1;
    }
    let times = |page: &str| listed.get(page.strip_prefix("docs/").unwrap_or(page)).copied().unwrap_or(0);
    pages.map(|page| (page, times(page))).filter(|(_, times)| *times != 1).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_page_that_is_missing_or_there_twice_is_found() {
        let summary = "[A](a.md)\n- [B](guides/b.md)\n- [B again](guides/b.md)\n";
        let pages = ["docs/a.md", "docs/guides/b.md", "docs/c.md"];
        assert_eq!(super::not_once(summary, pages.into_iter()), [("docs/guides/b.md", 2), ("docs/c.md", 0)]);
    }
}
