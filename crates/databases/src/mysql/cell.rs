//! A value of the binary protocol in JSON.

use std::io::Write as _;

use super::wire::{Cursor, WireError};
use crate::json;

/// The largest whole number that every program reads as it is written: 2^53 - 1 (ECMA-262, `MAX_SAFE_INTEGER`).
const LARGEST_EXACT: u64 = (1 << 53) - 1;

/// A whole number; in quotes, if a number of JavaScript would not be the same.
pub(crate) fn integer(bytes: &[u8], unsigned: bool, out: &mut Vec<u8>) {
    let negative = !unsigned && bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in whole.iter_mut().zip(bytes) {
        *to = *from;
    }
    let size = if unsigned { u64::from_le_bytes(whole) } else { i64::from_le_bytes(whole).unsigned_abs() };
    let quote = if size > LARGEST_EXACT { "\"" } else { "" };
    let sign = if negative { "-" } else { "" };
    // Writing into memory does not fail.
    let _ = write!(out, "{quote}{sign}{size}{quote}");
}

/// A date, or a date and a time, in UTC with milliseconds; a date that is none, such as `0000-00-00`, is null.
pub(crate) fn moment(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut cursor = Cursor::new(bytes);
    let (mut year, mut month, mut day) = (0, 0, 0);
    if !bytes.is_empty() {
        (year, month, day) = (cursor.two()?, cursor.byte()?, cursor.byte()?);
    }
    let [mut hour, mut minute, mut second] = [0; 3];
    if cursor.left() > 0 {
        [hour, minute, second] = cursor.array()?;
    }
    let micros = if cursor.left() > 0 { cursor.four()? } else { 0 };
    let exists = time::Month::try_from(month)
        .is_ok_and(|month| time::Date::from_calendar_date(i32::from(year), month, day).is_ok());
    if !exists || year > 9999 || hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let millis = micros / 1000;
    let _ = write!(out, "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z\"");
    Ok(())
}

/// A time of day, or a span of time: `[-]HH:MM:SS`, with the digits after the point that the column has.
pub(crate) fn time(bytes: &[u8], decimals: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut cursor = Cursor::new(bytes);
    let (mut negative, mut days, mut micros) = (0, 0, 0);
    let [mut hours, mut minutes, mut seconds] = [0; 3];
    if !bytes.is_empty() {
        (negative, days) = (cursor.byte()?, cursor.four()?);
        [hours, minutes, seconds] = cursor.array()?;
    }
    if cursor.left() > 0 {
        micros = cursor.four()?;
    }
    let sign = if negative == 0 { "" } else { "-" };
    let hours = u64::from(days) * 24 + u64::from(hours);
    let _ = write!(out, "\"{sign}{hours:02}:{minutes:02}:{seconds:02}");
    if decimals > 0 {
        let digits = format!("{micros:06}");
        let _ = write!(out, ".{}", digits.get(..decimals).unwrap_or_default());
    }
    out.push(b'"');
    Ok(())
}

/// A geometry as MySQL's usual client for JavaScript reads it: a point is `{"x":…,"y":…}`, everything else a list.
pub(crate) fn geometry(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    if bytes.is_empty() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let mut cursor = Cursor::new(bytes);
    // The reference system is left out, as there.
    cursor.four()?;
    shape(&mut cursor, 0, out)
}

/// Collections in collections: MariaDB itself goes less deep.
const DEEPEST: u8 = 32;

fn shape(cursor: &mut Cursor<'_>, depth: u8, out: &mut Vec<u8>) -> Result<(), WireError> {
    let little = match cursor.byte()? {
        1 => true,
        0 => false,
        _ => return Err(WireError::Malformed),
    };
    match count(cursor, little)? {
        1 => point(cursor, little, out),
        2 => list(cursor, little, out, |cursor, out| point(cursor, little, out)),
        3 => list(cursor, little, out, |cursor, out| {
            list(cursor, little, out, |cursor, out| point(cursor, little, out))
        }),
        4..=7 if depth < DEEPEST => list(cursor, little, out, |cursor, out| shape(cursor, depth + 1, out)),
        _ => Err(WireError::Malformed),
    }
}

fn list(
    cursor: &mut Cursor<'_>,
    little: bool,
    out: &mut Vec<u8>,
    element: impl Fn(&mut Cursor<'_>, &mut Vec<u8>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    out.push(b'[');
    for at in 0..count(cursor, little)? {
        if at > 0 {
            out.push(b',');
        }
        element(cursor, out)?;
    }
    out.push(b']');
    Ok(())
}

fn point(cursor: &mut Cursor<'_>, little: bool, out: &mut Vec<u8>) -> Result<(), WireError> {
    for name in [&b"{\"x\":"[..], b",\"y\":"] {
        out.extend_from_slice(name);
        let bytes = cursor.array()?;
        json::double(if little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) }, out);
    }
    out.push(b'}');
    Ok(())
}

fn count(cursor: &mut Cursor<'_>, little: bool) -> Result<u32, WireError> {
    let bytes = cursor.array()?;
    Ok(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
}
