//! What is taken as a value of each kind, and what is said about the rest.

use std::process::Command;

use cryptography::SecretBytes;
use secrets_vault::{
    BasicCredentials, ConnectionString, DatabaseProduct, GivenParts, GivenValue, Kind, LARGEST_VALUE,
    OauthTokenSet, SecretValue, SshPrivateKey, ValueError,
};

use crate::office::{parts, secret, text};

fn refusal(kind: Kind, value: GivenValue) -> ValueError {
    SecretValue::check(kind, value).err().unwrap_or_else(|| panic!("{kind:?} was accepted"))
}

fn accepts(kind: Kind, value: &str) {
    assert_eq!(SecretValue::check(kind, text(value)).err(), None, "{kind:?}");
}

const TEXTS: [Kind; 4] = [Kind::EnvironmentVariable, Kind::ApiKey, Kind::BearerToken, Kind::ConnectionString];

#[test]
fn k26_values_of_no_byte_one_byte_64_kib_and_more() {
    for kind in TEXTS {
        assert_eq!(refusal(kind, text("")), ValueError::Empty);
        assert_eq!(refusal(kind, text(&"a".repeat(LARGEST_VALUE + 1))), ValueError::TooLarge);
        assert_eq!(refusal(kind, text(&"a".repeat(10 << 20))), ValueError::TooLarge);
        assert_eq!(refusal(kind, text("a\0b")), ValueError::Nul);
    }
    for kind in [Kind::EnvironmentVariable, Kind::ApiKey, Kind::BearerToken] {
        accepts(kind, "a");
        accepts(kind, &"a".repeat(LARGEST_VALUE));
    }
    let credentials = |password: &str| {
        parts(GivenParts { user: secret("u"), password: secret(password), ..GivenParts::default() })
    };
    // Two lengths of four bytes, and the name.
    let longest = LARGEST_VALUE - 9;
    assert!(SecretValue::check(Kind::BasicCredentials, credentials(&"a".repeat(longest))).is_ok());
    let refused = refusal(Kind::BasicCredentials, credentials(&"a".repeat(longest + 1)));
    assert_eq!(refused, ValueError::TooLarge);
}

#[test]
fn k09_a_mask_is_no_value() {
    for kind in TEXTS {
        assert_eq!(refusal(kind, text("••••")), ValueError::IsMask);
        assert_eq!(refusal(kind, text("••••4242")), ValueError::IsMask);
        // As it is copied from a page.
        for copied in [" ••••4242", "••••4242 ", "\n\t••••\r\n", "\u{a0}••••4242"]
        {
            assert_eq!(refusal(kind, text(copied)), ValueError::IsMask, "{copied:?}");
        }
    }
    let credentials =
        GivenParts { user: secret("u"), password: secret("••••"), ..GivenParts::default() };
    assert_eq!(refusal(Kind::BasicCredentials, parts(credentials)), ValueError::IsMask);
    let tokens = GivenParts { access_token: secret("••••abcd"), ..GivenParts::default() };
    assert_eq!(refusal(Kind::OauthTokenSet, parts(tokens)), ValueError::IsMask);
    accepts(Kind::EnvironmentVariable, "a••••");
}

/// What is kept is read again: in UTC this is a time of the year 10000.
#[test]
fn k26_a_token_set_ends_in_a_year_that_can_be_read_again() {
    let tokens = |expires_at| {
        parts(GivenParts { access_token: secret("a"), expires_at: Some(expires_at), ..GivenParts::default() })
    };
    let latest = time::macros::datetime!(9999-12-31 23:59:59 UTC);
    let value = SecretValue::check(Kind::OauthTokenSet, tokens(latest)).ok().unwrap();
    assert_eq!(OauthTokenSet::opened(value.bytes()).unwrap().expires_at, Some(latest));
    let later = time::macros::datetime!(9999-12-31 23:59:59 -1);
    assert!(matches!(refusal(Kind::OauthTokenSet, tokens(later)), ValueError::Refused(_)));
}

