//! Whether every case of `docs/security-cases.md` has a test of its name, and the page says which.
//!
//! A test of a case begins with the case's name: `p01_…`, or `p01_p02_…` for several. What a case is about
//! stands in the page and is written by hand; the tests beside it are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{programs, suite};

const PAGE: &str = "docs/security-cases.md";
/// Letter, first and last number of the cases that must have a test.
const REQUIRED: [(char, u8, u8); 25] = [
    ('I', 1, 9),
    ('I', 24, 24),
    ('P', 1, 15),
    ('H', 1, 10),
    ('V', 1, 7),
    ('S', 1, 8),
    ('C', 1, 12),
    ('O', 1, 15),
    ('J', 1, 11),
    ('V', 21, 21),
    ('V', 23, 23),
    ('H', 24, 24),
    ('H', 26, 26),
    ('S', 22, 22),
    ('C', 26, 26),
    ('O', 24, 25),
    ('J', 22, 22),
    ('Z', 1, 11),
    ('R', 1, 4),
    ('L', 1, 5),
    ('K', 1, 9),
    ('K', 26, 26),
    ('D', 1, 19),
    ('D', 50, 50),
    ('D', 52, 52),
];
/// Cases that take too long for the suite: a command of their own, and the file that is its heart.
const COMMANDS: [(&str, &str, &str); 4] = [
    ("G10", "cargo xtask soak revocation", "crates/control-plane/tests/it/fleet/revocations.rs"),
    ("P15", "cargo xtask soak next-paths", "xtask/src/soak/next_paths.rs"),
    ("Z10", "cargo xtask soak mutations", "xtask/mutations.toml"),
    ("D14", "cargo xtask soak read-only", "crates/databases/tests/it/regression_suite.rs"),
];

/// What to do.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Write the found tests into the page
    #[arg(long)]
    write: bool,
}

/// The tests of each case: file and name.
type Tests = BTreeMap<String, BTreeSet<(String, String)>>;

/// Checks the page, or writes it.
pub fn run(options: &Options) -> Result<()> {
    let root = programs::root();
    let mut tests = Tests::new();
    collect(&root.join("crates"), &root, &mut tests)?;
    for (case, command, file) in COMMANDS {
        if root.join(file).exists() {
            tests.entry(case.to_owned()).or_default().insert((file.to_owned(), command.to_owned()));
        }
    }
    let page = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let required = required();
    let meanings = meanings(&page);
    let expected: BTreeSet<&String> = required.iter().chain(meanings.keys()).collect();
    let missing: Vec<&String> = expected.into_iter().filter(|case| !tests.contains_key(*case)).collect();
    for case in &missing {
        println!("{case}: no test of this name");
    }
    let unexplained: BTreeSet<&String> =
        required.iter().chain(tests.keys()).filter(|case| !meanings.contains_key(*case)).collect();
    for case in &unexplained {
        println!("{case}: {PAGE} has no line `| {case} | what it is about | |`");
    }
    let current = filled(&page, &tests);
    if options.write {
        fs::write(root.join(PAGE), &current)?;
    }
    let stale = !options.write && current != page;
    if stale {
        println!("{PAGE} does not name the tests as they are; run `cargo xtask check-cases --write`");
    }
    let distinct: BTreeSet<&(String, String)> = tests.values().flatten().collect();
    println!("cases: {} required, {} tests, {} missing", required.len(), distinct.len(), missing.len());
    if !missing.is_empty() || !unexplained.is_empty() || stale {
        bail!("security cases and their tests do not fit");
    }
    Ok(())
}

fn required() -> BTreeSet<String> {
    let cases = |(letter, first, last)| (first..=last).map(move |number: u8| format!("{letter}{number:02}"));
    REQUIRED.into_iter().flat_map(cases).collect()
}

/// The name of every test that runs.
pub(crate) fn every_test() -> Result<BTreeSet<String>> {
    let root = programs::root();
    let mut names = BTreeSet::new();
    each_file(&root.join("crates"), &mut |_, text| {
        names.extend(tests_in(text).into_iter().map(str::to_owned))
    })?;
    Ok(names)
}

/// Finds the tests in a folder's Rust files.
fn collect(folder: &Path, root: &Path, tests: &mut Tests) -> Result<()> {
    each_file(folder, &mut |path, text| {
        let file = path.strip_prefix(root).unwrap_or(path).display().to_string();
        for name in tests_in(text) {
            for case in cases_of(name) {
                tests.entry(case).or_default().insert((file.clone(), name.to_owned()));
            }
        }
    })
}

