//! Everything that came back from the platform.

use std::sync::Mutex;

use test_support::Response;
use test_support::leaks::{Finding, Search};

/// What was heard, with the question that it answered.
#[derive(Default)]
pub struct Heard {
    all: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Heard {
    /// Keeps a response: its status, headers and body.
    pub fn response(&self, question: &str, response: &Response) {
        let head = format!("{} {:?}\n", response.status, response.headers);
        self.bytes(question, &[head.as_bytes(), &response.body].concat());
    }

    /// Keeps a response without a value that it must hold.
    pub fn response_but(&self, question: &str, response: &Response, value: &str) {
        let text = response.text();
        assert_eq!(text.matches(value).count(), 1, "{question} answers it once");
        let rest = format!("{} {:?}\n{}", response.status, response.headers, text.replace(value, ""));
        self.bytes(question, rest.as_bytes());
    }

    /// Keeps anything else.
    pub fn bytes(&self, question: &str, bytes: &[u8]) {
        self.all.lock().unwrap().push((question.to_owned(), bytes.to_vec()));
    }

    /// How many answers were heard.
    pub fn count(&self) -> usize {
        self.all.lock().unwrap().len()
    }

    /// Everything in them that should not be there.
    pub fn findings(&self, search: &Search) -> Vec<Finding> {
        let all = self.all.lock().unwrap();
        all.iter()
            .flat_map(|(question, bytes)| search.bytes(&format!("the answer to {question}"), bytes))
            .collect()
    }
}
