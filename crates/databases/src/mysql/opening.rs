//! From an address to a session that is signed in.

use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::wire::{
    Capabilities, Greeting, MariaCapabilities, Method, Packets, Refusal, Response, WireError, full_password,
    tls_request,
};
use super::{Opener, Session};
use crate::{ConnectError, Tls, tls};

/// How long the server may take for its greeting, for TLS, and for each packet of the sign-in.
const STEP: Duration = Duration::from_secs(10);
/// The most bytes of a packet before somebody has signed in.
const MOST: usize = 64 << 10;

/// Dials, speaks TLS as the target says, signs in, and puts the session into its state.
pub(crate) async fn open(opener: &Opener) -> Result<Session, ConnectError> {
    // A zero byte would end the name early, in the middle of a packet of the sign-in.
    if opener.user.contains('\0') {
        return Err(ConnectError::Login);
    }
    if opener.database.contains('\0') {
        return Err(ConnectError::Database);
    }
    let mut packets = Packets::new(opener.way.dial().await?);
    let payload = step(packets.next(MOST)).await?;
    if let Some(refusal) = Refusal::in_packet(&payload).map_err(ended)? {
        return Err(refused(&refusal));
    }
    let greeting = Greeting::parse(&payload).map_err(ended)?;
    if !greeting.capabilities.has(Capabilities::NEEDED) {
        return Err(ConnectError::Protocol);
    }
    let mut asked = Capabilities::ASKED;
    let mut maria = MariaCapabilities(0);
    if greeting.capabilities.has(Capabilities::MYSQL) {
        asked = asked | Capabilities::MYSQL;
    } else if greeting.maria_capabilities.has(MariaCapabilities::EXTENDED_METADATA) {
        maria = MariaCapabilities::EXTENDED_METADATA;
    }
    if !opener.locks.one_statement {
        asked = asked | Capabilities::MULTI_STATEMENTS;
    }
    if opener.tls != Tls::Off {
        if !greeting.capabilities.has(Capabilities::TLS) {
            return Err(ConnectError::NoTls);
        }
        asked = asked | Capabilities::TLS;
        packets = encrypted(packets, asked, maria, opener).await?;
    }
    sign_in(&mut packets, &greeting, asked, maria, opener).await?;
    let extended = maria.has(MariaCapabilities::EXTENDED_METADATA);
    let mut session = Session::new(packets, &greeting, extended);
    step(session.begin(opener)).await??;
    Ok(session)
}

async fn encrypted(
    mut packets: Packets,
    asked: Capabilities,
    maria: MariaCapabilities,
    opener: &Opener,
) -> Result<Packets, ConnectError> {
    let configuration = tls::configuration(&opener.tls)?.ok_or(ConnectError::NoTls)?;
    let name = ServerName::try_from(opener.way.host().to_string())
        .map_err(|_| ConnectError::Certificate("it cannot name the database's host"))?;
    packets.queue(&tls_request(asked, maria));
    step(packets.flush()).await?;
    let sequence = packets.sequence();
    let stream = packets.into_stream().map_err(ended)?;
    let connector = TlsConnector::from(configuration);
    let stream = timeout(STEP, connector.connect(name, stream))
        .await
        .map_err(|_| ConnectError::Timeout)?
        .map_err(|error| tls::refused(&error))?;
    Ok(Packets::new(Box::new(stream)).with_sequence(sequence))
}

async fn sign_in(
    packets: &mut Packets,
    greeting: &Greeting,
    capabilities: Capabilities,
    maria_capabilities: MariaCapabilities,
    opener: &Opener,
) -> Result<(), ConnectError> {
    let password = opener.password.reveal();
    let mut method = greeting.method.unwrap_or(Method::Native);
    let response = Response {
        capabilities,
        maria_capabilities,
        user: &opener.user,
        database: &opener.database,
        method,
        proof: &method.proof(password, &greeting.nonce),
    };
    packets.queue(&response.payload());
    let mut switched = false;
    // The proof, another method, and the whole password: no sign-in has more turns.
    for _ in 0..4 {
        step(packets.flush()).await?;
        let payload = step(packets.next(MOST)).await?;
        match payload.first() {
            Some(0x00) => return Ok(()),
            Some(0xff) => return Err(refused(&Refusal::parse(&payload).map_err(ended)?)),
            Some(0xfe) if !switched => {
                switched = true;
                let mut request = super::wire::Cursor::new(payload.get(1..).unwrap_or_default());
                method = Method::named(request.terminated()).ok_or(ConnectError::Login)?;
                let nonce = request.rest();
                packets.queue(&method.proof(password, nonce.strip_suffix(&[0]).unwrap_or(nonce)));
            }
            Some(0x01) if method == Method::CachingSha2 => match payload.get(1) {
                // The proof was enough; what follows says so.
                Some(3) => {}
                Some(4) if opener.tls == Tls::Off => return Err(ConnectError::LoginNeedsTls),
                Some(4) => packets.queue(&full_password(password)),
                _ => return Err(ConnectError::Protocol),
            },
            _ => return Err(ConnectError::Protocol),
        }
    }
    Err(ConnectError::Protocol)
}

async fn step<T>(work: impl Future<Output = Result<T, WireError>>) -> Result<T, ConnectError> {
    timeout(STEP, work).await.map_err(|_| ConnectError::Timeout)?.map_err(ended)
}

fn ended(error: WireError) -> ConnectError {
    match error {
        WireError::Closed => ConnectError::Tcp,
        WireError::Malformed | WireError::TooLarge => ConnectError::Protocol,
    }
}

/// What the number of an error says of a sign-in (https://mariadb.com/kb/en/mariadb-error-code-reference/,
/// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html).
pub(crate) fn refused(refusal: &Refusal) -> ConnectError {
    match refusal.number {
        // Too many sessions: of everybody, of this account, and in an hour.
        1040 | 1203 | 1226 => ConnectError::Full,
        // The account may not, or may not from here; its password is wrong, missing, expired; it is locked.
        1045 | 1129 | 1130 | 1251 | 1275 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => ConnectError::Login,
        // There is no such database, or it is not for this account.
        1044 | 1049 | 1102 => ConnectError::Database,
        // The server takes no sign-in without TLS.
        3159 | 4031 => ConnectError::LoginNeedsTls,
        _ => ConnectError::Protocol,
    }
}
