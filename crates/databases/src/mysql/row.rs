//! A row of the binary protocol as a JSON object, written piece by piece.

use std::ops::Range;

use bytes::Bytes;

use super::cell;
use super::shape::{Form, Shape, Size};
use super::wire::{Cursor, WireError};
use crate::json;

/// How much of a long value is written at once.
const PIECE: usize = 16 << 10;

/// One row on its way. A long value is written in several turns, so that what is written never grows with it.
pub(crate) struct RowWriter {
    payload: Bytes,
    /// Where the values are; NULL is nowhere.
    places: Vec<Option<Range<usize>>>,
    /// The member that is next.
    member: usize,
    /// What is left of a long value that has been begun.
    begun: Option<Begun>,
}

#[derive(Clone)]
struct Begun {
    kind: Kind,
    rest: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bytes,
    Json { in_string: bool, escaped: bool },
}

impl RowWriter {
    pub(crate) fn new() -> Self {
        Self { payload: Bytes::new(), places: Vec::new(), member: 0, begun: None }
    }

    /// Takes the next row.
    pub(crate) fn begin(&mut self, payload: Bytes, shape: &Shape) -> Result<(), WireError> {
        let total = payload.len();
        let mut cursor = Cursor::new(&payload);
        if cursor.byte()? != 0 {
            return Err(WireError::Malformed);
        }
        let nulls = cursor.bytes((shape.forms.len() + 9) / 8)?;
        self.places.clear();
        for (at, form) in shape.forms.iter().enumerate() {
            let bit = at + 2;
            let is_null = nulls.get(bit / 8).is_some_and(|byte| byte & (1 << (bit % 8)) != 0);
            if is_null || *form == Form::Null {
                self.places.push(None);
                continue;
            }
            let length = match form.size() {
                Size::Always(length) => length,
                Size::Short => usize::from(cursor.byte()?),
                Size::Counted => usize::try_from(cursor.integer()?).map_err(|_| WireError::Malformed)?,
            };
            let start = total - cursor.left();
            cursor.bytes(length)?;
            self.places.push(Some(start..start + length));
        }
        self.payload = payload;
        self.member = 0;
        self.begun = None;
        Ok(())
    }

    /// Writes on, until the row is complete or `out` has this much in it. Whether the row is complete.
    pub(crate) fn write(
        &mut self,
        shape: &Shape,
        out: &mut Vec<u8>,
        until: usize,
    ) -> Result<bool, WireError> {
        loop {
            if let Some(begun) = self.begun.take() {
                self.begun = go_on(&self.payload, begun, out);
            } else if let Some((name, column)) = shape.members.get(self.member) {
                out.push(if self.member == 0 { b'{' } else { b',' });
                out.extend_from_slice(name);
                self.member += 1;
                self.value(*column, shape, out)?;
            } else {
                out.push(b'}');
                self.payload = Bytes::new();
                return Ok(true);
            }
            if out.len() >= until {
                return Ok(false);
            }
        }
    }

    fn value(&mut self, column: usize, shape: &Shape, out: &mut Vec<u8>) -> Result<(), WireError> {
        let (Some(form), Some(Some(place))) = (shape.forms.get(column), self.places.get(column)) else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        let bytes = self.payload.get(place.clone()).ok_or(WireError::Malformed)?;
        let kind = match *form {
            Form::Integer { unsigned, .. } => {
                cell::integer(bytes, unsigned, out);
                return Ok(());
            }
            Form::Float => {
                json::single(f32::from_le_bytes(bytes.try_into().map_err(|_| WireError::Malformed)?), out);
                return Ok(());
            }
            Form::Double => {
                json::double(f64::from_le_bytes(bytes.try_into().map_err(|_| WireError::Malformed)?), out);
                return Ok(());
            }
            Form::Moment => return cell::moment(bytes, out),
            Form::Time { decimals } => return cell::time(bytes, decimals, out),
            Form::Geometry => return cell::geometry(bytes, out),
            Form::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Form::Text => Kind::Text,
            Form::Bytes => Kind::Bytes,
            // Text that is no JSON, which only a broken server sends, would end our own JSON early.
            Form::Json => match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
                Ok(_) => Kind::Json { in_string: false, escaped: false },
                Err(_) => Kind::Text,
            },
        };
        out.extend_from_slice(match kind {
            Kind::Text => b"\"".as_slice(),
            Kind::Bytes => b"{\"type\":\"Buffer\",\"data\":[",
            Kind::Json { .. } => b"",
        });
        self.begun = go_on(&self.payload, Begun { kind, rest: place.clone() }, out);
        Ok(())
    }
}

