//! A `psql` script, cut into statements.

/// The statements of a script. What only `psql` understands is left out: its commands, the data of `COPY … FROM stdin`, and
/// statements that end in one of its commands or use its variables.
pub fn statements(script: &str) -> Vec<String> {
    let mut cut = Cut { rest: script, statement: String::new(), depth: 0, atomic: 0, done: Vec::new() };
    while !cut.rest.is_empty() {
        cut.step();
    }
    cut.done
}

struct Cut<'a> {
    rest: &'a str,
    statement: String,
    depth: usize,
    /// How many `BEGIN ATOMIC` and `CASE` are open.
    atomic: usize,
    done: Vec<String>,
}

impl Cut<'_> {
    fn take(&mut self, length: usize) {
        let length =
            (length..=self.rest.len()).find(|at| self.rest.is_char_boundary(*at)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.statement.push_str(taken);
        self.rest = rest;
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end + 1..]);
    }

    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("--") {
            let end = rest.find('\n').unwrap_or(rest.len());
            self.rest = &rest[end..];
        } else if rest.starts_with("/*") {
            self.take(comment(rest));
        } else if rest.starts_with('\\') {
            self.statement.clear();
            self.depth = 0;
            self.skip_line();
        } else if rest.starts_with('\'') {
            let escapes = self.statement.ends_with(['e', 'E']);
            self.take(quoted(rest, '\'', escapes));
        } else if rest.starts_with('"') {
            self.take(quoted(rest, '"', false));
        } else if let Some(length) = dollar_quoted(rest, &self.statement) {
            self.take(length);
        } else if rest.starts_with(';') && self.depth == 0 && self.atomic == 0 {
            self.rest = &rest[1..];
            self.end();
        } else {
            self.word_or_sign();
        }
    }

    fn word_or_sign(&mut self) {
        let word: String = self.rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if word.is_empty() {
            match self.rest.as_bytes().first() {
                Some(b'(') => self.depth += 1,
                Some(b')') => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            return self.take(1);
        }
        let upper = word.to_ascii_uppercase();
        let routine = self.statement.trim_start().to_ascii_uppercase().starts_with("CREATE");
        match upper.as_str() {
            "ATOMIC" if routine => self.atomic += 1,
            "CASE" if self.atomic > 0 => self.atomic += 1,
            "END" if self.atomic > 0 => self.atomic -= 1,
            _ => {}
        }
        self.take(word.len());
    }

    fn end(&mut self) {
        let statement = std::mem::take(&mut self.statement).trim().to_owned();
        let upper = statement.to_ascii_uppercase();
        if upper.starts_with("COPY") && upper.contains("FROM STDIN") {
            let end = self.rest.find("\n\\.").map_or(self.rest.len(), |end| end + 3);
            self.rest = &self.rest[end..];
        } else if !statement.is_empty() {
            self.done.push(statement);
        }
    }
}

fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    characters.next();
                }
                _ => return at + 1,
            }
        }
    }
    text.len()
}

fn dollar_quoted(text: &str, before: &str) -> Option<usize> {
    let inside_a_word = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
    let rest = text.strip_prefix('$').filter(|_| !inside_a_word)?;
    let tag = &rest[..rest.find('$')?];
    let named = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    if !named {
        return None;
    }
    let mark = &text[..tag.len() + 2];
    let end = text[mark.len()..].find(mark).map_or(text.len(), |end| end + 2 * mark.len());
    Some(end)
}

#[test]
fn a_script_is_cut_where_psql_cuts_it() {
    let script = "SELECT 1; -- one; two\nSELECT ';', E'\\';', \"a;b\", $x$;$x$;\n\\d t\nCOPY t FROM stdin;\n1;\n\\.\n\
        CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END;\n\
        SELECT 2 \\gset\nSELECT /* ; /* ; */ */ 3;";
    let cut = statements(script);
    assert_eq!(cut.len(), 4, "{cut:#?}");
    assert_eq!(cut[0], "SELECT 1");
    assert_eq!(cut[1], "SELECT ';', E'\\';', \"a;b\", $x$;$x$");
    assert!(cut[2].ends_with("END"), "{}", cut[2]);
    assert_eq!(cut[3], "SELECT /* ; /* ; */ */ 3");
}
