//! Who gets the trail.

use crate::{Delivery, DeliveryError, Syslog, Webhook};

/// Somebody outside who gets a copy of every record.
#[derive(Debug)]
pub enum Receiver {
    /// A syslog server.
    Syslog(Syslog),
    /// An HTTP endpoint.
    Webhook(Box<Webhook>),
}

impl Receiver {
    /// Its name in the table of deliveries, in the log and in metrics. There is one of each kind, and a
    /// new address goes on where the old one was.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Syslog(_) => "syslog",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Returns when the receiver has the delivery.
    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        match self {
            Self::Syslog(syslog) => syslog.deliver(delivery).await,
            Self::Webhook(webhook) => webhook.deliver(delivery).await,
        }
    }
}
