//! Where connections go.

use std::sync::Arc;

use catalogue::{RenderError, Service, Values};
use http::Method;
use outbound::{AddressKind, AddressPolicy, Refused};
use service_client::{Call, CallError, Credentials, NotSent, ServiceClient};
use url::Url;

use crate::service_server::{Manner, Reply, ServiceServer};

fn at(host: &str, base: &str) -> Service {
    let entry = format!(
        "schema = 1\nid = \"example\"\nname = \"Example\"\ncategories = [\"tests\"]\ntier = \"documented\"\n\
         documentation = \"https://docs.example.com/\"\n[authentication]\nkind = \"bearer_token\"\n\
         [api]\nbase = \"{base}\"\nhosts = [\"{host}\"]\n"
    );
    Service::parse(&entry).unwrap()
}

async fn call(client: &ServiceClient, entry: &Service) -> Result<(), CallError> {
    let credentials = Credentials::Bearer("invented-token-1".into());
    client.send(entry, &Values::new(), &credentials, None, Call::new(Method::GET, "/")).await.map(|_| ())
}

fn refused(kind: AddressKind) -> Result<(), CallError> {
    Err(CallError::NotSent(NotSent::Address(Refused { kind })))
}

#[tokio::test]
async fn private_addresses_are_refused_named_or_literal() {
    let server = ServiceServer::answering(&["api.example.com", "127.0.0.1"], Reply::new(200, "fine")).await;
    let mut network = server.network();
    network.addresses = Arc::default();
    let client = ServiceClient::new(network).unwrap();
    let port = server.address.port();
    // A name that is known to lead there, and one that resolves to there.
    assert_eq!(
        call(&client, &at("api.example.com", "https://api.example.com")).await,
        refused(AddressKind::Loopback)
    );
    for url in [
        format!("https://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://[fd00::1]/".to_owned(),
        "https://0.0.0.0/".to_owned(),
    ] {
        let fetched = client.fetch(&Url::parse(&url).unwrap(), 1000).await;
        assert!(matches!(fetched, Err(CallError::NotSent(NotSent::Address(_)))), "{url}: {fetched:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn our_own_listeners_are_refused_at_their_port() {
    let server = ServiceServer::answering(&["api.example.com", "127.0.0.1"], Reply::new(200, "fine")).await;
    let port = server.address.port();
    let mut network = server.network();
    let loopback = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
    network.addresses = Arc::new(loopback.refusing(vec![server.address]));
    let client = ServiceClient::new(network).unwrap();
    assert_eq!(
        call(&client, &at("api.example.com", "https://api.example.com")).await,
        refused(AddressKind::OwnListener)
    );
    let literal = Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    assert_eq!(client.fetch(&literal, 1000).await.map(|_| ()), refused(AddressKind::OwnListener));
    // A name that the system resolves.
    let named = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    assert!(matches!(client.fetch(&named, 1000).await, Err(CallError::NotSent(NotSent::Address(_)))));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_certificate_has_to_name_the_host() {
    let server = ServiceServer::answering(&["other.example.com"], Reply::new(200, "fine")).await;
    let mut network = server.network();
    network.resolve.push(("api.example.com".to_owned(), server.address));
    let client = ServiceClient::new(network).unwrap();
    assert_eq!(
        call(&client, &at("api.example.com", "https://api.example.com")).await,
        Err(CallError::NotSent(NotSent::Connection))
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn documents_are_fetched_without_anything_else() {
    let server = ServiceServer::answering(&["docs.example.com"], Reply::new(200, "a document")).await;
    let client = server.client();
    let fetch = async |url: &str, most: usize| client.fetch(&Url::parse(url).unwrap(), most).await;
    let page = "https://docs.example.com/openapi.json";
    assert_eq!(&fetch(page, 10).await.unwrap()[..], b"a document");
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(asked.header("cookie"), None);
    assert_eq!(fetch(page, 9).await.unwrap_err(), CallError::TooLarge { most_bytes: 9 });
    for status in [204, 301, 302, 401, 404, 500] {
        server.next([Reply::new(status, "").with("Location", "https://docs.example.com/elsewhere")]);
        assert_eq!(fetch(page, 100).await.unwrap_err(), CallError::Status(status));
    }
    server.next([Reply::new(200, "half of it").how(Manner::HalfBody)]);
    assert_eq!(fetch(page, 100).await.unwrap_err(), CallError::NoAnswer);
    let before = server.asked().len();
    for url in [
        "http://docs.example.com/",
        "https://user@docs.example.com/",
        "ftp://docs.example.com/",
        "file:///etc/passwd",
    ] {
        assert_eq!(
            fetch(url, 100).await.unwrap_err(),
            CallError::Destination(RenderError::NotHttps),
            "{url}"
        );
    }
    assert_eq!(server.asked().len(), before);
    // Cookies of one answer do not go with the next request.
    server.next([Reply::new(200, "").with("Set-Cookie", "a=b; Path=/")]);
    fetch(page, 100).await.unwrap();
    fetch(page, 100).await.unwrap();
    assert_eq!(server.asked().pop().unwrap().header("cookie"), None);
}
