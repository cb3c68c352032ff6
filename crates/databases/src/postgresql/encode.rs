//! From PostgreSQL's binary forms to JSON.
//!
//! The forms are those of the server's `*_send` functions (src/backend/utils/adt). Nothing here trusts a length.

use std::io::Write as _;

use super::moments;
use super::numeric;
use super::shape::Shape;
use crate::json;

/// Bytes that are not the form they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What is left of a value.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        self.take().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.take().map(i64::from_be_bytes)
    }

    fn f64(&mut self) -> Result<f64, Malformed> {
        self.take().map(f64::from_be_bytes)
    }

    /// Nothing is left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Appends a value.
///
/// # Errors
/// It is not of this form.
pub(crate) fn value(shape: &Shape, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    match shape {
        Shape::Bool => {
            let [byte] = reader.take()?;
            out.extend_from_slice(if byte == 0 { b"false" } else { b"true" });
        }
        Shape::Int2 => json::integer(reader.i16()?.into(), out),
        Shape::Int4 => json::integer(reader.i32()?.into(), out),
        Shape::Int8 => {
            out.push(b'"');
            json::integer(reader.i64()?, out);
            out.push(b'"');
        }
        Shape::Oid => json::integer(u32::from_be_bytes(reader.take()?).into(), out),
        Shape::Float4 => json::single(f32::from_be_bytes(reader.take()?), out),
        Shape::Float8 => json::double(reader.f64()?, out),
        Shape::Numeric => return numeric::write(bytes, out),
        Shape::Text | Shape::AsText => {
            json::bytes_as_string(bytes, out);
            return Ok(());
        }
        Shape::Json => {
            raw(bytes, out);
            return Ok(());
        }
        Shape::Jsonb => {
            // Version 1 is the text (jsonb_send).
            let [1] = reader.take()? else { return Err(Malformed) };
            raw(reader.0, out);
            return Ok(());
        }
        Shape::Uuid => uuid(reader.take()?, out),
        Shape::Bytea => {
            bytea(bytes, out);
            return Ok(());
        }
        Shape::Date => moments::date(reader.i32()?, out),
        Shape::Timestamp => moments::timestamp(reader.i64()?, out),
        Shape::Time => moments::time(reader.i64()?, out),
        Shape::TimeTz => moments::time_with_zone(reader.i64()?, reader.i32()?, out),
        Shape::Interval => moments::interval(reader.i64()?, reader.i32()?, reader.i32()?, out),
        Shape::Inet => return inet(bytes, false, out),
        Shape::Cidr => return inet(bytes, true, out),
        Shape::Point => {
            out.extend_from_slice(b"{\"x\":");
            json::double(reader.f64()?, out);
            out.extend_from_slice(b",\"y\":");
            json::double(reader.f64()?, out);
            out.push(b'}');
        }
        Shape::Circle => {
            out.extend_from_slice(b"{\"x\":");
            json::double(reader.f64()?, out);
            out.extend_from_slice(b",\"y\":");
            json::double(reader.f64()?, out);
            out.extend_from_slice(b",\"radius\":");
            json::double(reader.f64()?, out);
            out.push(b'}');
        }
        Shape::Void => {
            out.extend_from_slice(b"\"\"");
            return Ok(());
        }
        Shape::Array(element) => return array(element, bytes, out),
        Shape::AsTextArray => return array(&Shape::Text, bytes, out),
    }
    reader.end()
}

/// JSON as the database has it, which is not always on one line.
fn raw(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(_) => out.extend_from_slice(bytes),
        Err(_) => out.extend_from_slice(String::from_utf8_lossy(bytes).as_bytes()),
    }
}

fn uuid(bytes: [u8; 16], out: &mut Vec<u8>) {
    out.push(b'"');
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        // Writing into memory does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out.push(b'"');
}

/// As Node.js writes its `Buffer`.
fn bytea(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"Buffer\",\"data\":[");
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::integer((*byte).into(), out);
    }
    out.extend_from_slice(b"]}");
}

