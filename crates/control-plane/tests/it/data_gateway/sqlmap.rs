//! sqlmap against the parameters of every endpoint that runs a query, and against a server that deserves it.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use test_support::{MariaServer, TestDatabase, python};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::world::{CustomerDatabase, World, external, mariadb};

const TABLE: &str = "CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL);
    INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 20) AS n;";

/// Where sqlmap puts what it tries.
const MARK: &str = "*";

/// One place to try.
struct Attack {
    name: &'static str,
    url: String,
    host: String,
    headers: Vec<String>,
    body: Value,
}

impl Attack {
    /// What sqlmap found: whether something is injectable, and what it said.
    async fn run(&self, folder: &Path) -> (bool, String) {
        let mut sqlmap = Command::new(python::programs().join("sqlmap"));
        sqlmap
            .args([
                "--batch",
                "--flush-session",
                "--disable-coloring",
                "--level=1",
                "--risk=2",
                "--threads=4",
            ])
            .args([
                "--technique=BEUS",
                "--time-sec=2",
                "--timeout=60",
                "--retries=2",
                "--ignore-code=*",
                "--output-dir",
            ])
            .arg(folder.join(self.name))
            .args(["--url", &self.url, "--host", &self.host, "--data", &self.body.to_string()])
            .args(["--headers", &self.headers.join("\n")]);
        let output = sqlmap.output().await.expect("sqlmap runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {said}", self.name);
        let (found, nothing) = (
            said.contains("identified the following injection point"),
            said.contains("all tested parameters do not appear to be injectable")
                || said.contains("does not seem to be injectable"),
        );
        assert!(
            found != nothing && !said.contains("can't establish"),
            "{}: sqlmap came to no end:\n{said}",
            self.name
        );
        (found, said)
    }
}

/// Head and body of a request.
async fn whole_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if request.len() >= head.len() + 4 + length.unwrap_or(0) {
            return Some(request);
        }
    }
}

/// The same request, after which the connection is closed.
fn closing(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let kept = head.split("\r\n").filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head: Vec<&str> = kept.chain(["Connection: close"]).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

/// Passes requests on to the platform: sqlmap knows no way to say where a host is.
async fn relay(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, url) = (world.platform.browser().client, world.platform.url("/"));
    let client = std::sync::Arc::new(client);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (client, url) = (std::sync::Arc::clone(&client), url.clone());
            tokio::spawn(async move {
                let Some(request) = whole_request(&mut stream).await else { return };
                let mut platform = client.connect(&url).await;
                if platform.send(closing(&request)).await.is_ok()
                    && let Ok(answer) = platform.rest().await
                {
                    let _ = stream.write_all(&answer).await;
                }
            });
        }
    });
    address
}

/// A server as it should not be: it writes what it is sent into a statement.
async fn injectable(database: &CustomerDatabase) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = database.connect().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let store = store.clone();
            tokio::spawn(async move {
                let Some(request) = whole_request(&mut stream).await else { return };
                let start = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
                let body: Value = serde_json::from_slice(&request[start..]).unwrap_or_default();
                let id = body["params"][0].as_str().unwrap_or_default();
                let (status, answer) =
                    match store.names(&format!("SELECT name FROM items WHERE id = '{id}'")).await {
                        Ok(names) => ("200 OK", json!(names).to_string()),
                        Err(error) => ("500 Internal Server Error", error),
                    };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    answer.len()
                );
                let _ = stream.write_all((head + &answer).as_bytes()).await;
            });
        }
    });
    address
}

