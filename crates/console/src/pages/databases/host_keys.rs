//! Host keys of SSH servers: asked for before a connection is kept, and looked at again when they have changed.

use std::sync::Arc;

use access_control::{ConfirmHostKey, ManageConnections, Permit};
use endpoint::{Answer, Call, Problem};
use maud::html;

use super::editing::{Shown, refused};
use super::filled::{Filled, MOST_HOPS, hops, of_hop};
use super::{Known, one};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, page};

/// Asks an SSH server for its host key, and shows the form again with it.
pub(crate) async fn ask(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let mut filled = Filled::again(&fields);
    match host_key(&console, &permit, &mut fields, &call).await {
        Ok((number, host_key)) => {
            filled.put(&of_hop(number, "host_key"), &host_key);
            let shown = Shown::read(&console, &permit, &filled, &call).await?;
            let content = html! {
                p role="status" id="host-key" {
                    "The SSH server " strong { (filled.hop(number, "host")) } " says that its host key is " code { (host_key) }
                    ". Compare it with what its operator says; then give password and keys again, and save."
                }
                (shown.content)
            };
            Ok(page(&shown.title, &content))
        }
        Err(problem) => refused(&console, &permit, &filled, &call, problem).await,
    }
}

/// Which server was asked, and its host key.
async fn host_key(
    console: &Console,
    permit: &Permit<ManageConnections>,
    fields: &mut Fields,
    call: &Call,
) -> Result<(usize, String), Problem> {
    let number: usize = fields.number("ask")?;
    let mut via = hops(fields)?;
    if number >= MOST_HOPS || number >= via.len() {
        return Err(Problem::invalid(
            "invalid_host",
            "Fill in the SSH servers in their order, each with its host.",
        ));
    }
    via.truncate(number + 1);
    let asked = via.pop().ok_or_else(Problem::not_found)?;
    let answered =
        console.connections.host_key_of(permit, &asked.host, asked.port, via, call.occasion()).await?;
    match answered {
        Ok(host_key) => Ok((number, host_key.to_string())),
        Err(error) => Err(Problem::invalid("ssh_host_key", endpoint::sentence(&error))),
    }
}

/// Says which host key is right, now that an SSH server has another one.
pub(crate) async fn confirm(
    console: Arc<Console>,
    permit: Permit<ConfirmHostKey>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = Fields::of(&mut call).await?;
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let confirmed = async {
        let hop = fields.number("hop")?;
        let host_key = fields.text("host_key");
        let id = known.connection.id;
        Ok::<_, Problem>(
            console.connections.confirm_host_key(&permit, id, hop, host_key, call.occasion()).await?,
        )
    };
    match confirmed.await {
        Ok(_) => Ok(Answer::see_other(&known.path())),
        Err(problem) => again(problem, known.name(), &one::content(&console, &known, &call).await?),
    }
}
