//! The planted secrets: every kind, in every scope and environment that it can have.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Cipher, Kdf, LineEnding, PrivateKey};

use super::marks::Marks;

/// How many named secrets there are in a round; with the server secrets of the apps they are more than 200.
pub const NAMED: usize = 209;

/// To whom a secret belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Organization,
    App,
    Personal,
}

/// Kinds, with every scope and environment in which they can be kept.
const PLACES: &[(&str, Scope, Option<&str>)] = &[
    ("environment_variable", Scope::Organization, Some("production")),
    ("environment_variable", Scope::Organization, Some("preview")),
    ("environment_variable", Scope::App, Some("production")),
    ("environment_variable", Scope::App, Some("preview")),
    ("api_key", Scope::Organization, Some("production")),
    ("api_key", Scope::App, Some("production")),
    ("api_key", Scope::Personal, None),
    ("bearer_token", Scope::Organization, Some("production")),
    ("bearer_token", Scope::App, Some("preview")),
    ("bearer_token", Scope::Personal, None),
    ("basic_credentials", Scope::Organization, Some("production")),
    ("basic_credentials", Scope::App, Some("production")),
    ("basic_credentials", Scope::Personal, None),
    ("connection_string", Scope::Organization, None),
    ("connection_string", Scope::App, None),
    ("ssh_private_key", Scope::Organization, None),
    ("ssh_private_key", Scope::App, None),
    ("oauth_token_set", Scope::Organization, None),
    ("oauth_token_set", Scope::Personal, None),
];

/// One secret.
pub struct Planted {
    /// Which one.
    pub number: usize,
    /// What it is.
    pub kind: &'static str,
    /// To whom it belongs.
    pub scope: Scope,
    /// Where it is injected.
    pub environment: Option<&'static str>,
    /// Whether it is the first of its kind, scope and environment in this round.
    pub is_first: bool,
    /// Under which name it is kept, which is no secret.
    pub name: String,
}

