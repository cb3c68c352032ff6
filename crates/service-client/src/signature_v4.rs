//! AWS Signature Version 4.

use cryptography::{digest, hexadecimal, hmac_sha256};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use time::OffsetDateTime;
use time::macros::format_description;
use url::Url;

/// What is not percent-encoded besides letters and digits.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in a path, where slashes divide.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Who signs, and what the signature is good for.
pub(crate) struct Scope<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// The time as `X-Amz-Date` has it.
pub(crate) fn date(now: OffsetDateTime) -> Option<String> {
    now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).ok()
}

/// The SHA-256 of a body, as `X-Amz-Content-Sha256` has it.
pub(crate) fn hash(body: &[u8]) -> String {
    hexadecimal::encode(&digest(body))
}

impl Scope<'_> {
    /// The value of the `Authorization` header of a request with these headers, their names in lower case.
    pub(crate) fn authorization(
        &self,
        method: &str,
        url: &Url,
        headers: &[(String, String)],
        body: &[u8],
        date: &str,
    ) -> String {
        let mut headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.trim())).collect();
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request =
            format!("{method}\n{}\n{}\n{lines}\n{names}\n{}", self.path(url), query(url), hash(body));
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(request.as_bytes()));
        let first = hmac_sha256(format!("AWS4{}", self.secret_access_key).as_bytes(), day.as_bytes());
        let key = [self.region, self.service, "aws4_request"]
            .iter()
            .fold(first, |key, part| hmac_sha256(&key, part.as_bytes()));
        let signature = hexadecimal::encode(&hmac_sha256(&key, text.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        )
    }

    /// S3 encodes what a path means once; all others encode what was sent again.
    fn path(&self, url: &Url) -> String {
        if self.service == "s3" {
            let meant: Vec<u8> = percent_decode_str(url.path()).collect();
            percent_encode(&meant, ENCODED_PATH).to_string()
        } else {
            percent_encode(url.path().as_bytes(), ENCODED_PATH).to_string()
        }
    }
}

/// The query in the one form that is signed. Requests are sent with it, so that a plus sign means the same to both sides.
pub(crate) fn query(url: &Url) -> String {
    let encoded = |text: &str| percent_encode(text.as_bytes(), ENCODED).to_string();
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: Scope<'_> = Scope {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "service",
    };
    const DATE: &str = "20150830T123600Z";

    fn signature(
        scope: &Scope<'_>,
        method: &str,
        url: &str,
        more: &[(&str, &str)],
        body: &[u8],
        date: &str,
    ) -> String {
        let url = Url::parse(url).unwrap();
        let mut headers = vec![
            ("host".to_owned(), url.host_str().unwrap().to_owned()),
            ("x-amz-date".to_owned(), date.to_owned()),
        ];
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let authorization = scope.authorization(method, &url, &headers, body, date);
        authorization.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// AWS's test suite for Signature Version 4, by the names of its cases.
    #[test]
    fn the_published_suite_comes_out() {
        for (case, method, url, more, body, expected) in [
            (
                "get-vanilla",
                "GET",
                "https://example.amazonaws.com/",
                &[][..],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                "POST",
                "https://example.amazonaws.com/",
                &[],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                "https://example.amazonaws.com/",
                &[("content-type", "application/x-www-form-urlencoded")],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(signature(&SUITE, method, url, more, body.as_bytes(), DATE), expected, "{case}");
        }
    }

    /// The worked examples of the documentation of IAM and S3.
    #[test]
    fn the_documented_examples_come_out() {
        let iam = Scope { service: "iam", ..SUITE };
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        assert_eq!(
            signature(
                &iam,
                "GET",
                "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
                &form,
                b"",
                DATE
            ),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
        let s3 = Scope {
            access_key_id: "AKIAIOSFODNN7EXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "s3",
        };
        let empty = hash(b"");
        assert_eq!(
            signature(
                &s3,
                "GET",
                "https://examplebucket.s3.amazonaws.com/test.txt",
                &[("range", "bytes=0-9"), ("x-amz-content-sha256", &empty)],
                b"",
                "20130524T000000Z"
            ),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let body = b"Welcome to Amazon S3.";
        assert_eq!(
            signature(
                &s3,
                "PUT",
                "https://examplebucket.s3.amazonaws.com/test$file.text",
                &[
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                    ("x-amz-content-sha256", &hash(body)),
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY")
                ],
                body,
                "20130524T000000Z"
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            signature(
                &s3,
                "GET",
                "https://examplebucket.s3.amazonaws.com/?lifecycle",
                &[("x-amz-content-sha256", &empty)],
                b"",
                "20130524T000000Z"
            ),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
    }

    #[test]
    fn the_date_has_no_punctuation() {
        assert_eq!(date(time::macros::datetime!(2015-08-30 12:36:00 UTC)).as_deref(), Some(DATE));
    }
}
