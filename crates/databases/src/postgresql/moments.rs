//! Dates, times and intervals.
//!
//! Moments are written as `Date.prototype.toISOString` does: milliseconds, `Z`, and six digits with a sign for years
//! outside 0 to 9999 (ECMA-262, "Date Time String Format"; year 0 is 1 BC).

use std::io::Write as _;

use crate::json;

/// Days from 1970-01-01 to 2000-01-01, which PostgreSQL counts from.
const EPOCH: i64 = 10_957;
const DAY: i64 = 86_400_000_000;

/// Appends a date, as its first moment: what `node-postgres` answers where local time is UTC.
pub(crate) fn date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => out.extend_from_slice(b"\"infinity\""),
        i32::MIN => out.extend_from_slice(b"\"-infinity\""),
        _ => moment(i64::from(days), 0, out),
    }
}

/// Appends a moment, from microseconds since 2000-01-01. What is below a millisecond is cut off.
pub(crate) fn timestamp(microseconds: i64, out: &mut Vec<u8>) {
    match microseconds {
        i64::MAX => out.extend_from_slice(b"\"infinity\""),
        i64::MIN => out.extend_from_slice(b"\"-infinity\""),
        _ => moment(microseconds.div_euclid(DAY), microseconds.rem_euclid(DAY), out),
    }
}

fn moment(days: i64, microseconds: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days + EPOCH);
    out.push(b'"');
    // Writing into memory does not fail.
    let _ = match year {
        0..=9999 => {
            digits(year, 4, out);
            Ok(())
        }
        _ => write!(out, "{}{:06}", if year < 0 { '-' } else { '+' }, year.unsigned_abs()),
    };
    out.push(b'-');
    digits(month, 2, out);
    out.push(b'-');
    digits(day, 2, out);
    out.push(b'T');
    clock(microseconds, out);
    out.push(b'.');
    let milliseconds = microseconds / 1000 % 1000;
    out.push(b'0' + u8::try_from(milliseconds / 100).unwrap_or(0));
    digits(milliseconds, 2, out);
    out.extend_from_slice(b"Z\"");
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar without a beginning (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Hours, minutes, seconds.
fn clock(microseconds: i64, out: &mut Vec<u8>) {
    let seconds = microseconds / 1_000_000;
    digits(seconds / 3600, 2, out);
    out.push(b':');
    digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    digits(seconds % 60, 2, out);
}

/// A number that is not negative, with leading zeros, in an even number of digits.
fn digits(number: i64, width: u32, out: &mut Vec<u8>) {
    if width > 2 {
        digits(number / 100, width - 2, out);
    }
    // Always below a hundred.
    let pair = u8::try_from(number % 100).unwrap_or(0);
    out.extend_from_slice(&[b'0' + pair / 10, b'0' + pair % 10]);
}

/// Appends a time of day as PostgreSQL prints it.
pub(crate) fn time(microseconds: i64, out: &mut Vec<u8>) {
    out.push(b'"');
    time_of_day(microseconds, out);
    out.push(b'"');
}

fn time_of_day(microseconds: i64, out: &mut Vec<u8>) {
    let microseconds = microseconds.clamp(0, DAY);
    clock(microseconds, out);
    let fraction = microseconds % 1_000_000;
    if fraction > 0 {
        out.push(b'.');
        digits(fraction, 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends a time of day with its zone, given in seconds west of UTC, as PostgreSQL prints it.
pub(crate) fn time_with_zone(microseconds: i64, west: i32, out: &mut Vec<u8>) {
    out.push(b'"');
    time_of_day(microseconds, out);
    out.push(if west > 0 { b'-' } else { b'+' });
    let east = i64::from(west.unsigned_abs());
    digits(east / 3600, 2, out);
    if east % 3600 != 0 {
        out.push(b':');
        digits(east / 60 % 60, 2, out);
        if east % 60 != 0 {
            out.push(b':');
            digits(east % 60, 2, out);
        }
    }
    out.push(b'"');
}

/// Appends an interval as `node-postgres` does: an object of the parts that are not zero.
pub(crate) fn interval(microseconds: i64, days: i32, months: i32, out: &mut Vec<u8>) {
    // PostgreSQL 17 has intervals without an end.
    if (microseconds, days, months) == (i64::MAX, i32::MAX, i32::MAX) {
        out.extend_from_slice(b"\"infinity\"");
        return;
    }
    if (microseconds, days, months) == (i64::MIN, i32::MIN, i32::MIN) {
        out.extend_from_slice(b"\"-infinity\"");
        return;
    }
    let seconds = microseconds / 1_000_000;
    let parts = [
        ("years", i64::from(months / 12)),
        ("months", i64::from(months % 12)),
        ("days", i64::from(days)),
        ("hours", seconds / 3600),
        ("minutes", seconds / 60 % 60),
        ("seconds", seconds % 60),
    ];
    let mut is_first = true;
    let mut name = |name: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(if is_first { b"{\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        is_first = false;
    };
    for (part, number) in parts {
        if number != 0 {
            name(part, out);
            json::integer(number, out);
        }
    }
    let fraction = microseconds % 1_000_000;
    if fraction != 0 {
        name("milliseconds", out);
        // At most six digits, of which three come after the point: exact.
        #[expect(clippy::cast_precision_loss, reason = "below a million")]
        json::double(fraction as f64 / 1000.0, out);
    }
    out.extend_from_slice(if is_first { b"{}" } else { b"}" });
}
