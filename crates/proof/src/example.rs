//! One example request, and what has to be known about it.

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    Nothing,
    Json(&'static str),
    Form(&'static str),
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    pub name: &'static str,
    pub sends: Sends,
    /// With its `?`.
    pub query: &'static str,
    /// Another one, in which identifiers are varied.
    pub varied_query: Option<&'static str>,
    /// It ends sessions of whoever asks.
    pub ends_sessions: bool,
    /// It changes who belongs to the organization, or the organization itself: it is asked in a new one.
    pub in_new_organization: bool,
    /// What it answers changes by being looked at or by refusals, so that it cannot show that nothing changed.
    pub is_a_record: bool,
    /// It changes nothing although it is no GET, so that there is no audit event.
    pub changes_nothing: bool,
    /// The action in its audit event, where that is not its own.
    pub recorded_as: Option<&'static str>,
    /// Its answer is what the operator configured, or 404.
    pub may_be_absent: bool,
    /// Why it does not succeed when it is asked here.
    pub never_succeeds: Option<&'static str>,
}

pub(crate) const fn bare(name: &'static str) -> Example {
    Example {
        name,
        sends: Sends::Nothing,
        query: "",
        varied_query: None,
        ends_sessions: false,
        in_new_organization: false,
        is_a_record: false,
        changes_nothing: false,
        recorded_as: None,
        may_be_absent: false,
        never_succeeds: None,
    }
}

pub(crate) const fn json(name: &'static str, body: &'static str) -> Example {
    Example { sends: Sends::Json(body), ..bare(name) }
}

pub(crate) const fn form(name: &'static str, body: &'static str) -> Example {
    Example { sends: Sends::Form(body), ..bare(name) }
}

impl Example {
    pub(crate) const fn asks(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// Takes an identifier that the example leaves out.
    pub(crate) const fn may_ask(self, query: &'static str) -> Self {
        Self { varied_query: Some(query), ..self }
    }

    pub(crate) const fn ends_sessions(self) -> Self {
        Self { ends_sessions: true, ..self }
    }

    pub(crate) const fn in_new_organization(self) -> Self {
        Self { in_new_organization: true, ..self }
    }

    pub(crate) const fn is_a_record(self) -> Self {
        Self { is_a_record: true, ..self }
    }

    pub(crate) const fn changes_nothing(self) -> Self {
        Self { changes_nothing: true, ..self }
    }

    pub(crate) const fn recorded_as(self, action: &'static str) -> Self {
        Self { recorded_as: Some(action), ..self }
    }

    pub(crate) const fn may_be_absent(self) -> Self {
        Self { may_be_absent: true, ..self }
    }

    pub(crate) const fn never_succeeds(self, reason: &'static str) -> Self {
        Self { never_succeeds: Some(reason), ..self }
    }
}