impl Planted {
    /// The next round's.
    pub fn all() -> Vec<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let one = |(index, place): (usize, &(&'static str, Scope, Option<&'static str>))| {
            let (kind, scope, environment) = *place;
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("CANARY_{number}");
            Self { number, kind, scope, environment, is_first: index < PLACES.len(), name }
        };
        PLACES.iter().cycle().take(NAMED).enumerate().map(one).collect()
    }

    /// What is sent to create it with a value.
    pub fn body(&self, value: Value) -> Value {
        let mut body = json!({ "kind": self.kind, "name": self.name, "value": value });
        if let Some(environment) = self.environment {
            body["environment"] = json!(environment);
        }
        body
    }

    /// A new value that is good for this kind.
    pub fn value(&self, marks: &Marks, what: &str) -> Value {
        let mark = |part: &str| marks.make(&format!("{part} of {} {}, {what}", self.kind, self.number));
        match self.kind {
            // What has to be escaped in JSON, in shells, in addresses and in SQL stands between two marks.
            "environment_variable" => json!(format!("{}\"\\\n\t'%$`ünï=&{}", mark("begin"), mark("end"))),
            "api_key" | "bearer_token" => json!(mark("text")),
            "basic_credentials" => json!({ "user": mark("user"), "password": mark("password") }),
            "connection_string" => {
                let scheme = ["postgres", "mysql", "redshift"][self.number % 3];
                json!(format!(
                    "{scheme}://{}:{}@db.example.com/base?sslmode=require",
                    mark("user"),
                    mark("password")
                ))
            }
            "ssh_private_key" if self.number.is_multiple_of(2) => {
                let passphrase = mark("passphrase");
                json!({ "privateKey": self.ssh_key(marks, what, Some(&passphrase)), "passphrase": passphrase })
            }
            "ssh_private_key" => json!({ "privateKey": self.ssh_key(marks, what, None) }),
            _ => json!({
                "accessToken": mark("access token"),
                "refreshToken": mark("refresh token"),
                "tokenType": "Bearer",
                "expiresAt": "2031-01-01T00:00:00Z",
                "scopes": ["read"],
            }),
        }
    }

    /// An OpenSSH private key. What is looked for is its seed, the file's text and, encrypted, what stands in the file.
    fn ssh_key(&self, marks: &Marks, what: &str, passphrase: Option<&str>) -> String {
        let random = || *cryptography::Token::generate().unwrap().as_bytes();
        let (seed, public) = (random(), random());
        marks.know(&format!("seed of {} {}, {what}", self.kind, self.number), &seed);
        let pair = Ed25519Keypair::from_bytes(&[seed, public].concat().try_into().unwrap()).unwrap();
        let mut key = PrivateKey::new(KeypairData::Ed25519(pair), "canary").unwrap();
        if let Some(passphrase) = passphrase {
            let kdf = Kdf::Bcrypt { salt: random()[..16].to_vec(), rounds: 1 };
            key = key.encrypt_with(Cipher::Aes256Ctr, kdf, 1, passphrase).unwrap();
        }
        let text = key.to_openssh(LineEnding::LF).unwrap().to_string();
        // The first lines are the same in all keys.
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("-----")).collect();
        marks.know(
            &format!("text of {} {}, {what}", self.kind, self.number),
            lines[lines.len() - 2].as_bytes(),
        );
        text
    }

    /// Values that are refused for this kind, each with a mark.
    pub fn broken(&self, marks: &Marks) -> Vec<Value> {
        let mark = || marks.make(&format!("broken {} {}", self.kind, self.number));
        let parts =
            || json!({ "user": mark(), "password": mark(), "accessToken": mark(), "passphrase": mark() });
        let mut all = vec![
            json!({ mark(): mark() }),
            json!([mark()]),
            json!(format!("••••{}", mark())),
            json!(mark().repeat(1600)),
            json!({ "tokenType": mark(), "scopes": [mark()], "expiresAt": mark() }),
            parts(),
        ];
        let of_kind = match self.kind {
            "environment_variable" => vec![json!(format!("{}\0{}", mark(), mark()))],
            "api_key" => vec![json!(format!("{}\r\n{}", mark(), mark())), json!(format!(" {}", mark()))],
            "bearer_token" => vec![json!(format!("Bearer {}", mark())), json!(format!("{}ü", mark()))],
            "basic_credentials" => vec![
                json!({ "user": format!("{}:{}", mark(), mark()), "password": mark() }),
                json!({ "user": mark(), "password": format!("{}\n", mark()) }),
                json!({ "user": mark() }),
                json!({ "user": mark(), "password": 7, "passphrase": mark() }),
            ],
            "connection_string" => vec![
                json!(mark()),
                json!(format!("http://{}:{}@db.example.com/", mark(), mark())),
                json!(format!("postgres://{}:{}@/tmp/socket", mark(), mark())),
                json!(format!("postgres://{}@{}@db.example.com/base", mark(), mark())),
                json!(format!("postgres://u:p@db.example.com:{}/base", mark())),
                json!(format!("postgres://u:p@db.example.com/base?{}={}", mark(), mark())),
                json!(format!("postgres://u:{}@db.example.com/base#{}", mark(), mark())),
            ],
            "ssh_private_key" => {
                let pem = |name: &str| format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", mark());
                let whole = self.ssh_key(marks, "cut off", None);
                let encrypted = self.ssh_key(marks, "without its passphrase", Some(&mark()));
                vec![
                    json!({ "privateKey": pem("OPENSSH PRIVATE KEY") }),
                    json!({ "privateKey": pem("RSA PRIVATE KEY") }),
                    json!({ "privateKey": pem("PUBLIC KEY"), "passphrase": mark() }),
                    json!({ "privateKey": whole[..whole.len() - 60] }),
                    json!({ "privateKey": whole, "passphrase": mark() }),
                    json!({ "privateKey": encrypted, "passphrase": mark() }),
                    json!({ "privateKey": encrypted }),
                    json!({ "privateKey": mark(), "passphrase": mark() }),
                ]
            }
            _ => vec![
                json!({ "accessToken": format!("{}\n", mark()), "refreshToken": mark() }),
                json!({ "refreshToken": mark() }),
                json!({ "accessToken": mark(), "tokenType": format!("a {}", mark()) }),
                json!({ "accessToken": mark(), "scopes": [format!("a {}", mark())] }),
                json!({ "accessToken": mark(), "expiresAt": mark() }),
            ],
        };
        all.extend(of_kind);
        all
    }
}