#[test]
fn d12_sqlmap_finds_nothing_in_the_parameters_of_any_query_endpoint() {
    test_support::run(async {
        let folder = tempfile::tempdir().unwrap();
        let database = CustomerDatabase::new(TABLE).await;

        let address = injectable(&database).await;
        let control = Attack {
            name: "control",
            url: format!("http://{address}/query"),
            host: address.to_string(),
            headers: vec!["Content-Type: application/json".to_owned()],
            body: json!({ "params": [format!("1{MARK}")] }),
        };
        let (found, said) = control.run(folder.path()).await;
        assert!(found, "sqlmap does not find what is there:\n{said}");

        let store = TestDatabase::sqlite().await;
        let world = World::start(&store).await;
        let maria = MariaServer::shared().database(&TABLE.replace(
            "INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 20) AS n;",
            "INSERT INTO items SELECT seq, concat('item ', seq) FROM seq_1_to_20;",
        ));
        let connection = world.postgresql("orders", &database, json!({})).await;
        world.connect(&external("house", "postgresql", &database, json!({ "kind": "organization" }))).await;
        let internal = json!({ "kind": "internal", "appId": world.app_id("hello") });
        world.connect(&external("own", "postgresql", &database, internal)).await;
        world.connect(&external("warehouse", "redshift", &database, json!({}))).await;
        world.connect(&mariadb("shop", &maria)).await;
        let saved = json!({
            "name": "item by name",
            "connectionId": connection,
            "sql": "SELECT id, name FROM items WHERE name = :name",
            "parameters": [{ "name": "name", "type": "text", "required": true }],
        });
        let made = world.editor.call("POST", &world.data_queries("hello"), Some(&saved)).await;
        assert_eq!(made.status, 201, "{}", made.text());

        let attacks = attacks(&world, relay(&world).await);
        for attack in &attacks {
            let (found, said) = attack.run(folder.path()).await;
            assert!(!found, "{} is injectable:\n{said}", attack.name);
        }
        println!("sqlmap: {} places, 0 injectable; the control was found", attacks.len());
    });
}

/// Every parameter of every endpoint.
fn attacks(world: &World, relay: SocketAddr) -> Vec<Attack> {
    let value = format!("item 1{MARK}");
    let numbered = "SELECT id, name FROM items WHERE name = $1";
    let marked = |name: &str| format!("{name}{MARK}");
    let places = [
        ("internal", "/api/database/query", json!({ "sql": numbered, "params": [value] })),
        (
            "external",
            "/api/external-databases/query",
            json!({ "name": "orders", "sql": numbered, "params": [value] }),
        ),
        (
            "external-list",
            "/api/external-databases/query",
            json!({ "name": "orders", "sql": "SELECT id FROM items WHERE name = ANY($1)", "params": [[value]] }),
        ),
        (
            "external-name",
            "/api/external-databases/query",
            json!({ "name": marked("orders"), "sql": "SELECT 1", "params": [] }),
        ),
        (
            "mysql",
            "/api/external-databases/query",
            json!({ "name": "shop", "sql": "SELECT id, name FROM items WHERE name = ?", "params": [value] }),
        ),
        (
            "redshift",
            "/api/external-databases/query",
            json!({ "name": "warehouse", "sql": "SELECT id, name FROM items WHERE name = :name", "params": { "name": value } }),
        ),
        (
            "organization",
            "/api/organization-databases/query",
            json!({ "databaseName": "house", "sql": numbered, "params": [value] }),
        ),
        (
            "organization-name",
            "/api/organization-databases/query",
            json!({ "databaseName": marked("house"), "sql": "SELECT 1", "params": [] }),
        ),
        (
            "saved",
            "/api/data-queries/run",
            json!({ "dataQueryName": "item by name", "params": { "name": value } }),
        ),
        (
            "saved-name",
            "/api/data-queries/run",
            json!({ "dataQueryName": marked("item by name"), "params": { "name": "item 1" } }),
        ),
    ];
    places
        .into_iter()
        .map(|(name, path, body)| {
            let url = url::Url::parse(&world.platform.url(path)).unwrap();
            let host = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
            Attack {
                name,
                url: format!("http://{relay}{path}"),
                host,
                headers: vec![
                    "Content-Type: application/json".to_owned(),
                    format!("VYBE_SERVER_SECRET: {}", world.platform.server_secret("hello")),
                ],
                body,
            }
        })
        .collect()
}
