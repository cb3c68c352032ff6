//! A caught letter, and as much of MIME (RFC 2045 to 2047) as showing one of ours needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

/// A letter that was handed in.
#[derive(Clone, Debug)]
pub struct CaughtLetter {
    /// Its number since the start.
    pub number: u64,
    /// When it was caught.
    pub at: OffsetDateTime,
    /// The sender that the envelope names.
    pub from: String,
    /// The recipients that the envelope names.
    pub to: Vec<String>,
    /// The letter, byte by byte.
    pub source: Vec<u8>,
}

impl CaughtLetter {
    /// Its subject.
    #[must_use]
    pub fn subject(&self) -> String {
        let source = String::from_utf8_lossy(&self.source);
        let (head, _) = halves(&source);
        words(&header(head, "subject").unwrap_or_default())
    }

    /// What it says as plain text; all of it when there is no such part.
    #[must_use]
    pub fn text(&self) -> String {
        let source = String::from_utf8_lossy(&self.source);
        let (head, body) = halves(&source);
        let boundary = header(head, "content-type")
            .and_then(|kind| Some(kind.split_once("boundary=\"")?.1.split_once('"')?.0.to_owned()));
        let Some(boundary) = boundary else { return decoded(head, body) };
        let delimiter = format!("--{boundary}");
        let mut parts = body.split(delimiter.as_str()).skip(1).map(|part| halves(part.trim_start()));
        let plain =
            |head: &str| header(head, "content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        parts
            .find(|(head, _)| plain(head))
            .map_or_else(|| body.to_owned(), |(head, body)| decoded(head, body))
    }
}

fn halves(letter: &str) -> (&str, &str) {
    letter.split_once("\r\n\r\n").unwrap_or((letter, ""))
}

/// The value of a header, on one line.
fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head
        .split("\r\n")
        .skip_while(|line| !line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name)));
    let mut value = lines.next()?.split_once(':')?.1.trim().to_owned();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push(' ');
        value.push_str(line.trim());
    }
    Some(value)
}

/// Encoded words of RFC 2047 in base64 as what they stand for; anything else as it is.
fn words(value: &str) -> String {
    let word = |word: &str| {
        let encoded = word.strip_prefix("=?utf-8?b?")?.strip_suffix("?=")?;
        String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
    };
    let mut shown = String::new();
    let mut encoded_before = false;
    for text in value.split(' ') {
        let decoded = word(text);
        // White space between two encoded words is not part of what they say.
        let between_encoded = encoded_before && decoded.is_some();
        if !shown.is_empty() && !between_encoded {
            shown.push(' ');
        }
        encoded_before = decoded.is_some();
        shown.push_str(decoded.as_deref().unwrap_or(text));
    }
    shown
}

fn decoded(head: &str, body: &str) -> String {
    let bytes = match header(head, "content-transfer-encoding").as_deref() {
        Some("quoted-printable") => unquoted(body),
        Some("base64") => STANDARD.decode(body.replace("\r\n", "")).unwrap_or_default(),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim_end().to_owned()
}

/// Quoted-printable (RFC 2045, section 6.7).
fn unquoted(body: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (byte, pair) {
            (b'=', Some("\r\n")) => rest = after.get(2..).unwrap_or_default(),
            (b'=', Some(hex)) if u8::from_str_radix(hex, 16).is_ok() => {
                bytes.extend(u8::from_str_radix(hex, 16));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(source: &str) -> CaughtLetter {
        CaughtLetter {
            number: 1,
            at: OffsetDateTime::UNIX_EPOCH,
            from: String::new(),
            to: Vec::new(),
            source: source.replace('\n', "\r\n").into_bytes(),
        }
    }

    #[test]
    fn the_plain_part_is_shown() {
        let multipart = "Subject: a\nContent-Type: multipart/alternative;\n boundary=\"xyz\"\n\n\
            --xyz\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
            S=C3=B6hne =\njoined a=3Db\n\n--xyz\nContent-Type: text/html; charset=utf-8\n\n<p>no</p>\n--xyz--\n";
        assert_eq!(letter(multipart).text(), "Söhne joined a=b");
        assert_eq!(letter("Subject: a\n\nplain\n").text(), "plain");
        assert_eq!(letter("Content-Transfer-Encoding: base64\n\nU8O2\naG5l\n").text(), "Söhne");
    }

    #[test]
    fn a_subject_is_put_together() {
        assert_eq!(letter("SUBJECT: a\n b\nX: y\n\n").subject(), "a b");
        assert_eq!(letter("Subject: =?utf-8?b?U8O2?=\n =?utf-8?b?aG5l?= and\n\n").subject(), "Söhne and");
        assert_eq!(letter("X: y\n\n").subject(), "");
    }
}
