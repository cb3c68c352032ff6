//! Whether the tests that documents name as evidence exist.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::{cases, programs};

/// Documents whose claims rest on tests.
const PAGES: [&str; 3] = ["docs/THREAT-MODEL.md", "docs/ASVS.md", "docs/COMPLIANCE.md"];

/// Looks for each.
pub fn check() -> Result<()> {
    let tests = cases::every_test()?;
    let (mut named, mut missing) = (0, 0);
    for page in PAGES {
        let text = fs::read_to_string(programs::root().join(page)).context(page)?;
        for name in named_in(&text) {
            named += 1;
            if !tests.contains(name) {
                missing += 1;
                println!("{page}: names the test {name}, which does not exist");
            }
        }
    }
    println!("named tests: {named}, {missing} missing");
    if named == 0 || missing > 0 {
        bail!("{missing} of {named} tests that documents name do not exist");
    }
    Ok(())
}

/// Words between backticks that begin with a case, such as `p01_dot_segments_are_resolved`.
fn named_in(text: &str) -> BTreeSet<&str> {
    let is_test = |word: &&str| {
        let (case, rest) = word.split_once('_').unwrap_or_default();
        let of_case = |word: &str| matches!(word.as_bytes(), [letter, ten, one] if letter.is_ascii_lowercase() && ten.is_ascii_digit() && one.is_ascii_digit());
        of_case(case)
            && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.split('`').skip(1).step_by(2).filter(is_test).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn tests_are_told_from_other_words() {
        let text = "| `p01_p02_no_way` | `vybe doctor`, `audit_broken`, `d12_a` and h01_not |";
        assert_eq!(super::named_in(text).into_iter().collect::<Vec<_>>(), ["d12_a", "p01_p02_no_way"]);
    }
}
