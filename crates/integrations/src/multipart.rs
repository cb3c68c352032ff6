//! Forms with files (RFC 7578), taken apart so that one part can be read and the others passed on as they are.

use bytes::Bytes;

/// The most parts of one form.
const MOST_PARTS: usize = 100;

/// The longest boundary (RFC 2046, section 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// A form.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    name: String,
    is_file: bool,
    /// Headers, empty line and content, as they came.
    whole: Bytes,
    content: Bytes,
}

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Its boundary is missing or not acceptable.
    #[error("the form's boundary is missing, or is none")]
    Boundary,
    /// It does not end where its boundary says, or has text around its parts.
    #[error("the form is not whole")]
    Broken,
    /// A part has headers that are not understood, or no name.
    #[error("a part of the form has no name, or other headers than those of a form")]
    Headers,
    /// There are too many parts.
    #[error("the form has too many parts")]
    TooMany,
}

/// The boundary that a content type of a form says; none if it is no form.
#[must_use]
pub fn boundary(content_type: &str) -> Option<Result<String, MultipartError>> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let Some((name, value)) = parameters.split_once('=') else { return Some(Err(MultipartError::Boundary)) };
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    // Without the characters that would need quotes, and without a second parameter.
    let is_one = !value.is_empty()
        && value.len() <= LONGEST_BOUNDARY
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte));
    let is_named = name.trim().eq_ignore_ascii_case("boundary");
    Some(if is_one && is_named { Ok(value.to_owned()) } else { Err(MultipartError::Boundary) })
}

impl Multipart {
    /// How many bytes its parts have.
    #[must_use]
    pub fn length(&self) -> usize {
        self.parts.iter().map(|part| part.whole.len()).sum()
    }

    /// Takes a body apart.
    ///
    /// # Errors
    /// See [`MultipartError`].
    pub fn read(boundary: String, body: &Bytes) -> Result<Self, MultipartError> {
        let first = format!("--{boundary}\r\n");
        let between = format!("\r\n--{boundary}");
        let mut rest = body.strip_prefix(first.as_bytes()).map(|rest| body.slice_ref(rest));
        let mut parts = Vec::new();
        while let Some(here) = rest {
            let end = find(&here, between.as_bytes()).ok_or(MultipartError::Broken)?;
            parts.push(Part::read(here.slice(..end))?);
            if parts.len() > MOST_PARTS {
                return Err(MultipartError::TooMany);
            }
            let after = here.slice(end + between.len()..);
            match &after[..] {
                [b'-', b'-'] | [b'-', b'-', b'\r', b'\n'] => return Ok(Self { boundary, parts }),
                [b'\r', b'\n', ..] => rest = Some(after.slice(2..)),
                _ => return Err(MultipartError::Broken),
            }
        }
        Err(MultipartError::Broken)
    }

    /// Takes the one part of this name out of it, which is no file; none if there is none, or several.
    pub fn take(&mut self, name: &str) -> Option<Bytes> {
        let mut named = self.parts.iter().enumerate().filter(|(_, part)| part.name == name);
        let (position, part) = named.next()?;
        if named.next().is_some() || part.is_file {
            return None;
        }
        Some(self.parts.remove(position).content)
    }

    /// The names and contents of all its parts, files among them.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.parts.iter().map(|part| (part.name.as_str(), &part.content))
    }

    /// Adds a field.
    pub fn add(&mut self, name: &str, value: &str) {
        // As browsers write it (HTML, section 4.10.22.8).
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let whole = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
        self.parts.push(Part { name, is_file: false, whole: whole.into(), content: Bytes::new() });
    }

    /// Whether a value would end a part before its time.
    #[must_use]
    pub fn is_broken_by(&self, value: &str) -> bool {
        value.contains(&format!("--{}", self.boundary))
    }

    /// The content type and the body.
    #[must_use]
    pub fn written(&self) -> (String, Bytes) {
        let size: usize = self.parts.iter().map(|part| part.whole.len() + self.boundary.len() + 6).sum();
        let mut body = Vec::with_capacity(size + self.boundary.len() + 6);
        for part in &self.parts {
            body.extend_from_slice(b"--");
            body.extend_from_slice(self.boundary.as_bytes());
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(&part.whole);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--");
        body.extend_from_slice(self.boundary.as_bytes());
        body.extend_from_slice(b"--\r\n");
        (format!("multipart/form-data; boundary=\"{}\"", self.boundary), body.into())
    }
}

