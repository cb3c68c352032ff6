//! When the certificate ends.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use time::{Duration, OffsetDateTime};

use super::findings::Findings;

const SUBJECT: &str = "certificate";
/// How long before its end it is spoken of. Authorities that issue for 90 days are asked again 30 days before the end.
const SOON: Duration = Duration::days(21);
const RENEW: &str = "renew it; the running platform takes the new files by itself";

/// Looks at the first certificate of the chain, which is the server's own.
pub(super) fn look_at(chain: &Path, now: OffsetDateTime, findings: &mut Findings) {
    let Some(ends) = end_of(chain) else {
        return findings.warn(
            SUBJECT,
            "does not say in a way known here when it ends",
            "look at it yourself",
        );
    };
    let date = ends.date();
    if ends <= now {
        findings.fail(SUBJECT, format!("ended on {date}: no browser accepts it"), RENEW);
    } else if ends - now <= SOON {
        findings.warn(SUBJECT, format!("ends on {date}, in {} days", (ends - now).whole_days()), RENEW);
    } else {
        findings.ok(SUBJECT, format!("ends on {date}"));
    }
}

fn end_of(chain: &Path) -> Option<OffsetDateTime> {
    let first = CertificateDer::from_pem_file(chain).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&first).ok()?;
    OffsetDateTime::from_unix_timestamp(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use test_support::Authority;

    use super::*;

    #[test]
    fn the_end_is_spoken_of_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let chain = folder.path().join("chain.pem");
        std::fs::write(&chain, Authority::new().certificate_for(&["vybe.test"]).certificate).unwrap();
        let ends = end_of(&chain).unwrap();
        for (before, word) in [
            (SOON + Duration::seconds(1), "ok"),
            (SOON, "warn"),
            (Duration::seconds(1), "warn"),
            (Duration::ZERO, "fail"),
        ] {
            let mut findings = Findings::default();
            look_at(&chain, ends - before, &mut findings);
            assert!(findings.text().starts_with(word), "{before}: {}", findings.text());
        }
        std::fs::write(&chain, "no certificate").unwrap();
        let mut findings = Findings::default();
        look_at(&chain, ends, &mut findings);
        assert!(findings.text().starts_with("warn"), "{}", findings.text());
    }
}
