//! How things may be called, how long a file may be, and what a crate may export.

use super::Violation;
use super::arrows::Package;
use super::source::Source;

/// Rooms whose name says nothing about what is in them.
const EMPTY_NAMES: &[&str] = &[
    "common", "core", "helper", "helpers", "impl", "manager", "misc", "models", "shared", "types", "util",
    "utils",
];

/// Endings of types that say nothing.
const EMPTY_ENDINGS: &[&str] = &["Helper", "Helpers", "Impl", "Manager", "Util", "Utils"];

/// A file is about one idea.
const MOST_LINES: usize = 500;

/// The one file that shows types of another crate (in its module `http`), because handlers need them.
const EXPORTING: &str = "crates/endpoint/src/lib.rs";

/// Checks names and length.
pub fn check(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    let stem = source.path.trim_end_matches(".rs");
    if let Some(name) = stem.split('/').find(|segment| EMPTY_NAMES.contains(segment)) {
        violations.push(Violation::new(&source.path, format!("`{name}` says nothing about what is in it")));
    }
    if EMPTY_NAMES.contains(&source.package.as_str()) {
        violations.push(Violation::new(&source.path, format!("no crate is called `{}`", source.package)));
    }
    if source.lines > MOST_LINES {
        violations
            .push(Violation::new(&source.path, format!("{} lines; at most {MOST_LINES}", source.lines)));
    }
    if source.path.ends_with("/src/lib.rs") && !source.is_introduced {
        violations.push(Violation::new(&source.path, "lib.rs begins with what the crate is for (`//!`)"));
    }
    for pair in source.tokens.windows(2) {
        let (keyword, name) = (pair[0].text.as_str(), pair[1].text.as_str());
        let place = || format!("{}:{}", source.path, pair[1].line);
        match keyword {
            "struct" | "enum" | "trait" | "type"
                if EMPTY_ENDINGS.iter().any(|ending| name.ends_with(ending)) =>
            {
                violations.push(Violation::new(place(), format!("`{name}` says nothing about what it is")));
            }
            "mod" if EMPTY_NAMES.contains(&name) => {
                violations
                    .push(Violation::new(place(), format!("`{name}` says nothing about what is in it")));
            }
            _ => {}
        }
    }
    violations
}

/// Checks that a crate shows nothing of another crate as its own.
pub fn check_exports(source: &Source, packages: &[Package]) -> Vec<Violation> {
    if source.is_test() || source.path == EXPORTING {
        return Vec::new();
    }
    let Some(package) = packages.iter().find(|package| package.name == source.package) else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    for window in source.tokens.windows(3) {
        let [public, keyword, first] = window else { continue };
        if public.text == "pub" && keyword.text == "use" && package.dependencies.contains(&first.text) {
            let rule = format!("`{}` is exported; who needs it depends on it", first.text);
            violations.push(Violation::new(format!("{}:{}", source.path, first.line), rule));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::source::parse;
    use super::*;

    fn violations(path: &str, text: &str) -> Vec<Violation> {
        let source = parse(path, "apps", text).unwrap();
        let package = Package {
            name: "apps".to_owned(),
            folder: std::path::PathBuf::new(),
            arrows: Vec::new(),
            dependencies: ["url".to_owned()].into(),
        };
        let mut violations = check(&source);
        violations.extend(check_exports(&source, &[package]));
        violations
    }

    #[test]
    fn empty_names_are_refused_for_files_modules_and_types() {
        assert_eq!(violations("crates/apps/src/utils.rs", "").len(), 1);
        assert_eq!(violations("crates/apps/src/shared/app.rs", "").len(), 1);
        assert_eq!(violations("crates/apps/src/app.rs", "mod helpers { }").len(), 1);
        assert_eq!(violations("crates/apps/src/app.rs", "pub struct AppManager;").len(), 1);
        assert_eq!(violations("crates/apps/src/app.rs", "pub struct Apps; mod stores;"), []);
    }

    #[test]
    fn a_long_file_is_refused() {
        assert_eq!(violations("crates/apps/src/app.rs", &"\n".repeat(501)).len(), 1);
        assert_eq!(violations("crates/apps/src/app.rs", &"\n".repeat(500)), []);
    }

    #[test]
    fn a_crate_says_what_it_is_for() {
        assert_eq!(violations("crates/apps/src/lib.rs", "mod app;").len(), 1);
        assert_eq!(violations("crates/apps/src/lib.rs", "//! Apps.\nmod app;"), []);
    }

    #[test]
    fn another_crate_is_not_exported() {
        assert_eq!(violations("crates/apps/src/lib.rs", "//! Apps.\npub use url::Url;").len(), 1);
        assert_eq!(violations("crates/apps/src/lib.rs", "//! Apps.\npub use app::App;"), []);
    }
}