impl Part {
    fn read(whole: Bytes) -> Result<Self, MultipartError> {
        let end = find(&whole, b"\r\n\r\n").ok_or(MultipartError::Headers)?;
        let head = std::str::from_utf8(&whole[..end]).map_err(|_| MultipartError::Headers)?;
        let mut disposition = None;
        for line in head.split("\r\n") {
            let (name, value) = line.split_once(':').ok_or(MultipartError::Headers)?;
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" if disposition.is_none() => disposition = Some(value.trim()),
                "content-type" | "content-length" => {}
                _ => return Err(MultipartError::Headers),
            }
        }
        let disposition = disposition.ok_or(MultipartError::Headers)?;
        let (kind, parameters) = disposition.split_once(';').ok_or(MultipartError::Headers)?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Err(MultipartError::Headers);
        }
        let name = quoted(parameters, "name").ok_or(MultipartError::Headers)?;
        let is_file = parameters.to_ascii_lowercase().contains("filename");
        let content = whole.slice(end + 4..);
        Ok(Self { name, is_file, whole, content })
    }
}

/// The value of a quoted parameter that stands at the beginning or behind a semicolon.
fn quoted(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start();
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(after) => after.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        rest = after.trim_start().strip_prefix(';')?;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[&str]) -> Bytes {
        let mut body: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
        body.push_str("--b--\r\n");
        body.into()
    }

    const PARAMS: &str = "Content-Disposition: form-data; name=\"params\"\r\n\r\n{}";
    const FILE: &str = "Content-Disposition: form-data; name=\"f\"; filename=\"params\"\r\nContent-Type: x/y\r\n\r\n--a\r\n\r\n-";

    #[test]
    fn a_part_is_taken_out_and_the_others_stay_as_they_are() {
        let mut read = Multipart::read("b".to_owned(), &form(&[PARAMS, FILE])).unwrap();
        assert_eq!(read.take("params").unwrap(), "{}");
        assert!(read.take("params").is_none());
        read.add("quo\"te", "1");
        let added = "Content-Disposition: form-data; name=\"quo%22te\"\r\n\r\n1";
        assert_eq!(read.written().1, form(&[FILE, added]));
        assert_eq!(read.written().0, "multipart/form-data; boundary=\"b\"");
    }

    #[test]
    fn what_has_no_single_reading_is_refused() {
        let twice = Multipart::read("b".to_owned(), &form(&[PARAMS, PARAMS])).unwrap().take("params");
        assert!(twice.is_none());
        let file = PARAMS.replace("\"params\"", "\"params\"; filename=\"x\"");
        assert!(Multipart::read("b".to_owned(), &form(&[&file])).unwrap().take("params").is_none());
        let read = |body: &str| Multipart::read("b".to_owned(), &Bytes::from(body.to_owned()));
        for (body, error) in [
            ("", MultipartError::Broken),
            ("--b--\r\n", MultipartError::Broken),
            ("preamble\r\n--b\r\n", MultipartError::Broken),
            ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", MultipartError::Broken),
            (
                "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--bc\r\n",
                MultipartError::Broken,
            ),
            (
                "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\nepilogue",
                MultipartError::Broken,
            ),
            ("--b\r\n\r\nx\r\n--b--", MultipartError::Headers),
            ("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", MultipartError::Headers),
            ("--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--", MultipartError::Headers),
            (
                "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nX-Other: y\r\n\r\nx\r\n--b--",
                MultipartError::Headers,
            ),
        ] {
            assert_eq!(read(body).unwrap_err(), error, "{body:?}");
        }
        let many = vec![PARAMS; MOST_PARTS + 1];
        assert_eq!(Multipart::read("b".to_owned(), &form(&many)).unwrap_err(), MultipartError::TooMany);
    }

    #[test]
    fn the_boundary_is_one_word() {
        let of = |text: &str| boundary(text);
        assert!(of("application/json").is_none());
        assert_eq!(of("multipart/form-data; boundary=abc"), Some(Ok("abc".to_owned())));
        assert_eq!(of("Multipart/Form-Data; Boundary=\"a-b\""), Some(Ok("a-b".to_owned())));
        for text in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; charset=utf-8; boundary=a",
            "multipart/form-data; boundary=a; x=y",
            "multipart/form-data; boundary=\"a b\"",
            &format!("multipart/form-data; boundary={}", "a".repeat(71)),
        ] {
            assert_eq!(of(text), Some(Err(MultipartError::Boundary)), "{text}");
        }
    }
}