/// Writes a piece of a value, and what closes it after the last one.
fn go_on(payload: &[u8], begun: Begun, out: &mut Vec<u8>) -> Option<Begun> {
    let Begun { kind, rest } = begun;
    let bytes = payload.get(rest.clone()).unwrap_or_default();
    let mut length = bytes.len().min(PIECE);
    if kind == Kind::Text {
        length = whole_characters(bytes, length);
    }
    let piece = bytes.get(..length).unwrap_or_default();
    let is_last = length == bytes.len();
    let mut next = kind;
    match kind {
        Kind::Text => match std::str::from_utf8(piece) {
            Ok(text) => json::escaped(text, out),
            Err(_) => json::escaped(&String::from_utf8_lossy(piece), out),
        },
        Kind::Bytes => {
            for (at, byte) in piece.iter().enumerate() {
                json::integer((*byte).into(), out);
                if !is_last || at + 1 < length {
                    out.push(b',');
                }
            }
        }
        Kind::Json { in_string, escaped } => next = compact(piece, in_string, escaped, out),
    }
    if !is_last {
        return Some(Begun { kind: next, rest: rest.start + length..rest.end });
    }
    out.extend_from_slice(match kind {
        Kind::Text => b"\"".as_slice(),
        Kind::Bytes => b"]}",
        Kind::Json { .. } => b"",
    });
    None
}

/// A length of at most this that does not end within a character.
fn whole_characters(bytes: &[u8], most: usize) -> usize {
    if most == bytes.len() {
        return most;
    }
    let continues = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has at most four bytes; what has more of these is no text.
    (most.saturating_sub(3)..=most).rev().find(|at| !continues(*at)).unwrap_or(most)
}

/// JSON without the spaces between its parts.
fn compact(piece: &[u8], mut in_string: bool, mut escaped: bool, out: &mut Vec<u8>) -> Kind {
    for byte in piece {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = *byte == b'"';
        }
        out.push(*byte);
    }
    Kind::Json { in_string, escaped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::wire::{Column, ColumnType};

    fn columns(types: &[(u8, u16, u16)]) -> Vec<Column> {
        let named = |(at, (kind, character_set, flags)): (usize, &(u8, u16, u16))| Column {
            name: format!("c{at}"),
            column_type: ColumnType(*kind),
            character_set: *character_set,
            length: 0,
            flags: *flags,
            decimals: 6,
            is_json: at % 3 == 0,
        };
        types.iter().enumerate().map(named).collect()
    }

    fn written(payload: &[u8], shape: &Shape, until: usize) -> Result<String, WireError> {
        let mut writer = RowWriter::new();
        writer.begin(Bytes::copy_from_slice(payload), shape)?;
        let (mut whole, mut piece) = (Vec::new(), Vec::new());
        while !writer.write(shape, &mut piece, until)? {
            whole.append(&mut piece);
        }
        whole.append(&mut piece);
        Ok(String::from_utf8(whole).unwrap())
    }

    /// Whatever a server sends as a row: an error, or JSON; the same in pieces as at once.
    #[test]
    fn rows_of_a_hostile_server_are_json_or_errors() {
        let types: Vec<(u8, u16, u16)> =
            (0..=16).chain(245..=255).flat_map(|kind| [(kind, 45, 0), (kind, 63, 32)]).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut rows = 0;
        for _ in 0..200_000 {
            let count = 1 + random(3);
            let chosen: Vec<_> =
                (0..count).filter_map(|_| types.get(random(types.len() as u64) as usize).copied()).collect();
            let Ok(shape) = Shape::new(&columns(&chosen)) else { continue };
            let mut payload = vec![0; 1 + (chosen.len() + 9) / 8];
            // Lengths are small numbers more often than not; so are the parts of geometries.
            payload
                .extend((0..random(60)).map(|_| if random(2) == 0 { random(12) } else { random(256) } as u8));
            let Ok(at_once) = written(&payload, &shape, usize::MAX) else { continue };
            assert!(serde_json::from_str::<serde_json::Value>(&at_once).is_ok(), "{at_once}");
            assert_eq!(written(&payload, &shape, 1).unwrap(), at_once);
            rows += 1;
        }
        assert!(rows > 10_000, "{rows}");
    }

    /// Pieces end between characters, and within JSON's strings.
    #[test]
    fn long_values_are_cut_where_they_may_be() {
        let shape = Shape::new(&columns(&[(252, 45, 0), (252, 45, 0)])).unwrap();
        for (shift, text) in
            ["", "a", "ab", "abc"].iter().zip(["é", "€", "😀", "\\\""].iter()).map(|(a, b)| (*a, *b))
        {
            let text = shift.to_owned() + &text.repeat(20_000);
            let document = serde_json::to_string(&text).unwrap();
            let mut payload = vec![0, 0];
            for value in [document.as_bytes(), text.as_bytes()] {
                payload.push(0xfe);
                payload.extend_from_slice(&(value.len() as u64).to_le_bytes());
                payload.extend_from_slice(value);
            }
            let answer = written(&payload, &shape, 1).unwrap();
            let expected = serde_json::json!({"c0": text, "c1": text});
            assert_eq!(serde_json::from_str::<serde_json::Value>(&answer).unwrap(), expected);
        }
    }
}
