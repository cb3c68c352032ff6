//! Values that are nowhere else in the world, so that wherever one is met, it came from here.

use std::sync::Mutex;

use cryptography::Token;
use test_support::leaks::Search;

/// All values of one test.
#[derive(Default)]
pub struct Marks {
    all: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Marks {
    /// A new one: 43 characters that stand for 256 random bits.
    pub fn make(&self, what: &str) -> String {
        let mark = Token::generate().unwrap().reveal().as_str().to_owned();
        self.know(what, mark.as_bytes());
        mark
    }

    /// Something else that must not be met: a value that the platform made, a private key's bytes.
    pub fn know(&self, what: &str, value: &[u8]) {
        self.all.lock().unwrap().push((what.to_owned(), value.to_vec()));
    }

    /// What looks for all of them.
    pub fn search(&self) -> Search {
        let all = self.all.lock().unwrap();
        Search::new(all.iter().map(|(what, value)| (what.clone(), value.as_slice())))
    }
}