/// Reads every Rust file under a folder.
fn each_file(folder: &Path, read: &mut dyn FnMut(&Path, &str)) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            each_file(&path, read)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&path, &fs::read_to_string(&path).with_context(|| path.display().to_string())?);
        }
    }
    Ok(())
}

/// The names of the tests in a file that are run: those with the attribute, and those on both stores.
fn tests_in(text: &str) -> Vec<&str> {
    let (mut found, mut attributes, mut on_both_stores) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        match line {
            "on_both_stores! {" | "test_support::on_both_stores! {" => on_both_stores = true,
            "}" => on_both_stores = false,
            _ => {}
        }
        let code = line.trim_start();
        if code.starts_with("#[") {
            attributes.push_str(code);
            continue;
        }
        if let Some((_, rest)) = code.split_once("fn ")
            && (code.starts_with("fn ") || code.starts_with("async fn "))
        {
            let indented = line.len() - code.len();
            let is_test = attributes.contains("test]") || (on_both_stores && indented == 4);
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            // One that is left out of the others' run counts if it has a run of its own.
            if is_test && (!attributes.contains("#[ignore") || suite::runs_alone(name)) {
                found.push(name);
            }
        }
        if !code.starts_with("//") {
            attributes.clear();
        }
    }
    found
}

/// `P01` and `P02` of `p01_p02_nothing_passes`.
fn cases_of(test: &str) -> impl Iterator<Item = String> {
    let is_case = |word: &&str| matches!(word.as_bytes(), [letter, ten, one] if letter.is_ascii_lowercase() && ten.is_ascii_digit() && one.is_ascii_digit());
    test.split('_').take_while(is_case).map(str::to_ascii_uppercase)
}

/// Case, meaning and tests of a line of the table.
fn columns(line: &str) -> Option<(&str, &str)> {
    let mut columns = line.strip_prefix("| ")?.split(" | ");
    let (case, meaning) = (columns.next()?, columns.next()?);
    (cases_of(&case.to_ascii_lowercase()).next()? == case).then_some((case, meaning))
}

fn meanings(page: &str) -> BTreeMap<String, &str> {
    let known = page.lines().filter_map(columns).filter(|(_, meaning)| !matches!(meaning.trim(), "" | "|"));
    known.map(|(case, meaning)| (case.to_owned(), meaning)).collect()
}

/// The page with the last column as it should be.
fn filled(page: &str, tests: &Tests) -> String {
    let mut text = String::new();
    for line in page.lines() {
        let Some((case, meaning)) = columns(line) else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let mut by_file = BTreeMap::<&str, Vec<&str>>::new();
        for (file, name) in tests.get(case).into_iter().flatten() {
            by_file.entry(file).or_default().push(name);
        }
        let cells: Vec<String> =
            by_file.iter().map(|(file, names)| format!("{file}: `{}`", names.join("`, `"))).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {case} | {meaning} | {} |", cells.join("<br>"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_and_what_only_looks_like_one_is_not() {
        let text = "\
#[tokio::test]
/// A comment between.
async fn p01_p02_one() {
    fn p03_inner() {}
}
#[test]
#[ignore = \"slow\"]
fn p04_never_run() {}
fn p05_helper() {}
on_both_stores! {
    async fn p06_stored(database: TestDatabase) {
        async fn p07_inner() {}
    }
}
async fn p08_after() {}
test_support::on_both_stores! {
    async fn p09_stored(database: TestDatabase) {}
}
";
        assert_eq!(tests_in(text), ["p01_p02_one", "p06_stored", "p09_stored"]);
        assert_eq!(cases_of("p01_p02_one_p03").collect::<Vec<_>>(), ["P01", "P02"]);
        assert_eq!(cases_of("plain_name").count(), 0);
    }

    #[test]
    fn the_page_keeps_its_words_and_gets_its_tests() {
        let page = "# Title\n\n| case | about | tests |\n|---|---|---|\n| P01 | Dots. | gone.rs: `p01_x` |\n| P02 | |\n";
        let tests =
            Tests::from([("P01".to_owned(), BTreeSet::from([("a.rs".to_owned(), "p01_y".to_owned())]))]);
        let current = filled(page, &tests);
        assert!(current.contains("| P01 | Dots. | a.rs: `p01_y` |\n"), "{current}");
        assert_eq!(filled(&current, &tests), current);
        assert_eq!(meanings(page).keys().collect::<Vec<_>>(), ["P01"]);
    }
}
