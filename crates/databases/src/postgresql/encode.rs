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

/// Why a value was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// See [`Malformed`].
    Malformed,
    /// There is no room for it.
    Room,
}

impl From<Malformed> for Unwritten {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What a row is written into. Ten bytes of a server may stand for 131,072 digits: so whoever writes in a loop asks
/// in it for room.
pub(crate) struct Room<'a> {
    /// What was written. It gets longer than it may by what is written between two questions.
    pub(crate) out: &'a mut Vec<u8>,
    most: usize,
}

impl<'a> Room<'a> {
    /// For as long as it is no longer than this.
    pub(crate) const fn new(out: &'a mut Vec<u8>, most: usize) -> Self {
        Self { out, most }
    }

    /// Goes on only if there is room for so many bytes more.
    pub(crate) fn has(&self, more: usize) -> Result<(), Unwritten> {
        match self.out.len().checked_add(more) {
            Some(length) if length <= self.most => Ok(()),
            _ => Err(Unwritten::Room),
        }
    }
}

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
/// It is not of this form, or there is no room for it.
pub(crate) fn value(shape: &Shape, bytes: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    let mut reader = Reader::new(bytes);
    let out = &mut *room.out;
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
        Shape::Numeric => return numeric::write(bytes, room),
        Shape::Text | Shape::AsText => return string(bytes, room),
        Shape::Json => return raw(bytes, room),
        Shape::Jsonb => {
            // Version 1 is the text (jsonb_send).
            let [1] = reader.take()? else { return Err(Unwritten::Malformed) };
            return raw(reader.0, room);
        }
        Shape::Uuid => uuid(reader.take()?, out),
        Shape::Bytea => return bytea(bytes, room),
        Shape::Date => moments::date(reader.i32()?, out),
        Shape::Timestamp => moments::timestamp(reader.i64()?, out),
        Shape::Time => moments::time(reader.i64()?, out),
        Shape::TimeTz => moments::time_with_zone(reader.i64()?, reader.i32()?, out),
        Shape::Interval => moments::interval(reader.i64()?, reader.i32()?, reader.i32()?, out),
        Shape::Inet => return Ok(inet(bytes, false, out)?),
        Shape::Cidr => return Ok(inet(bytes, true, out)?),
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
        Shape::Array(element) => return array(element, bytes, room),
        Shape::AsTextArray => return array(&Shape::Text, bytes, room),
    }
    Ok(reader.end()?)
}

/// JSON as the database has it, which is not always on one line.
fn raw(bytes: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    if std::str::from_utf8(bytes).is_ok() {
        room.has(bytes.len())?;
        room.out.extend_from_slice(bytes);
        return Ok(());
    }
    for chunk in bytes.utf8_chunks() {
        room.has(chunk.valid().len() + REPLACEMENT.len())?;
        room.out.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            room.out.extend_from_slice(REPLACEMENT.as_bytes());
        }
    }
    Ok(())
}

/// What stands for bytes that are no UTF-8, which databases without an encoding may hold.
const REPLACEMENT: &str = "\u{fffd}";
/// So many bytes of a text are written between two looks at the room: they take six times as many, at most.
const PART: usize = 8 << 10;

fn string(bytes: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    room.out.push(b'"');
    if std::str::from_utf8(bytes).is_ok() {
        escaped(bytes, room)?;
    } else {
        for chunk in bytes.utf8_chunks() {
            escaped(chunk.valid().as_bytes(), room)?;
            if !chunk.invalid().is_empty() {
                room.has(REPLACEMENT.len())?;
                room.out.extend_from_slice(REPLACEMENT.as_bytes());
            }
        }
    }
    room.out.push(b'"');
    Ok(())
}