/// Whatever is wrong, no reason repeats any of it.
#[test]
fn k08_no_reason_repeats_any_of_the_value() {
    const CANARY: &str = "canary-5f1e";
    let wrong = [
        (Kind::ApiKey, format!("{CANARY}\n")),
        (Kind::ApiKey, format!(" {CANARY}")),
        (Kind::BearerToken, format!("Bearer {CANARY}")),
        (Kind::EnvironmentVariable, format!("{CANARY}\0")),
        (Kind::ConnectionString, CANARY.to_owned()),
        (Kind::ConnectionString, format!("{CANARY}://host/db")),
        (Kind::ConnectionString, format!("postgres://u:{CANARY}/x@host/db")),
        (Kind::ConnectionString, format!("postgres://u:p@host/db?{CANARY}=1")),
        (Kind::ConnectionString, format!("postgres://u:p@host/db?sslmode={CANARY}&sslmode={CANARY}")),
        (Kind::ConnectionString, format!("postgres://u:{CANARY}%ff@host/db")),
        (Kind::ServerSecret, CANARY.to_owned()),
        (Kind::SshPrivateKey, CANARY.to_owned()),
        (Kind::OauthTokenSet, CANARY.to_owned()),
    ];
    for (kind, value) in wrong {
        let reason = refusal(kind, text(&value));
        for said in [reason.to_string(), format!("{reason:?}")] {
            assert!(!said.contains("canary"), "{kind:?}: {said}");
        }
    }
    let keys = [
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----\n"),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----\n"),
        format!("ssh-ed25519 {CANARY}"),
    ];
    for key in keys {
        let reason = refusal(
            Kind::SshPrivateKey,
            parts(GivenParts { private_key: secret(&key), ..GivenParts::default() }),
        );
        assert!(!reason.to_string().contains("canary"), "{reason}");
    }
}

#[test]
fn parts_belong_to_their_kind() {
    let both = || GivenParts { user: secret("u"), password: secret("p"), ..GivenParts::default() };
    assert!(SecretValue::check(Kind::BasicCredentials, parts(both())).is_ok());
    let one = GivenParts { user: secret("u"), ..GivenParts::default() };
    assert_eq!(refusal(Kind::BasicCredentials, parts(one)), ValueError::Missing("password"));
    let more = GivenParts { access_token: secret("t"), ..both() };
    assert_eq!(refusal(Kind::BasicCredentials, parts(more)), ValueError::Unexpected("accessToken"));
    assert_eq!(refusal(Kind::OauthTokenSet, parts(both())), ValueError::Unexpected("user"));
    assert!(matches!(refusal(Kind::ApiKey, parts(both())), ValueError::Refused(_)));
    let colon = GivenParts { user: secret("a:b"), ..both() };
    assert!(matches!(refusal(Kind::BasicCredentials, parts(colon)), ValueError::Refused(_)));
}

/// What names anything but one server over the network is refused; what is percent-encoded is literal.
#[test]
fn d50_a_connection_string_names_one_server_and_nothing_of_this_machine() {
    let refused = [
        "host=db user=u password=p",
        "postgres://",
        "postgres:///db",
        "postgres://u:p@/db",
        "postgres://u:p@host1,host2/db",
        "postgres://u:p@host1:1,host2:2/db",
        "postgres://u:p@%2Fvar%2Frun%2Fpostgresql/db",
        "postgres://u:p@host/db?host=127.0.0.1",
        "postgres://u:p@host/db?hostaddr=127.0.0.1",
        "postgres://u:p@host/db?service=other",
        "postgres://u:p@host/db?passfile=/etc/passwd",
        "postgres://u:p@host/db?options=-c%20role%3Dpostgres",
        "postgres://u:p@host/db?sslkey=/etc/key",
        "postgres://u:p@host/db?sslmode=require&sslmode=disable",
        "postgres://u:p@host/db#fragment",
        "postgres://u:p#q@host/db",
        "postgres://u:p@q@host/db",
        "postgres://u:p@host:0/db",
        "postgres://u:p@host:70000/db",
        "postgres://u:p@host/db/more",
        "postgres://u:p@host/d b",
        "postgres://u:p\\@host/db",
        "postgres://u:p%00@host/db",
        "mysql://u:p@host/db?socket=/tmp/mysql.sock",
        "mysql+pymysql://u:p@host/db",
        "jdbc:postgresql://host/db",
        "https://host/db",
        "POSTGRES://host/db",
        "postgres://u:p@host\n/db",
    ];
    for value in refused {
        let refused = refusal(Kind::ConnectionString, text(value));
        assert!(matches!(refused, ValueError::Refused(_) | ValueError::Nul), "{value}: {refused}");
    }
    let value = SecretBytes::copy_of(
        b"postgres://a%3Foptions%3D-c:%40%2F%23%3Fp@DB.example:5433/x%20host%3D127.0.0.1%20sslmode%3Ddisable?sslmode=verify-full",
    );
    let opened = ConnectionString::opened(&value).unwrap();
    assert_eq!(opened.product, DatabaseProduct::Postgresql);
    assert_eq!((opened.host.as_str(), opened.port), ("db.example", Some(5433)));
    assert_eq!(opened.user.reveal(), b"a?options=-c");
    assert_eq!(opened.password.reveal(), b"@/#?p");
    assert_eq!(opened.database, "x host=127.0.0.1 sslmode=disable");
    assert_eq!(opened.parameters, [("sslmode".to_owned(), "verify-full".to_owned())]);
    for value in [
        "postgresql://host",
        "postgres://u@10.0.0.1/db",
        "postgres://u:p@[2001:db8::1]:5432/db?channel_binding=require",
        "mysql://u:p@db_1.internal:3306/db?ssl-mode=REQUIRED",
        "redshift://u:p@cluster.abc.eu-west-1.redshift.amazonaws.com:5439/dev",
    ] {
        accepts(Kind::ConnectionString, value);
    }
}

