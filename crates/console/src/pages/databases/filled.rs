//! What a form about a connection says, except for what opens it: that is never shown again, also not after a mistake.

use std::collections::{BTreeMap, BTreeSet};

use access_control::UsableBy;
use data_gateway::{Connection, ConnectionKind, GivenConnection, GivenDestination, GivenHop, TlsMode};
use databases::{Engine, Limits};
use endpoint::Problem;
use ids::AppId;

use crate::fields::Fields;

/// The most SSH servers on a way.
pub(super) const MOST_HOPS: usize = 4;
/// The port of SSH servers, unless the form says another.
const SSH_PORT: u16 = 22;
/// The fields of an SSH server that may be shown again.
const OF_A_HOP: [&str; 4] = ["host", "port", "user", "host_key"];
/// The other fields that may be shown again.
const SHOWN: [&str; 19] = [
    "kind",
    "app_id",
    "name",
    "engine",
    "host",
    "port",
    "database",
    "user",
    "tls",
    "authorities",
    "reason",
    "read_only",
    "most_rows",
    "most_bytes",
    "most_milliseconds",
    "most_sessions",
    "usable_by",
    "connection_id",
    "version",
];

/// The fields of a form, and which apps are ticked.
#[derive(Default)]
pub(super) struct Filled {
    texts: BTreeMap<String, String>,
    apps: BTreeSet<String>,
}

impl Filled {
    /// A form that nobody has filled in yet.
    pub(super) fn blank() -> Self {
        let mut filled = Self::default();
        filled.put("engine", Engine::Postgresql.as_str());
        filled.put("tls", "verify-full");
        filled.put("usable_by", "every_app");
        filled.put_limits(&Limits::default());
        filled
    }

    /// A connection as it is.
    pub(super) fn of(connection: &Connection) -> Self {
        let definition = &connection.definition;
        let destination = &definition.destination;
        let mut filled = Self::default();
        filled.put("connection_id", connection.id);
        filled.put("version", connection.version);
        filled.put("kind", definition.kind.as_str());
        filled.put("app_id", definition.kind.app().map(|app| app.to_string()).unwrap_or_default());
        filled.put("name", &definition.name);
        filled.put("engine", destination.engine.as_str());
        filled.put("host", &destination.host);
        filled.put("port", destination.port);
        filled.put("database", &destination.database);
        filled.put("user", &destination.user);
        filled.put("tls", mode(&destination.tls));
        filled.put("authorities", destination.tls.authorities().unwrap_or_default());
        filled.put("reason", destination.tls.reason().unwrap_or_default());
        filled.put("read_only", if definition.read_only { "on" } else { "" });
        filled.put_limits(&definition.limits);
        match &definition.usable_by {
            UsableBy::EveryApp => filled.put("usable_by", "every_app"),
            UsableBy::Apps(apps) => {
                filled.put("usable_by", "apps");
                filled.apps = apps.iter().map(AppId::to_string).collect();
            }
        }
        for (number, hop) in destination.hops.iter().enumerate() {
            filled.put(&of_hop(number, "host"), &hop.host);
            filled.put(&of_hop(number, "port"), hop.port);
            filled.put(&of_hop(number, "user"), &hop.user);
            filled.put(&of_hop(number, "host_key"), &hop.host_key);
        }
        filled
    }

    /// What somebody filled in.
    pub(super) fn again(fields: &Fields) -> Self {
        let mut filled = Self::default();
        for name in SHOWN {
            filled.put(name, fields.lines(name));
        }
        for number in 0..MOST_HOPS {
            for field in OF_A_HOP {
                let name = of_hop(number, field);
                filled.put(&name, fields.text(&name));
            }
        }
        filled.apps = fields.all("app").map(str::to_owned).collect();
        filled
    }

    /// A field; empty if it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// A field of an SSH server.
    pub(super) fn hop(&self, number: usize, field: &str) -> &str {
        self.text(&of_hop(number, field))
    }

    /// How many SSH servers the form has room for: one more than it has.
    pub(super) fn hops(&self) -> usize {
        let last = (0..MOST_HOPS).rev().find(|number| !self.hop(*number, "host").is_empty());
        last.map_or(1, |last| last + 2).min(MOST_HOPS)
    }

    /// Whether an app is ticked.
    pub(super) fn has(&self, app: AppId) -> bool {
        self.apps.contains(&app.to_string())
    }

    /// Fills in a field.
    pub(super) fn put(&mut self, name: &str, text: impl ToString) {
        self.texts.insert(name.to_owned(), text.to_string());
    }

    fn put_limits(&mut self, limits: &Limits) {
        self.put("most_rows", limits.most_rows);
        self.put("most_bytes", limits.most_bytes);
        self.put("most_milliseconds", limits.most_milliseconds);
        self.put("most_sessions", limits.most_sessions);
    }
}

/// The name of a field of an SSH server.
pub(super) fn of_hop(number: usize, field: &str) -> String {
    format!("hop_{number}_{field}")
}

