//! Whether people who found a weakness can still be told whom to tell.

use time::{Duration, OffsetDateTime};

use super::findings::Findings;
use crate::config::SecurityTxtSection;

const SUBJECT: &str = "security.txt";
/// How long before its end it is spoken of.
const SOON: Duration = Duration::days(30);
/// RFC 9116, section 2.5.5, recommends less than a year.
const LONGEST: Duration = Duration::days(366);

pub(super) fn look_at(section: Option<&SecurityTxtSection>, now: OffsetDateTime, findings: &mut Findings) {
    let Some(section) = section else {
        return findings.ok(SUBJECT, "is not served; [security_txt] would say whom to tell of a weakness");
    };
    let left = section.expires - now;
    let date = section.expires.date();
    if left <= Duration::ZERO {
        findings.fail(SUBJECT, format!("expired on {date} and is not served"), RENEW);
    } else if left <= SOON {
        findings.warn(SUBJECT, format!("expires on {date}"), RENEW);
    } else if left > LONGEST {
        findings.warn(
            SUBJECT,
            format!("expires on {date}, in more than a year"),
            "bring security_txt.expires forward",
        );
    } else {
        findings.ok(SUBJECT, format!("expires on {date}"));
    }
}

const RENEW: &str =
    "check that security_txt.contact is still right, then set security_txt.expires within a year";
