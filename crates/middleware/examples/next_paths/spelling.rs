//! Ways to spell a path: some mean the same path, some another, some none.

use std::fmt::Write as _;

use crate::random::Random;

/// Changes the spelling of a path by one randomly chosen family.
pub fn respell(path: &str, random: &mut Random) -> String {
    match random.below(9) {
        0 => dot_segments(path, random),
        1 => encoded(path, random, 1),
        2 => encoded(path, random, 2),
        3 => slashes(path, random),
        4 => letter_case(path, random),
        5 => ending(path, random),
        6 => inserted(path, random),
        7 => unicode(path, random),
        _ => {
            let depth = 1 + random.below(3);
            encoded(path, random, depth)
        }
    }
}

/// A position after a slash.
fn boundary(path: &str, random: &mut Random) -> usize {
    let starts: Vec<usize> = path.match_indices('/').map(|(at, _)| at + 1).collect();
    if starts.is_empty() { path.len() } else { starts[random.below(starts.len())] }
}

fn insert(path: &str, at: usize, text: &str) -> String {
    format!("{}{text}{}", &path[..at], &path[at..])
}

fn dot_segments(path: &str, random: &mut Random) -> String {
    let at = boundary(path, random);
    let segment = random.pick(&[
        "./",
        "x/../",
        "open/../",
        "%2e/",
        "x/%2e%2e/",
        "x/.%2E/",
        "x/%2e./",
        "a/b/../../",
        "..%2f",
        "x/..;/",
        "x/..%00/",
        "x/..%5c",
        "x/.../",
        ".%20/",
        "x/%252e%252e/",
        "x/..%c0%af",
        "_next/../",
        "_next/static/../../",
        "../",
        "x/.%0a./",
        "images/../",
        "docs/../",
        "_next/data/../../",
        "x/..//",
    ]);
    insert(path, at, segment)
}

fn encoded(path: &str, random: &mut Random, depth: usize) -> String {
    let all = random.one_in(6);
    let chance = 2 + random.below(6);
    let mut text = String::new();
    for byte in path.bytes() {
        if byte == b'%' || !(all || random.one_in(chance)) || (byte == b'/' && !random.one_in(12)) {
            text.push(char::from(byte));
            continue;
        }
        text.push('%');
        for _ in 1..depth {
            text.push_str("25");
        }
        let _ = if random.one_in(2) { write!(text, "{byte:02x}") } else { write!(text, "{byte:02X}") };
    }
    text
}

fn slashes(path: &str, random: &mut Random) -> String {
    let at = boundary(path, random);
    let text = random.pick(&[
        "/",
        "//",
        "\\",
        "%2f",
        "%2F",
        "%5c",
        "/./",
        "%252f",
        "\u{2044}",
        "%ef%bc%8f",
        "/%2f",
        "\\/",
    ]);
    if random.one_in(3) { format!("{path}{text}") } else { insert(path, at, text) }
}

fn letter_case(path: &str, random: &mut Random) -> String {
    let flip = |letter: char, random: &mut Random| {
        if random.one_in(3) { letter.to_ascii_uppercase() } else { letter }
    };
    path.chars().map(|letter| flip(letter, random)).collect()
}

fn ending(path: &str, random: &mut Random) -> String {
    let text = random.pick(&[
        "/",
        ".",
        "..",
        "/.",
        "/..",
        "%20",
        "+",
        "%00",
        "%00.html",
        ".json",
        ".html",
        ".rsc",
        ".prefetch.rsc",
        ".txt",
        "~",
        ";",
        ";x=1",
        ";.css",
        "%3b",
        "%23",
        "%3f",
        "%3fx",
        "%09",
        "%0d%0a",
        "/index",
        "/index.html",
        "/index/",
        "*",
        "%2a",
        "@",
        ":80",
        ".segments/_tree.segment.rsc",
        ".segments/admin/__PAGE__.segment.rsc",
        ".action",
        "/page",
        "/route",
        "/__PAGE__",
        ".body",
        ".meta",
        "/layout",
        "&x",
        "=",
        "$",
        ".js",
        ".css",
        ".map",
        "/%2e",
        "/_tree",
        "%E2%80%8B",
    ]);
    format!("{path}{text}")
}

fn inserted(path: &str, random: &mut Random) -> String {
    let at = boundary(path, random);
    let text = random.pick(&[
        "(group)/",
        "@slot/",
        "_next/",
        "_next/static/",
        "_next/data/",
        "en/",
        "en-US/",
        "index/",
        "%09",
        "%0a",
        "%20",
        "static/",
        "public/",
        "app/",
        "pages/",
        "server/",
        "%5Bid%5D/",
        "[[...slug]]/",
        "(.)",
        "(..)",
        "(...)",
        "(..)(..)",
        "%28..%29",
        "feed/(..)",
        "docs/",
        "api/",
        ".next/server/app/",
        "base/",
    ]);
    insert(path, at, text)
}

fn unicode(path: &str, random: &mut Random) -> String {
    let spelled = [
        ("a", "%ef%bd%81"),
        ("a", "%c1%a1"),
        ("d", "%ef%bd%84"),
        ("i", "%c4%b1"),
        ("i", "%C4%B0"),
        ("s", "%c5%bf"),
        ("/", "%ef%bc%8f"),
        ("/", "%c0%af"),
        ("/", "%e2%88%95"),
        (".", "%c0%ae"),
        ("n", "n%cc%83"),
        ("e", "\u{e9}"),
        ("r", "%ff"),
        ("o", "%d0%be"),
    ];
    let (from, to) = spelled[random.below(spelled.len())];
    path.replacen(from, to, 1)
}
