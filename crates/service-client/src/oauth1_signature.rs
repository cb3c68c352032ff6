//! Signatures of OAuth 1.0a (RFC 5849, 3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalogue::SignatureMethod;
use cryptography::{Token, hmac_sha256, legacy_hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;
use url::{Position, Url};

/// What is not percent-encoded besides letters and digits (RFC 5849, 3.6).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'a> {
    /// The consumer's key and secret.
    pub(crate) client: (&'a str, &'a str),
    /// The token and its secret.
    pub(crate) token: Option<(&'a str, &'a str)>,
    pub(crate) method: SignatureMethod,
    pub(crate) realm: Option<&'a str>,
}

/// What makes a signature unlike every other.
pub(crate) struct Moment {
    pub(crate) timestamp: i64,
    pub(crate) nonce: String,
}

impl Moment {
    /// Now, and 256 random bits.
    pub(crate) fn now() -> Option<Self> {
        let nonce = Token::generate().ok()?.reveal().to_string();
        Some(Self { timestamp: OffsetDateTime::now_utc().unix_timestamp(), nonce })
    }
}

impl Signer<'_> {
    /// The value of the `Authorization` header (3.5.1) of a request with these parameters in a form body. `own` are further
    /// parameters of the protocol.
    pub(crate) fn authorization(
        &self,
        method: &str,
        url: &Url,
        form: &[(String, String)],
        own: &[(&str, &str)],
        moment: &Moment,
    ) -> String {
        let timestamp = moment.timestamp.to_string();
        let mut protocol = vec![
            ("oauth_consumer_key", self.client.0),
            ("oauth_nonce", moment.nonce.as_str()),
            ("oauth_signature_method", name(self.method)),
            ("oauth_timestamp", timestamp.as_str()),
            ("oauth_version", "1.0"),
        ];
        protocol.extend(self.token.map(|(token, _)| ("oauth_token", token)));
        protocol.extend_from_slice(own);
        self.header(method, url, form, &protocol)
    }

    fn header(
        &self,
        method: &str,
        url: &Url,
        form: &[(String, String)],
        protocol: &[(&str, &str)],
    ) -> String {
        let signature = self.signature(method, url, form, protocol);
        let realm = self.realm.map(|realm| format!("realm=\"{}\"", encoded(realm)));
        let signature = [("oauth_signature", signature.as_str())];
        let parameters =
            protocol.iter().chain(&signature).map(|(name, value)| format!("{name}=\"{}\"", encoded(value)));
        format!("OAuth {}", realm.into_iter().chain(parameters).collect::<Vec<_>>().join(", "))
    }

    fn signature(
        &self,
        method: &str,
        url: &Url,
        form: &[(String, String)],
        protocol: &[(&str, &str)],
    ) -> String {
        let key =
            format!("{}&{}", encoded(self.client.1), encoded(self.token.map_or("", |(_, secret)| secret)));
        let base = || base_string(method, url, form, protocol);
        match self.method {
            SignatureMethod::Plaintext => key,
            SignatureMethod::HmacSha1 => STANDARD.encode(legacy_hmac(key.as_bytes(), base().as_bytes())),
            SignatureMethod::HmacSha256 => STANDARD.encode(hmac_sha256(key.as_bytes(), base().as_bytes())),
        }
    }
}

/// What is signed (3.4.1).
fn base_string(method: &str, url: &Url, form: &[(String, String)], protocol: &[(&str, &str)]) -> String {
    let mut parameters: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    parameters.extend(form.iter().map(|(name, value)| (encoded(name), encoded(value))));
    parameters.extend(protocol.iter().map(|(name, value)| (encoded(name), encoded(value))));
    parameters.sort_unstable();
    let parameters: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{method}&{}&{}", encoded(&url[..Position::AfterPath]), encoded(&parameters.join("&")))
}

const fn name(method: SignatureMethod) -> &'static str {
    match method {
        SignatureMethod::HmacSha1 => "HMAC-SHA1",
        SignatureMethod::HmacSha256 => "HMAC-SHA256",
        SignatureMethod::Plaintext => "PLAINTEXT",
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: (&str, &str) = ("dpf43f3p2l4k3l03", "kd94hf93k423kf44");

    fn signer(token: Option<(&'static str, &'static str)>, method: SignatureMethod) -> Signer<'static> {
        Signer { client: CLIENT, token, method, realm: Some("Photos") }
    }

    /// The whole example of RFC 5849, 1.2.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let initiate = Url::parse("https://photos.example.net/initiate").unwrap();
        let signature = signer(None, SignatureMethod::HmacSha1).signature(
            "POST",
            &initiate,
            &[],
            &[
                ("oauth_consumer_key", CLIENT.0),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", "137131200"),
                ("oauth_nonce", "wIjqoS"),
                ("oauth_callback", "http://printer.example.com/ready"),
            ],
        );
        assert_eq!(encoded(&signature), "74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D");

        let token = Url::parse("https://photos.example.net/token").unwrap();
        let signature = signer(Some(("hh5s93j4hdidpola", "hdhd0244k9j7ao03")), SignatureMethod::HmacSha1)
            .signature(
                "POST",
                &token,
                &[],
                &[
                    ("oauth_consumer_key", CLIENT.0),
                    ("oauth_token", "hh5s93j4hdidpola"),
                    ("oauth_signature_method", "HMAC-SHA1"),
                    ("oauth_timestamp", "137131201"),
                    ("oauth_nonce", "walatlh"),
                    ("oauth_verifier", "hfdp7dh39dks9884"),
                ],
            );
        assert_eq!(encoded(&signature), "gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D");

        let photos = Url::parse("http://photos.example.net/photos?file=vacation.jpg&size=original").unwrap();
        let signature = signer(Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")), SignatureMethod::HmacSha1)
            .signature(
                "GET",
                &photos,
                &[],
                &[
                    ("oauth_consumer_key", CLIENT.0),
                    ("oauth_token", "nnch734d00sl2jdk"),
                    ("oauth_signature_method", "HMAC-SHA1"),
                    ("oauth_timestamp", "137131202"),
                    ("oauth_nonce", "chapoH"),
                ],
            );
        assert_eq!(encoded(&signature), "MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D");
    }

    /// RFC 5849, 3.4.1.1 and 3.4.1.3.2.
    #[test]
    fn what_is_signed_is_sorted_and_encoded_twice() {
        let url = Url::parse("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").unwrap();
        let form = [("c2".to_owned(), String::new()), ("a3".to_owned(), "2 q".to_owned())];
        let protocol = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        assert_eq!(
            base_string("POST", &url, &form, &protocol),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn the_header_names_the_realm_and_every_parameter() {
        let url = Url::parse("https://api.example.com/x").unwrap();
        let moment = Moment { timestamp: 1, nonce: "n".to_owned() };
        let header = signer(Some(("t/", "s&")), SignatureMethod::Plaintext).authorization(
            "GET",
            &url,
            &[],
            &[],
            &moment,
        );
        assert_eq!(
            header,
            "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_nonce=\"n\", oauth_signature_method=\"PLAINTEXT\", oauth_timestamp=\"1\", oauth_version=\"1.0\", oauth_token=\"t%2F\", oauth_signature=\"kd94hf93k423kf44%26s%2526\""
        );
    }
}
