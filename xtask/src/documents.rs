//! Whether links between documents lead somewhere.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{book, programs, reference};

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
        for target in local_links(&text) {
            links += 1;
            let target = target.split('#').next().unwrap_or(target);
            if !path.parent().unwrap_or(Path::new("")).join(target).exists() {
                broken += 1;
                println!("{file}: links to {target}, which does not exist");
            }
        }
    }
    println!("documents: {} files, {links} links, {broken} broken", files.lines().count());
    if broken > 0 {
        bail!("{broken} broken links");
    }
    book::check()?;
    reference::check()
}

/// The targets of `[…](target)` that are files of the repository.
pub(crate) fn local_links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            let elsewhere =
                target.contains("://") || target.starts_with(['#', '/']) || target.starts_with("mailto:");
            if !target.is_empty() && !elsewhere {
                links.push(target);
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    #[test]
    fn links_to_files_are_found_and_others_passed_over() {
        let text = "[a](docs/a.md#x) [b](https://example.org) [c](#here)\n```\n[d](no.md)\n```\n![e](e.png)";
        assert_eq!(super::local_links(text), ["docs/a.md#x", "e.png"]);
    }
}
