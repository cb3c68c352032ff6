//! Signing in to Redshift.

use cryptography::{SecretBytes, Token, digest};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use tokio_postgres::fallible_iterator::FallibleIterator as _;
use zeroize::Zeroizing;

use super::messages::{Conversation, DigestRequest, LoginMessage, strange};
use crate::{ConnectError, QueryError};

/// The numbers by which a statement of the session is cancelled.
#[derive(Clone, Copy)]
pub(super) struct CancelKey {
    pub(super) process: i32,
    pub(super) secret: i32,
}

/// Who signs in where.
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) database: &'a str,
    pub(super) password: &'a SecretBytes,
    /// Whether nobody reads along. Only then a password is sent as it is, should the server ask for that.
    pub(super) encrypted: bool,
}

impl Login<'_> {
    /// Signs in. Redshift knows passwords by MD5 and by a digest of its own; servers in front of it, SCRAM.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) async fn run(&self, conversation: &mut Conversation) -> Result<CancelKey, ConnectError> {
        self.sign_in(conversation).await.map_err(step)
    }

    async fn sign_in(&self, conversation: &mut Conversation) -> Result<CancelKey, QueryError> {
        let parameters = [("user", self.user), ("database", self.database), ("client_encoding", "UTF8")];
        frontend::startup_message(parameters, conversation.outgoing()).map_err(|_| strange())?;
        conversation.send().await?;
        let mut scram: Option<ScramSha256> = None;
        let mut has_server_proven = false;
        let mut key = CancelKey { process: 0, secret: 0 };
        loop {
            let message = match conversation.receive_login().await? {
                LoginMessage::Digest(request) => {
                    self.answer_digest(conversation, &request)?;
                    conversation.send().await?;
                    continue;
                }
                LoginMessage::Usual(message) => message,
            };
            match message {
                // Whoever does not know the password either cannot let us in by leaving the proof out.
                Message::AuthenticationOk if scram.is_some() && !has_server_proven => return Err(strange()),
                Message::AuthenticationOk => {}
                Message::BackendKeyData(body) => {
                    key = CancelKey { process: body.process_id(), secret: body.secret_key() };
                }
                Message::ReadyForQuery(_) => return Ok(key),
                Message::AuthenticationCleartextPassword if self.encrypted => {
                    self.password_message(conversation, self.password.reveal()).await?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash =
                        Zeroizing::new(md5_hash(self.user.as_bytes(), self.password.reveal(), body.salt()));
                    self.password_message(conversation, hash.as_bytes()).await?;
                }
                Message::AuthenticationSasl(body) => {
                    let known = body.mechanisms().any(|name| Ok(name == SCRAM_SHA_256)).unwrap_or(false);
                    if !known {
                        return Err(strange());
                    }
                    let first = ScramSha256::new(self.password.reveal(), ChannelBinding::unsupported());
                    frontend::sasl_initial_response(SCRAM_SHA_256, first.message(), conversation.outgoing())
                        .map_err(|_| strange())?;
                    conversation.send().await?;
                    scram = Some(first);
                }
                Message::AuthenticationSaslContinue(body) => {
                    let state = scram.as_mut().ok_or_else(strange)?;
                    state.update(body.data()).map_err(|_| strange())?;
                    frontend::sasl_response(state.message(), conversation.outgoing())
                        .map_err(|_| strange())?;
                    conversation.send().await?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    scram.as_mut().ok_or_else(strange)?.finish(body.data()).map_err(|_| strange())?;
                    has_server_proven = true;
                }
                Message::ErrorResponse(body) => return Err(conversation.refusal(&body)),
                _ => return Err(strange()),
            }
        }
    }

    async fn password_message(
        &self,
        conversation: &mut Conversation,
        password: &[u8],
    ) -> Result<(), QueryError> {
        frontend::password_message(password, conversation.outgoing()).map_err(|_| strange())?;
        conversation.send().await
    }

    /// As the vendor's own drivers do: SHA-256 of (SHA-256 of password and salt), the server's number and ours.
    fn answer_digest(
        &self,
        conversation: &mut Conversation,
        request: &DigestRequest,
    ) -> Result<(), QueryError> {
        let client_nonce = Token::generate().map_err(|_| strange())?.reveal();
        let salted = Zeroizing::new([self.password.reveal(), &request.salt].concat());
        let inner = digest(&salted);
        let outer = digest(&[&inner, request.server_nonce.as_slice(), client_nonce.as_bytes()].concat());
        conversation.digest_response(&outer, client_nonce.as_bytes())
    }
}

/// The step at which the server refused.
fn step(error: QueryError) -> ConnectError {
    match error {
        QueryError::Connect(error) => error,
        QueryError::Database { code, .. } => match code.get(..2) {
            Some("28") => ConnectError::Login,
            Some("3D") => ConnectError::Database,
            Some("53") => ConnectError::Full,
            _ if code == "42501" => ConnectError::Database,
            _ => ConnectError::Login,
        },
        _ => ConnectError::Protocol,
    }
}
