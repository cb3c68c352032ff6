//! Lists in pieces: `?cursor=&limit=`, and `nextCursor` in the answer.
//!
//! A cursor is the key of the last element of a piece, so that what is added or removed meanwhile neither
//! repeats nor hides another element. It opens nothing: whoever makes one up gets a list they may read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;

use crate::{Call, Problem};

/// How many elements a piece has when nobody says.
const USUAL: usize = 50;
/// How many it can have.
const MOST: usize = 200;

/// Which piece of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The key of the last element of the piece before.
    pub after: Option<String>,
    /// How many elements at most; from 1 to 200.
    pub limit: usize,
}

/// Describes the parameters of a list that comes in pieces, for [`crate::Guarded::query`].
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct PagingParameters {
    /// `nextCursor` of the piece before.
    pub cursor: Option<String>,
    /// How many elements at most; 50 when not given.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

impl Default for Paging {
    /// The first piece.
    fn default() -> Self {
        Self { after: None, limit: USUAL }
    }
}

impl Paging {
    /// Cuts what was read, one element more than the limit, down to the piece. Answers the cursor of the
    /// next piece, if there is one; `key` names an element.
    pub fn cut<T>(&self, read: &mut Vec<T>, key: impl Fn(&T) -> String) -> Option<String> {
        if read.len() <= self.limit {
            return None;
        }
        read.truncate(self.limit);
        read.last().map(|last| URL_SAFE_NO_PAD.encode(key(last)))
    }

    /// The cursor of what follows an element, by its key.
    #[must_use]
    pub fn cursor(&self, key: &impl ToString) -> String {
        URL_SAFE_NO_PAD.encode(key.to_string())
    }

    /// The key of the last element of the piece before, as what it was written from.
    ///
    /// # Errors
    /// 422 for a cursor that no list gave.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        self.after.as_deref().map(|key| key.parse().map_err(|_| invalid_cursor())).transpose()
    }
}

impl Call {
    /// Which piece of a list is asked for.
    ///
    /// # Errors
    /// 400 for a doubled parameter, 422 for a cursor or limit that is none.
    pub fn paging(&self) -> Result<Paging, Problem> {
        let limit = match self.query("limit")? {
            None => USUAL,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                limit.ok_or_else(|| Problem::invalid("invalid_limit", "limit is a number from 1 to 200."))?
            }
        };
        let decode = |text: String| {
            let key = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            // No store keeps a NUL in a text.
            key.filter(|key| !key.contains('\0')).ok_or_else(invalid_cursor)
        };
        Ok(Paging { after: self.query("cursor")?.map(decode).transpose()?, limit })
    }
}

fn invalid_cursor() -> Problem {
    Problem::invalid("invalid_cursor", "cursor is nextCursor of an earlier answer.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_a_cursor_only_when_another_follows() {
        let paging = Paging { after: None, limit: 2 };
        let mut all = vec![1, 2];
        assert_eq!(paging.cut(&mut all, ToString::to_string), None);
        let mut more = vec![1, 2, 3];
        assert_eq!(paging.cut(&mut more, ToString::to_string), Some(URL_SAFE_NO_PAD.encode("2")));
        assert_eq!(more, [1, 2]);
    }
}