/// What kind of connection it is to be.
pub(super) fn kind(fields: &Fields) -> Result<ConnectionKind, Problem> {
    match fields.text("kind") {
        "external" => Ok(ConnectionKind::External),
        "organization" => Ok(ConnectionKind::Organization),
        "internal" => {
            let app = fields.text("app_id").parse();
            let app =
                app.map_err(|_| Problem::invalid("invalid_app", "Choose the app whose database it is."))?;
            Ok(ConnectionKind::Internal { app })
        }
        _ => Err(Problem::invalid("invalid_kind", "kind is one of those that the form offers.")),
    }
}

/// The connection that a form describes. `stored` is the one that it changes.
pub(super) fn given(fields: &mut Fields, stored: Option<&Connection>) -> Result<GivenConnection, Problem> {
    let password = fields.take_secret("password");
    let hops = hops(fields)?;
    let known = [Engine::Postgresql, Engine::Mysql, Engine::Redshift];
    let engine = known.into_iter().find(|engine| engine.as_str() == fields.text("engine"));
    let engine = engine
        .ok_or_else(|| Problem::invalid("invalid_engine", "engine is one of those that the form offers."))?;
    let destination = GivenDestination {
        engine,
        host: fields.text("host").to_owned(),
        port: port(fields, "port", engine.usual_port())?,
        database: fields.text("database").to_owned(),
        user: fields.text("user").to_owned(),
        tls: tls(fields, stored)?,
        hops,
    };
    Ok(GivenConnection {
        name: fields.text("name").to_owned(),
        destination,
        password,
        read_only: fields.text("read_only") == "on",
        limits: Limits {
            most_rows: fields.number("most_rows")?,
            most_bytes: fields.number("most_bytes")?,
            most_milliseconds: fields.number("most_milliseconds")?,
            most_sessions: fields.number("most_sessions")?,
        },
        usable_by: usable_by(fields)?,
    })
}

/// The SSH servers of a form, one behind the other.
pub(super) fn hops(fields: &mut Fields) -> Result<Vec<GivenHop>, Problem> {
    let mut hops = Vec::new();
    for number in 0..MOST_HOPS {
        let private_key = fields.take_secret(&of_hop(number, "private_key"));
        let passphrase = fields.take_secret(&of_hop(number, "passphrase"));
        let text = |field: &str| fields.text(&of_hop(number, field)).to_owned();
        if text("host").is_empty() {
            continue;
        }
        hops.push(GivenHop {
            host: text("host"),
            port: port(fields, &of_hop(number, "port"), SSH_PORT)?,
            user: text("user"),
            host_key: text("host_key"),
            private_key,
            passphrase,
        });
    }
    Ok(hops)
}

fn port(fields: &Fields, name: &str, usual: u16) -> Result<u16, Problem> {
    match fields.text(name) {
        "" => Ok(usual),
        text => text.parse().map_err(|_| Problem::invalid("invalid_port", "A port is 1 to 65535.")),
    }
}

fn usable_by(fields: &Fields) -> Result<UsableBy, Problem> {
    if fields.text("usable_by") != "apps" {
        return Ok(UsableBy::EveryApp);
    }
    let apps = fields.all("app").map(str::parse).collect::<Result<_, _>>();
    apps.map(UsableBy::Apps).map_err(|_| Problem::invalid("invalid_app", "Choose apps that the form offers."))
}

fn tls(fields: &Fields, stored: Option<&Connection>) -> Result<TlsMode, Problem> {
    let authorities = authorities(fields.lines("authorities"), stored);
    let reason = fields.text("reason").to_owned();
    match fields.text("tls") {
        "verify-full" => {
            Ok(TlsMode::VerifyFull { authorities: Some(authorities).filter(|text| !text.is_empty()) })
        }
        "verify-ca" => Ok(TlsMode::VerifyCa { authorities, reason }),
        "require" => Ok(TlsMode::Require { reason }),
        "off" => Ok(TlsMode::Off { reason }),
        _ => Err(Problem::invalid("invalid_tls", "tls is one of those that the form offers.")),
    }
}

/// Browsers change the ends of lines and of a text. What is otherwise the stored text is the stored text, or the stored
/// password would be asked for again.
fn authorities(given: String, stored: Option<&Connection>) -> String {
    let stored = stored.and_then(|stored| stored.definition.destination.tls.authorities());
    match stored {
        Some(stored) if stored.lines().map(str::trim).eq(given.lines().map(str::trim)) => stored.to_owned(),
        _ => given,
    }
}

/// A mode of TLS, everywhere.
pub(super) const fn mode(tls: &TlsMode) -> &'static str {
    match tls {
        TlsMode::VerifyFull { .. } => "verify-full",
        TlsMode::VerifyCa { .. } => "verify-ca",
        TlsMode::Require { .. } => "require",
        TlsMode::Off { .. } => "off",
    }
}