fn escaped(text: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    for part in text.chunks(PART) {
        room.has(part.len())?;
        json::escaped_part(part, room.out);
    }
    Ok(())
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
fn bytea(bytes: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    room.out.extend_from_slice(b"{\"type\":\"Buffer\",\"data\":[");
    for (at, byte) in bytes.iter().enumerate() {
        room.has(1)?;
        if at > 0 {
            room.out.push(b',');
        }
        json::integer((*byte).into(), room.out);
    }
    room.out.extend_from_slice(b"]}");
    Ok(())
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
fn array(element: &Shape, bytes: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    let mut reader = Reader::new(bytes);
    let dimensions = usize::try_from(reader.i32()?).map_err(|_| Malformed)?;
    let _has_nulls = reader.i32()?;
    let _type = reader.i32()?;
    if dimensions > MOST_DIMENSIONS {
        return Err(Unwritten::Malformed);
    }
    if dimensions == 0 {
        room.out.extend_from_slice(b"[]");
        return Ok(reader.end()?);
    }
    let mut lengths = [0; MOST_DIMENSIONS];
    for length in lengths.iter_mut().take(dimensions) {
        *length = usize::try_from(reader.i32()?).map_err(|_| Malformed)?;
        let _lower_bound = reader.i32()?;
    }
    elements(element, lengths.get(..dimensions).unwrap_or_default(), &mut reader, room)?;
    Ok(reader.end()?)
}

fn elements(
    element: &Shape,
    lengths: &[usize],
    reader: &mut Reader<'_>,
    room: &mut Room<'_>,
) -> Result<(), Unwritten> {
    let Some((&length, inner)) = lengths.split_first() else {
        let length = reader.i32()?;
        if length == -1 {
            room.out.extend_from_slice(b"null");
            return Ok(());
        }
        let bytes = reader.bytes(usize::try_from(length).map_err(|_| Malformed)?)?;
        return value(element, bytes, room);
    };
    // Every element has at least its length: a number of elements that cannot be there is not counted up to.
    if length > reader.0.len() {
        return Err(Unwritten::Malformed);
    }
    room.out.push(b'[');
    for at in 0..length {
        // Here, and not with the bytes that are read: dimensions without elements multiply without any.
        room.has(1)?;
        if at > 0 {
            room.out.push(b',');
        }
        elements(element, inner, reader, room)?;
    }
    room.out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Room, Shape, Unwritten, value};

    /// Nothing that a server sends is written far beyond the room that there is for it.
    #[test]
    fn d52_a_value_stops_where_its_room_ends() {
        let number = [&[0, 1, 0x7f, 0xff, 0, 0, 0x3f, 0xff][..], &[0, 1]].concat();
        let text = vec![1; 1 << 20];
        let element = [&10_u32.to_be_bytes()[..], &number].concat();
        let head = |lengths: &[u32]| {
            let mut bytes = vec![0; 12];
            bytes[3] = u8::try_from(lengths.len()).unwrap();
            for length in lengths {
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(&[0; 4]);
            }
            bytes
        };
        let numbers = [head(&[4000]), element.repeat(4000)].concat();
        // Dimensions without elements, before bytes that nobody reads.
        let hollow = [head(&[4000, 4000, 4000, 0]), vec![0; 4000]].concat();
        let invalid = vec![0xff; 1 << 20];
        for (shape, bytes) in [
            (Shape::Numeric, &number),
            (Shape::Text, &text),
            (Shape::Text, &invalid),
            (Shape::Json, &invalid),
            (Shape::Json, &text),
            (Shape::Bytea, &text),
            (Shape::Array(Box::new(Shape::Numeric)), &numbers),
            (Shape::Array(Box::new(Shape::Int4)), &hollow),
        ] {
            let mut out = Vec::new();
            let written = value(&shape, bytes, &mut Room::new(&mut out, 100_000));
            assert_eq!(written, Err(Unwritten::Room), "{shape:?}");
            assert!(out.len() < 100_000 + (64 << 10), "{shape:?}: {}", out.len());
        }
    }

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
                if value(shape, &bytes, &mut Room::new(&mut out, 1 << 20)).is_ok() {
                    written += 1;
                    let read = serde_json::from_slice::<serde_json::Value>(&out);
                    assert!(read.is_ok(), "{shape:?} of {bytes:?}: {}", String::from_utf8_lossy(&out));
                }
            }
        }
        assert!(written > 50_000, "{written}");
    }
}
