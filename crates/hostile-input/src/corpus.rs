//! A corpus: one file for each target, one input on each line.
//!
//! Printable ASCII stands for itself, everything else is escaped as in a byte string of Rust, so that a change can be
//! reviewed.

use std::path::Path;

/// The inputs of a target.
pub(crate) fn read(target: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../xtask/fuzz/corpus/{target}.txt"));
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    text.lines().map(|line| unescaped(line).unwrap_or_else(|| line.as_bytes().to_vec())).collect()
}

/// An input as a line.
#[must_use]
pub fn escaped(input: &[u8]) -> String {
    input.escape_ascii().to_string()
}

/// The input that a line stands for; `None` if an escape is broken.
#[must_use]
pub fn unescaped(line: &str) -> Option<Vec<u8>> {
    let mut input = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            input.push(*byte);
            continue;
        }
        let [escape, after @ ..] = rest else { return None };
        rest = after;
        input.push(match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' | b'\'' | b'"' => *escape,
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = rest.get(2..)?;
                u8::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stands_for_exactly_one_input() {
        let every: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(unescaped(&escaped(&every)).unwrap(), every);
        assert!(!escaped(&every).contains('\n'));
        assert_eq!(unescaped(r"a\x00\\b").unwrap(), b"a\0\\b");
        for broken in ["\\", r"\x1", r"\xzz", r"\q"] {
            assert_eq!(unescaped(broken), None, "{broken}");
        }
    }
}
