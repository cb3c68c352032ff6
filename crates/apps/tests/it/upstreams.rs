//! Where an app may run, as it is written and as it resolves.

use access_control::UpdateApp;
use apps::{AppChanges, AppError, UpstreamUrl, UpstreamUrlError};
use audit::Occasion;
use outbound::AddressPolicy;
use test_support::{TestDatabase, on_both_stores};

use crate::house::House;

fn read(text: &str) -> Result<UpstreamUrl, UpstreamUrlError> {
    text.parse()
}

#[test]
fn an_upstream_is_scheme_host_and_port() {
    let upstream = read("https://App.Example.com").unwrap();
    assert_eq!((upstream.scheme(), upstream.host(), upstream.port()), ("https", "app.example.com", 443));
    assert_eq!((upstream.authority(), upstream.as_str()), ("app.example.com", "https://app.example.com"));
    let upstream = read("http://[2606:4700::1111]:8080/").unwrap();
    assert_eq!((upstream.host(), upstream.port()), ("2606:4700::1111", 8080));
    assert_eq!(upstream.authority(), "[2606:4700::1111]:8080");
    assert_eq!(upstream.to_string(), "http://[2606:4700::1111]:8080");
    assert_eq!(read("http://web_1:3000").unwrap().host(), "web_1");
    assert_eq!(read("http://example.com:80").unwrap(), read("http://example.com").unwrap());
}

#[test]
fn everything_else_is_no_upstream() {
    use UpstreamUrlError::*;
    for (text, expected) in [
        ("", Malformed),
        ("example.com", Malformed),
        ("//example.com", Malformed),
        ("https:example.com", Malformed),
        ("https://exa mple.com", Malformed),
        ("https://example.com\n", Malformed),
        ("ht\ttps://example.com", Malformed),
        ("https:\\\\example.com", Malformed),
        ("https://example.com:99999", Malformed),
        ("https://[::1", Malformed),
        ("https://[fe80::1%25eth0]/", Malformed),
        ("https://1.2.3.4.5", Malformed),
        ("https://256.1.1.1", Malformed),
        ("ftp://example.com", Scheme),
        ("file:///etc/passwd", Scheme),
        ("unix:///run/app.sock", Scheme),
        ("gopher://example.com", Scheme),
        ("https://user@example.com", UserInformation),
        ("https://user:password@example.com", UserInformation),
        ("https://@example.com", UserInformation),
        ("https://example.com/base", Path),
        ("https://example.com?x=1", Path),
        ("https://example.com/?", Path),
        ("https://example.com#x", Path),
        ("https://example.com:0", Port),
        ("https://example.com.", Host),
        ("http://localhost.", Host),
        ("https://a..b", Host),
        ("https://-a.example", Host),
    ] {
        assert_eq!(read(text).unwrap_err(), expected, "{text:?}");
    }
    assert!(read(&format!("https://{}.com", "a".repeat(600))).is_err());
}

on_both_stores! {
    async fn d17_no_spelling_of_an_internal_address_becomes_an_upstream(database: TestDatabase) {
        let house = House::on(database);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        for text in [
            "http://127.0.0.1",
            "http://127.0.0.1:8080",
            "http://127.1",
            "http://0",
            "http://0.0.0.0",
            "http://2130706433",
            "http://017700000001",
            "http://0x7f000001",
            "http://0x7f.1",
            "http://0177.0.0.1",
            "http://127.0.0.1.",
            "http://127.0.0.1%2f",
            "http://%31%32%37.0.0.1",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "http://\u{2460}27.0.0.1",
            "http://127\u{3002}0\u{3002}0\u{3002}1",
            "http://10.0.0.1",
            "http://192.168.1.1",
            "http://169.254.169.254",
            "http://0xa9fea9fe",
            "http://2852039166",
            "http://100.64.0.1",
            "http://[::]",
            "http://[::1]",
            "http://[0:0:0:0:0:0:0:1]",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:7f00:1]",
            "http://[::127.0.0.1]",
            "http://[fe80::1]",
            "http://[fd00:ec2::254]",
            "http://[2002:7f00:1::]",
            "http://[64:ff9b::a9fe:a9fe]",
            "http://[2001:0:5ef5:79fb::80ff:fffe]",
            "http://localhost",
            "http://LOCALHOST:3000",
            "http://localhost.",
            "http://localhost./",
        ] {
            // Refused as a text, or as the address that it means.
            let Ok(upstream) = text.parse::<UpstreamUrl>() else { continue };
            let changes = AppChanges { upstream: Some(Some(upstream)), ..AppChanges::default() };
            let permit = house.on_app::<UpdateApp>(tenant.owner, app.id).unwrap();
            let refused = house.apps.update(&permit, changes, Occasion::now()).await;
            assert!(matches!(refused, Err(AppError::UpstreamRefused(_))), "{text}: {refused:?}");
        }
        assert_eq!(apps::load(house.database.connection(), app.id).await.unwrap().unwrap().upstream, None);
    }

    async fn an_upstream_is_kept_as_it_was_read_and_can_be_taken_away(database: TestDatabase) {
        let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
        let house = House::with(database, policy);
        let tenant = house.tenant("acme").await;
        let app = house.app(tenant, "crm").await;
        for text in ["http://127.0.0.1:9", "http://localhost:3000", "https://8.8.8.8"] {
            let changes = AppChanges { upstream: Some(Some(text.parse().unwrap())), ..AppChanges::default() };
            house.update(tenant.owner, app.id, changes).await.unwrap();
            let record = apps::load(house.database.connection(), app.id).await.unwrap().unwrap();
            assert_eq!(record.upstream.unwrap().as_str(), text);
        }
        let changes = AppChanges { upstream: Some(None), ..AppChanges::default() };
        assert_eq!(house.update(tenant.owner, app.id, changes).await.unwrap().upstream, None);
        let unknown = "https://does-not-exist.invalid".parse().unwrap();
        let changes = AppChanges { upstream: Some(Some(unknown)), ..AppChanges::default() };
        assert!(matches!(house.update(tenant.owner, app.id, changes).await, Err(AppError::UpstreamUnknown)));
    }
}
