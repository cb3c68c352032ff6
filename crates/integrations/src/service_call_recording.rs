//! How calls of services become records.

use std::mem::take;

use ids::ServiceCallId;
use time::OffsetDateTime;
use usage_records::{NoPlace, Record, Recorder, Uses, Writer};

use crate::service_call::{CallOutcome, Called, ServiceCall};
use crate::{ExecuteError, Store};

/// Where calls begin.
pub type ServiceCallRecorder = Recorder<ServiceCall>;

/// Writes records of calls.
pub type ServiceCallWriter = Writer<Store>;

/// A call that has begun.
pub(crate) type Begun = usage_records::Begun<ServiceCall>;

/// What is known of a call.
#[derive(PartialEq, Eq, Hash)]
pub struct KnownCall {
    pub(crate) called: Called,
    pub(crate) status: Option<u16>,
}

impl Record for ServiceCall {
    const USES: &'static str = "calls of services";
    const ABANDONED: CallOutcome = CallOutcome::Abandoned;

    type Known = KnownCall;
    type Outcome = CallOutcome;
    type Amount = ();

    fn take(KnownCall { called, status }: &mut KnownCall) -> KnownCall {
        let (service, host) = (take(&mut called.service), take(&mut called.host));
        let called = Called { service, host, method: take(&mut called.method), ..*called };
        KnownCall { called, status: *status }
    }

    fn add((): &mut (), (): ()) {}

    fn of(second: OffsetDateTime, known: KnownCall, outcome: CallOutcome, uses: Uses<Self>) -> Self {
        let (KnownCall { called, status }, Uses { count, duration, longest, .. }) = (known, uses);
        let id = ServiceCallId::generate();
        Self { id, at: second, called, outcome, status, count, duration, longest }
    }
}

impl From<NoPlace> for ExecuteError {
    fn from(_: NoPlace) -> Self {
        Self::Unavailable
    }
}
