//! Whether links between documents lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{book, named_tests, programs, reference};

/// Checks every tracked Markdown file, then the book they make and the pages that are made of the code.
pub fn run() -> Result<()> {
    let root = programs::root();
    let mut git = std::process::Command::new("git");
    let files = programs::output(git.current_dir(&root).args(["ls-files", "*.md"]))?;
    let (mut links, mut broken) = (0, 0);
    for file in files.lines() {
        let path = root.join(file);
        if !path.exists() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| file.to_owned())?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for link in links_in(&text) {
            links += 1;
            let (target, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() { path.clone() } else { folder.join(target) };
            let leads = target.exists()
                && (heading.is_empty()
                    || target.extension().is_none_or(|extension| extension != "md")
                    || headings(&fs::read_to_string(&target)?).contains(heading));
            if !leads {
                broken += 1;
                println!("{file}: links to {link}, which does not exist");
            }
        }
    }
    println!("documents: {} files, {links} links, {broken} broken", files.lines().count());
    if broken > 0 {
        bail!("{broken} broken links");
    }
    book::check()?;
    named_tests::check()?;
    reference::check()
}

/// The targets of `[…](target)` that are files of the repository, or headings of this one.
pub(crate) fn links_in(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for line in prose(text) {
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            let elsewhere =
                target.contains("://") || target.starts_with('/') || target.starts_with("mailto:");
            if !target.is_empty() && !elsewhere {
                links.push(target);
            }
        }
    }
    links
}

/// Lines that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The names under which headings are linked to: small letters, hyphens for spaces, no other signs; numbered
/// where there are several.
fn headings(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for heading in prose(text).filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
        let name: String = kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect();
        let mut numbered = (1..).map(|number| format!("{name}-{number}"));
        let mut candidate = name.clone();
        while names.contains(&candidate) {
            candidate = numbered.next().unwrap_or_default();
        }
        names.insert(candidate);
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn links_to_files_are_found_and_others_passed_over() {
        let text = "[a](docs/a.md#x) [b](https://example.org) [c](#here)\n```\n[d](no.md)\n```\n![e](e.png)";
        assert_eq!(super::links_in(text), ["docs/a.md#x", "#here", "e.png"]);
    }

    #[test]
    fn headings_are_named_as_they_are_linked_to() {
        let text = "# One, two (3)\n## `a_b` -- c\n```\n# no heading\n```\n## One, two (3)\n";
        let expected = ["a_b----c", "one-two-3", "one-two-3-1"].map(str::to_owned);
        assert_eq!(super::headings(text), expected.into());
    }
}
