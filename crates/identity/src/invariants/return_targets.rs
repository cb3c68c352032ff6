//! Targets of sign-ins.

use endpoint::Sites;
use url::Url;

use crate::ReturnTo;

/// A text as a target. Wherever a browser would go that is sent there, it stays with whom the target names.
///
/// # Panics
/// Something does not hold.
pub fn return_to(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for port in [443, 8443] {
        let sites = Sites::new("vybe.test", "vybe.test", port);
        let target = ReturnTo::parse(text, |origin| sites.app_label_of_origin(origin));
        match &target {
            ReturnTo::Platform(path) => on_platform(&sites, path),
            ReturnTo::App { label, path } => on_app(&sites, text, label, path),
        }
        // Read again as it is passed on, it is the same.
        let passed_on = match &target {
            ReturnTo::Platform(path) => path.clone(),
            ReturnTo::App { label, path } => format!("{}{path}", sites.origin_of(label)),
        };
        let again = ReturnTo::parse(&passed_on, |origin| sites.app_label_of_origin(origin));
        assert!(again == target || passed_on.len() > 4_096, "{passed_on:?} is read as {again:?}");
    }
}

fn on_platform(sites: &Sites, path: &str) {
    let Ok(platform) = Url::parse(&sites.platform_origin()) else { return };
    let mut spelled = path.to_owned();
    // A server or a script may decode once more, and twice.
    for _ in 0..3 {
        for base in ["", "login/google/callback?code=a"] {
            let from = platform.join(base);
            let target = from.as_ref().ok().and_then(|from| from.join(&spelled).ok());
            let origin = target.map(|target| target.origin());
            assert_eq!(origin, Some(platform.origin()), "{path:?} leads away as {spelled:?}");
        }
        let (before, query) = spelled.split_once('?').unwrap_or((&spelled, ""));
        spelled = format!("{}?{query}", decoded(before));
    }
}

fn on_app(sites: &Sites, text: &str, label: &str, path: &str) {
    let origin = sites.origin_of(label);
    let browser = Url::parse(text);
    let location = Url::parse(&format!("{origin}{path}"));
    assert_eq!(browser, location, "{text:?} is another place than {label}{path}");
    let is_there = location.is_ok_and(|url| {
        url.origin().ascii_serialization() == origin && url.username().is_empty() && url.password().is_none()
    });
    assert!(is_there && path.starts_with('/'), "{text:?}");
}

fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn targets_hold() {
        hostile_input::replay("return_to", 20_000, super::return_to);
    }
}