/// A key that `ssh-keygen` writes.
fn key(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let output = Command::new("ssh-keygen").args(["-q", "-C", "", "-f"]).arg(&file).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(file).unwrap()
}

fn ssh(private_key: &str, passphrase: Option<&str>) -> GivenValue {
    let passphrase = passphrase.and_then(secret);
    parts(GivenParts { private_key: secret(private_key), passphrase, ..GivenParts::default() })
}

#[test]
fn a_private_key_is_read_and_opened_when_it_is_entered() {
    let check = |key: &str, passphrase| SecretValue::check(Kind::SshPrivateKey, ssh(key, passphrase)).err();
    for arguments in [
        &["-t", "ed25519", "-N", ""][..],
        &["-t", "ecdsa", "-N", ""],
        &["-t", "ecdsa", "-b", "521", "-N", ""],
        &["-t", "rsa", "-b", "2048", "-N", ""],
    ] {
        let key = key(arguments);
        assert_eq!(check(&key, None), None, "{arguments:?}");
        assert!(matches!(check(&key, Some("phrase")), Some(ValueError::Refused(_))));
        // Cut off, and one character changed.
        assert!(matches!(check(&key[..key.len() / 2], None), Some(ValueError::Refused(_))));
        let end = key.find("\n-----END").unwrap();
        assert!(matches!(check(&key.replace(&key[end - 30..end], ""), None), Some(ValueError::Refused(_))));
    }
    // Every second of these has a number that begins with a zero.
    for _ in 0..12 {
        let key = key(&["-t", "ecdsa", "-b", "521", "-N", ""]);
        assert_eq!(check(&key, None), None, "{key}");
    }
    for _ in 0..6 {
        let locked = key(&["-t", "ecdsa", "-b", "521", "-a", "1", "-N", "open sesame"]);
        assert_eq!(check(&locked, Some("open sesame")), None);
        assert!(matches!(check(&locked, Some("wrong")), Some(ValueError::Refused(_))));
    }
    let locked = key(&["-t", "ed25519", "-a", "4", "-N", "open sesame"]);
    assert_eq!(check(&locked, Some("open sesame")), None);
    assert!(matches!(check(&locked, None), Some(ValueError::Missing(_))));
    assert!(matches!(check(&locked, Some("wrong")), Some(ValueError::Refused(_))));
    // Whoever sends it does not say how long opening it takes.
    let slow = key(&["-t", "ed25519", "-a", "101", "-N", "open sesame"]);
    assert!(matches!(check(&slow, Some("open sesame")), Some(ValueError::Refused(_))));
    assert!(matches!(
        check(&key(&["-t", "rsa", "-b", "1024", "-N", ""]), None),
        Some(ValueError::Refused(_))
    ));
    let old = key(&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
    let told = check(&old, None).unwrap().to_string();
    assert!(told.contains("ssh-keygen -p"), "{told}");
}

/// What goes in with parts comes out with the same.
#[test]
fn parts_come_back_as_they_were() {
    let given = GivenParts { user: secret("u"), password: secret("p:q"), ..GivenParts::default() };
    let value = SecretValue::check(Kind::BasicCredentials, parts(given)).ok().unwrap();
    let opened = BasicCredentials::opened(value.bytes()).unwrap();
    assert_eq!((opened.user.reveal(), opened.password.reveal()), (&b"u"[..], &b"p:q"[..]));
    assert_eq!(opened.joined().reveal(), b"u:p:q");

    let at = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let given = GivenParts {
        access_token: secret("access"),
        refresh_token: secret("refresh"),
        expires_at: Some(at),
        scopes: Some(vec!["read".to_owned(), "write:all".to_owned()]),
        ..GivenParts::default()
    };
    let value = SecretValue::check(Kind::OauthTokenSet, parts(given)).ok().unwrap();
    let opened = OauthTokenSet::opened(value.bytes()).unwrap();
    assert_eq!(opened.access_token.reveal(), b"access");
    assert_eq!(opened.refresh_token.unwrap().reveal(), b"refresh");
    assert_eq!((opened.token_type.as_str(), opened.expires_at), ("Bearer", Some(at)));
    assert_eq!(opened.scopes, ["read", "write:all"]);

    let locked = key(&["-t", "ed25519", "-a", "4", "-N", "phrase"]);
    let value = SecretValue::check(Kind::SshPrivateKey, ssh(&locked, Some("phrase"))).ok().unwrap();
    let opened = SshPrivateKey::opened(value.bytes()).unwrap();
    assert_eq!(opened.private_key.reveal(), locked.as_bytes());
    assert_eq!(opened.passphrase.unwrap().reveal(), b"phrase");
}
