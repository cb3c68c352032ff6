//! When a service wants to be asked again, and how often it may be.

use std::time::Duration;

use catalogue::RateLimit;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The longest time that a service is believed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What the usual header says (RFC 9110, 10.2.3): seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(wait)
}

/// What the entry's headers say, if the status means that there were too many calls.
pub(crate) fn told(limit: &RateLimit, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let too_many = limit.statuses.contains(&status.as_u16())
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    if !too_many {
        return None;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text(&limit.retry_after).and_then(wait).or_else(|| retry_after(headers)).or_else(|| {
        let at = text(limit.reset.as_deref()?)?.trim().parse::<f64>().ok()?;
        let now = OffsetDateTime::now_utc().unix_timestamp();
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
        bounded(at - now as f64)
    })
}

/// How many calls are left, by the entry's header.
pub(crate) fn calls_left(limit: &RateLimit, headers: &HeaderMap) -> Option<u64> {
    headers.get(limit.remaining.as_deref()?)?.to_str().ok()?.trim().parse().ok()
}

fn wait(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return bounded(seconds);
    }
    // The preferred form of dates in HTTP is that of RFC 2822 with another word for the zone.
    let date = OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()?;
    bounded((date - OffsetDateTime::now_utc()).as_seconds_f64())
}

fn bounded(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok().map(|wait| wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn after(text: &'static str) -> Option<Duration> {
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]))
    }

    #[test]
    fn seconds_and_dates_are_understood_and_nonsense_is_not_believed() {
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(after("-5"), Some(Duration::ZERO));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("Fri, 21 Oct 2095 07:28:00 GMT"), Some(LONGEST));
        for text in ["soon", "NaN", "", "1e400", "inf"] {
            assert!(after(text).is_none_or(|wait| wait <= LONGEST), "{text}");
        }
    }
}
