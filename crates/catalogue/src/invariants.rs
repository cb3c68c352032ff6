//! What holds for whatever text comes as an entry or as a document to import; for the fuzzer (`xtask/fuzz`) and the tests.

use url::{Host, Url};

use crate::changes::places;
use crate::{Answers, Import, Proposal, Service, Template, Values};

/// Values that want to leave their place.
const HOSTILE: [&str; 14] = [
    "acme",
    "eu1",
    "acme.example.net",
    "evil.test/",
    "evil.test#",
    "evil.test?",
    "a@evil.test",
    "a:b@evil.test",
    "evil.test\\",
    "..",
    "https://evil.test/",
    "evil\u{3002}test",
    "a\r\nb",
    "",
];

/// The most rounds of questions that a document may need.
const MOST_ROUNDS: usize = 12;

/// A text as an entry. One that is read is the same when it is written and read again, and sends credentials nowhere but to
/// its hosts, over TLS, whatever the values of an account.
///
/// # Panics
/// Something does not hold.
pub fn entry(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(service) = Service::parse(text) else { return };
    entry_holds(&service);
    // What was read can be kept: as the text of a row, and as the text of a file.
    let json = serde_json::to_string(&service).ok();
    let kept = json.as_deref().and_then(|json| serde_json::from_str::<Service>(json).ok());
    assert_eq!(kept.as_ref(), Some(&service), "the entry written as JSON and read is another");
}

fn entry_holds(service: &Service) {
    assert!(service.check().is_ok());
    for pattern in &service.api.hosts {
        let name = pattern.as_str().trim_start_matches("*.");
        assert!(name.contains('.') && !pattern.matches("com") && !pattern.matches(""), "{name}");
        assert!(!pattern.matches(&format!("{name}.evil.test")), "{name}");
        assert!(!pattern.matches(&format!("evil{name}")), "{name}");
    }
    for hostile in HOSTILE {
        let values: Values = service
            .variables
            .iter()
            .map(|variable| (variable.key.clone(), hostile.to_owned()))
            .chain(service.learned.iter().map(|learned| (learned.key.clone(), hostile.to_owned())))
            .collect();
        if let Ok(url) = service.base_url(&values) {
            fit_for_credentials(&url);
            let host = url.host_str().unwrap_or_default();
            assert!(service.api.hosts.iter().any(|pattern| pattern.matches(host)), "{url} is elsewhere");
        }
        for template in places(service) {
            stays_in_place(template, &values);
        }
    }
}

/// Where a template's host has no value in it, no value changes the host.
fn stays_in_place(template: &Template, values: &Values) {
    let Ok(url) = template.url(values) else { return };
    fit_for_credentials(&url);
    let Some(rest) = template.as_str().strip_prefix("https://") else { return };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('{') {
        return;
    }
    let written = Url::parse(&format!("https://{authority}/"));
    let written = written.as_ref().map(|written| (written.host_str(), written.port()));
    assert_eq!(written, Ok((url.host_str(), url.port())), "{url} is not where {} says", template.as_str());
}

fn fit_for_credentials(url: &Url) {
    assert_eq!(url.scheme(), "https", "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    // A reader who reads the printed address reads the same.
    let again = Url::parse(url.as_str());
    assert_eq!(again.as_ref(), Ok(url));
}

/// A text as a document to import, and behind a line of `%%%` the metadata of its authorization server. What comes out asks
/// a bounded number of questions, each once; an entry is one that a file could hold, at public addresses over TLS.
///
/// # Panics
/// Something does not hold.
pub fn document(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (document, server) = text.split_once("\n%%%\n").unwrap_or((text, ""));
    let authorization_server = Some((server, None)).filter(|_| !server.is_empty());
    let mut answers = Answers::new();
    for round in 0.. {
        assert!(round <= MOST_ROUNDS, "questions without end: {answers:?}");
        let import = Import { document, fetched_from: None, authorization_server, answers: &answers };
        let Ok(proposal) = import.propose() else { return };
        assert_eq!(import.propose().ok().as_ref(), Some(&proposal), "twice the same is not the same");
        assert_eq!(
            proposal.service.is_some(),
            proposal.questions.is_empty(),
            "neither an entry nor a question"
        );
        if let Some(service) = &proposal.service {
            return imported_holds(service);
        }
        if !answer(&proposal, &mut answers) {
            return;
        }
    }
}

/// Answers what is asked; `false` if a question has no answer that could be given here.
fn answer(proposal: &Proposal, answers: &mut Answers) -> bool {
    for question in &proposal.questions {
        let given = question
            .suggestion
            .clone()
            .or_else(|| question.choices.first().cloned())
            .unwrap_or_else(|| "https://api.acme.io/v1".to_owned());
        if let Some(before) = answers.insert(question.key, given.clone()) {
            // It may be asked again with other choices, once another question was answered.
            if before == given {
                return false;
            }
        }
    }
    true
}

fn imported_holds(service: &Service) {
    entry_holds(service);
    assert!(
        service.api.hosts.iter().all(|pattern| is_public_name(pattern.as_str().trim_start_matches("*.")))
    );
    for template in places(service) {
        let values = Values::new();
        if let Ok(url) = template.url(&values) {
            let host = url.host().map(|host| host.to_owned());
            assert!(
                matches!(&host, Some(Host::Domain(name)) if is_public_name(name)),
                "{url} of the document may get a credential"
            );
        }
    }
}

/// By what such names end in, written once more.
fn is_public_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let private = [
        "localhost",
        "local",
        "internal",
        "lan",
        "home",
        "corp",
        "arpa",
        "test",
        "invalid",
        "svc",
        "cluster",
    ];
    name.contains('.') && !private.contains(&last) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #[test]
    fn entries_hold() {
        hostile_input::replay("entry", 2_000, super::entry);
    }

    #[test]
    fn documents_hold() {
        hostile_input::replay("document", 1_000, super::document);
    }
}
