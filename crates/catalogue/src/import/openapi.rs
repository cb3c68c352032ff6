//! OpenAPI 2, 3.0 and 3.1.

use serde_json::Value;

use super::actions::{Actions, from_operations};
use super::answers::Answered;
use super::draft::Draft;
use super::operations::Operations;
use super::schemes::{Chosen, Security};
use super::{Import, ImportError, Proposal, servers, test_call};

pub(super) fn propose(
    document: &Value,
    format: &'static str,
    import: &Import<'_>,
    answered: &Answered,
) -> Result<Proposal, ImportError> {
    let mut draft = Draft::new(format, answered, import.fetched_from);
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    draft.name(text("/info/title"));
    for pointer in ["/externalDocs/url", "/info/contact/url", "/info/termsOfService"] {
        draft.documentation(text(pointer));
    }
    let mut notes = Vec::new();
    let mut operations = Operations::of(document);
    let answer = answered.base_url.as_ref();
    draft.base(servers::base(document, &mut operations, import.fetched_from, answer, &mut notes)?);
    let security =
        Security { document, import, answered, base: draft.known_base(), operations: &operations.security() };
    match security.choose(&mut notes)? {
        Chosen::Access(access, together) => draft.access(access, together),
        Chosen::Asked(question) => draft.ask(question),
    }
    draft.notes.append(&mut notes);
    let Actions { actions, headers, left_out } = from_operations(&operations, draft.together());
    draft.test = test_call::find(&operations, draft.together(), &headers);
    draft.headers = headers;
    for (reason, count) in left_out {
        draft.notes.push(format!("{count} operations became no actions: {reason}."));
    }
    draft.finish(&actions)
}