/// Family, prefix length, whether it is a network, length, address (network.c).
fn inet(bytes: &[u8], is_network: bool, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    let [_family, prefix, _is_network, length] = reader.take()?;
    let address: std::net::IpAddr = match length {
        4 => reader.take::<4>()?.into(),
        16 => reader.take::<16>()?.into(),
        _ => return Err(Malformed),
    };
    out.push(b'"');
    let _ = write!(out, "{address}");
    if is_network || prefix != length.saturating_mul(8) {
        let _ = write!(out, "/{prefix}");
    }
    out.push(b'"');
    reader.end()
}

/// The most dimensions of an array (MAXDIM).
const MOST_DIMENSIONS: usize = 6;

/// Number of dimensions, whether there are NULLs, type; length and lower bound of each dimension; the elements, the
/// last dimension's next to each other (arrayfuncs.c). Lower bounds are not answered: JSON's arrays have none.
fn array(element: &Shape, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    let dimensions = usize::try_from(reader.i32()?).map_err(|_| Malformed)?;
    let _has_nulls = reader.i32()?;
    let _type = reader.i32()?;
    if dimensions > MOST_DIMENSIONS {
        return Err(Malformed);
    }
    if dimensions == 0 {
        out.extend_from_slice(b"[]");
        return reader.end();
    }
    let mut lengths = [0; MOST_DIMENSIONS];
    for length in lengths.iter_mut().take(dimensions) {
        *length = usize::try_from(reader.i32()?).map_err(|_| Malformed)?;
        let _lower_bound = reader.i32()?;
    }
    elements(element, lengths.get(..dimensions).unwrap_or_default(), &mut reader, out)?;
    reader.end()
}

fn elements(
    element: &Shape,
    lengths: &[usize],
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let Some((&length, inner)) = lengths.split_first() else {
        let length = reader.i32()?;
        if length == -1 {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        let bytes = reader.bytes(usize::try_from(length).map_err(|_| Malformed)?)?;
        return value(element, bytes, out);
    };
    // Every element has at least its length: a number of elements that cannot be there is not counted up to.
    if length > reader.0.len() {
        return Err(Malformed);
    }
    out.push(b'[');
    for at in 0..length {
        if at > 0 {
            out.push(b',');
        }
        elements(element, inner, reader, out)?;
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Shape, value};

    /// A hostile server may send anything under any type.
    #[test]
    fn any_bytes_are_json_or_malformed() {
        let mut shapes = vec![
            Shape::Bool,
            Shape::Int2,
            Shape::Int4,
            Shape::Int8,
            Shape::Oid,
            Shape::Float4,
            Shape::Float8,
            Shape::Numeric,
            Shape::Text,
            Shape::Uuid,
            Shape::Bytea,
            Shape::Date,
            Shape::Timestamp,
            Shape::Time,
            Shape::TimeTz,
            Shape::Interval,
            Shape::Inet,
            Shape::Cidr,
            Shape::Point,
            Shape::Circle,
            Shape::AsText,
            Shape::AsTextArray,
        ];
        shapes.extend(shapes.clone().into_iter().map(|shape| Shape::Array(Box::new(shape))));
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let interesting = [0, 0, 0, 1, 2, 4, 8, 16, 0x40, 0x7f, 0x80, 0xff];
        let mut written = 0;
        for _ in 0..20_000 {
            let length = usize::try_from(next() % 40).unwrap();
            let bytes: Vec<u8> = (0..length)
                .map(|_| match usize::try_from(next() % 16).unwrap() {
                    known if known < interesting.len() => interesting[known],
                    _ => next().to_le_bytes()[0],
                })
                .collect();
            for shape in &shapes {
                let mut out = Vec::new();
                if value(shape, &bytes, &mut out).is_ok() {
                    written += 1;
                    let read = serde_json::from_slice::<serde_json::Value>(&out);
                    assert!(read.is_ok(), "{shape:?} of {bytes:?}: {}", String::from_utf8_lossy(&out));
                }
            }
        }
        assert!(written > 50_000, "{written}");
    }
}
