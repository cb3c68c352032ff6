//! The webhook, with an HTTP server of our own that checks what it gets by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use audit_trail::{Receiver, Webhook};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ids::OrganizationId;
use serde_json::Value;
use test_support::{TestDatabase, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::house::{HOSTILE_NAME, House, tls, until};

const KEY: [u8; 32] = [42; 32];

/// One request as it came.
#[derive(Clone, Debug)]
struct Request {
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Default)]
struct Received {
    accepted: Vec<Request>,
    refused: Vec<Request>,
    to_refuse: usize,
}

/// Answers so many requests with 503, and the others with 204, until it is dropped.
struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(address: &str, received: &Arc<Mutex<Received>>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(received);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                while let Some(request) = read(&mut stream).await {
                    let answer = {
                        let mut received = shared.lock().unwrap();
                        if received.to_refuse > 0 {
                            received.to_refuse -= 1;
                            received.refused.push(request);
                            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
                        } else {
                            received.accepted.push(request);
                            "HTTP/1.1 204 No Content\r\n\r\n"
                        }
                    };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { address, received: Arc::clone(received), task }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let headers: BTreeMap<String, String> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { headers, body: String::from_utf8(bytes[end..end + length].to_vec()).unwrap() })
}

/// HMAC-SHA-256 from the definition (RFC 2104), on nothing but a hash.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let sha256 =
        |parts: [&[u8]; 2]| ring::digest::digest(&ring::digest::SHA256, &parts.concat()).as_ref().to_vec();
    let inner = sha256([&block.map(|byte| byte ^ 0x36), message]);
    sha256([&block.map(|byte| byte ^ 0x5c), &inner])
}

fn check_signature(request: &Request) {
    let signed = format!(
        "{}.{}.{}",
        request.headers["webhook-id"], request.headers["webhook-timestamp"], request.body
    );
    let expected = format!("v1,{}", STANDARD.encode(hmac(&KEY, signed.as_bytes())));
    assert_eq!(request.headers["webhook-signature"], expected);
    let sent: i64 = request.headers["webhook-timestamp"].parse().unwrap();
    assert!((time::OffsetDateTime::now_utc().unix_timestamp() - sent).abs() < 60);
    assert_eq!(request.headers["content-type"], "application/json");
}

fn webhook(url: &str) -> Receiver {
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    let tls = Arc::unwrap_or_clone(tls(None));
    Receiver::Webhook(Box::new(Webhook::new(url, &secret, tls).unwrap()))
}

/// The numbers of each chain, in the order in which they came.
fn numbers(requests: &[Request]) -> BTreeMap<String, Vec<i64>> {
    let mut chains = BTreeMap::<String, Vec<i64>>::new();
    for request in requests {
        check_signature(request);
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["type"], "audit.events");
        for event in body["data"]["events"].as_array().unwrap() {
            let record = &event["record"];
            assert_eq!(record["chain"], body["data"]["chain"]);
            assert_eq!(record["detail"]["name"], HOSTILE_NAME);
            let chain = chains.entry(record["chain"].as_str().unwrap().to_owned()).or_default();
            chain.push(record["sequence"].as_i64().unwrap());
        }
    }
    chains
}

on_both_stores! {
    async fn a_webhook_gets_everything_in_order_though_it_refuses_and_is_restarted(database: TestDatabase) {
        let house = House::new(database);
        let (one, two) = (OrganizationId::generate(), OrganizationId::generate());
        // More than one delivery of what there was before anybody listened.
        house.write(one, 130).await;
        let received = Arc::new(Mutex::new(Received { to_refuse: 2, ..Received::default() }));
        let server = Server::start("127.0.0.1:0", &received).await;
        let (address, url) = (server.address.to_string(), server.url());
        let forwarding = house.forward(webhook(&url));
        house.write(two, 3).await;
        let counted = |chain: OrganizationId| {
            let received = received.lock().unwrap();
            numbers(&received.accepted).get(&chain.to_string()).map_or(0, Vec::len)
        };
        until("all of both chains", || counted(one) == 130 && counted(two) == 3).await;
        {
            let received = server.received.lock().unwrap();
            assert_eq!(received.refused.len(), 2);
            let (again, first) = (&received.refused[1], &received.refused[0]);
            assert_eq!(again.headers["webhook-id"], first.headers["webhook-id"], "the same again has the same name");
            assert_eq!(again.body, first.body);
        }

        // The receiver goes away, the platform goes on writing and is restarted meanwhile.
        drop(server);
        house.write(one, 5).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        forwarding.abort();
        house.write(two, 5).await;
        let server = Server::start(&address, &received).await;
        let forwarding = house.forward(webhook(&url));
        until("what was written meanwhile", || counted(one) >= 135 && counted(two) >= 8).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let numbers = numbers(&received.lock().unwrap().accepted);
        assert_eq!(numbers[&one.to_string()], (1..=135).collect::<Vec<i64>>());
        assert_eq!(numbers[&two.to_string()], (1..=8).collect::<Vec<i64>>());
        forwarding.abort();
        drop(server);
    }

    async fn a_redirect_is_not_followed(database: TestDatabase) {
        let house = House::new(database);
        house.write(OrganizationId::generate(), 1).await;
        let elsewhere = Arc::new(Mutex::new(Received::default()));
        let thief = Server::start("127.0.0.1:0", &elsewhere).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let forwarding = house.forward(webhook(&url));
        // Refused at least twice: sent again to the same place, and nowhere else.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read(&mut stream).await.unwrap();
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                thief.url()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        forwarding.abort();
        let elsewhere = elsewhere.lock().unwrap();
        assert!(elsewhere.accepted.is_empty() && elsewhere.refused.is_empty());
    }

    async fn nobody_waits_for_a_receiver_that_does_not_answer(database: TestDatabase) {
        let house = House::new(database);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let forwarding = house.forward(webhook(&format!("http://{}/", listener.local_addr().unwrap())));
        house.write(OrganizationId::generate(), 1).await;
        let (stream, _) = listener.accept().await.unwrap();
        let began = std::time::Instant::now();
        house.write(OrganizationId::generate(), 20).await;
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
        forwarding.abort();
        drop(stream);
    }
}
