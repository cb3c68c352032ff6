//! Licence expressions (SPDX, annex D), as far as crates write them.

use std::collections::BTreeSet;

/// Whether the expression can be met with these licences; none if it is no expression.
pub(super) fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> Option<bool> {
    // Crates of long ago write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let met = reader.choice()?;
    reader.words.is_empty().then_some(met)
}

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn next_if(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        is_next
    }

    fn choice(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.next_if("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    /// AND binds closer than OR.
    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.next_if("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.next_if("(") {
            let met = self.choice()?;
            return self.next_if(")").then_some(met);
        }
        let name = self.name()?;
        // "or any later version" is met with this one.
        let name = name.strip_suffix('+').unwrap_or(name);
        if self.next_if("WITH") {
            let exception = self.name()?;
            return Some(self.allowed.contains(&format!("{name} WITH {exception}")));
        }
        Some(self.allowed.contains(name))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.words.split_first()?;
        self.words = rest;
        (!matches!(*name, "AND" | "OR" | "WITH" | "(" | ")")).then_some(*name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_or_not() {
        let allowed = ["MIT", "ISC", "MPL-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        let check = |expression: &str, expected| {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}")
        };
        for met in
            ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "MIT AND ISC", "(GPL-3.0 OR MIT) AND ISC", "MPL-2.0+"]
        {
            check(met, Some(true));
        }
        check("Apache-2.0 WITH LLVM-exception", Some(true));
        for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR MIT AND BSL-1.0", "Apache-2.0", "mit"] {
            check(unmet, Some(false));
        }
        for broken in ["", "MIT OR", "MIT ISC", "(MIT", "MIT)", "WITH MIT", "AND"] {
            check(broken, None);
        }
    }
}
