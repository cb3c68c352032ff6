//! `numeric`, exactly.

use super::encode::{Malformed, Reader, Room, Unwritten};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// Appends a number as a string: number of base-10000 digits, weight of the first, sign, digits after the point, the
/// digits (numeric.c, `numeric_send`).
///
/// # Errors
/// It is not of this form, or there is no room for it.
pub(crate) fn write(bytes: &[u8], room: &mut Room<'_>) -> Result<(), Unwritten> {
    let mut reader = Reader::new(bytes);
    let count = usize::from(reader.take().map(u16::from_be_bytes)?);
    let weight = i32::from(reader.i16()?);
    let sign = reader.take().map(u16::from_be_bytes)?;
    let scale = usize::from(reader.take().map(u16::from_be_bytes)?);
    match sign {
        0 | NEGATIVE => {}
        NAN => {
            room.out.extend_from_slice(b"\"NaN\"");
            return Ok(());
        }
        INFINITY => {
            room.out.extend_from_slice(b"\"Infinity\"");
            return Ok(());
        }
        MINUS_INFINITY => {
            room.out.extend_from_slice(b"\"-Infinity\"");
            return Ok(());
        }
        _ => return Err(Malformed.into()),
    }
    let digits = reader.bytes(count * 2)?;
    reader.end()?;
    // The digit group at a power of 10000; beyond those that are sent, zero.
    let group = |power: i32| -> u16 {
        let at = usize::try_from(weight - power).ok();
        let pair = at.and_then(|at| digits.get(at * 2..at * 2 + 2));
        match pair {
            Some([high, low]) => u16::from_be_bytes([*high, *low]).min(9999),
            _ => 0,
        }
    };
    room.out.push(b'"');
    if sign == NEGATIVE {
        room.out.push(b'-');
    }
    if weight < 0 {
        room.out.push(b'0');
    } else {
        let first = four(group(weight));
        let zeros = first.iter().take(3).take_while(|&&digit| digit == b'0').count();
        room.out.extend_from_slice(first.get(zeros..).unwrap_or_default());
        for power in (0..weight).rev() {
            room.has(4)?;
            room.out.extend_from_slice(&four(group(power)));
        }
    }
    if scale > 0 {
        room.out.push(b'.');
        let mut left = scale;
        let mut power = -1;
        while left > 0 {
            room.has(4)?;
            let digits = four(group(power));
            let shown = left.min(4);
            room.out.extend_from_slice(digits.get(..shown).unwrap_or_default());
            left -= shown;
            power -= 1;
        }
    }
    room.out.push(b'"');
    Ok(())
}

fn four(group: u16) -> [u8; 4] {
    let digit = |divisor: u16| b'0' + u8::try_from(group / divisor % 10).unwrap_or(0);
    [digit(1000), digit(100), digit(10), digit(1)]
}
