//! The little HTTP/1.1 that a fixture needs: bodies with a length, and connections that stay open.

use std::collections::HashMap;
use std::io::{Error, Result};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What was asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What comes back.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    written: Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Whole,
    Half,
    Not,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

impl Answer {
    pub(super) const fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), written: Written::Whole }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { body: body.to_owned(), ..Self::status(status) }.with("content-type", "text/html")
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { body: body.to_string(), ..Self::status(status) }.with("content-type", "application/json")
    }

    pub(super) fn cut() -> Self {
        Self { written: Written::Not, ..Self::status(200) }
    }

    pub(super) const fn halved(mut self) -> Self {
        self.written = Written::Half;
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Status\r\ncontent-length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }
}

/// One connection.
pub(super) struct Connection<S> {
    stream: S,
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// The next request; none if the client closes.
    pub(super) async fn next(&mut self) -> Result<Option<Asked>> {
        read(&mut self.stream, &mut self.received).await
    }

    /// Whether the connection goes on.
    pub(super) async fn write(&mut self, answer: &Answer) -> Result<bool> {
        let bytes = answer.bytes();
        let written = match answer.written {
            Written::Whole => bytes.as_slice(),
            Written::Half => &bytes[..bytes.len() / 2],
            Written::Not => &[],
        };
        self.stream.write_all(written).await?;
        if answer.written == Written::Whole {
            self.stream.flush().await?;
            return Ok(true);
        }
        self.stream.shutdown().await?;
        Ok(false)
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), received: &mut Vec<u8>) -> Result<Option<Asked>> {
    let head_ends = loop {
        if let Some(position) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break position + 4;
        }
        if stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&received[..head_ends]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().ok_or_else(|| Error::other("no target"))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while received.len() < head_ends + length {
        if stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
    let body = received[head_ends..head_ends + length].to_vec();
    let asked = Asked { method, path: path.to_owned(), query: query.to_owned(), headers, body };
    received.drain(..head_ends + length);
    Ok(Some(asked))
}
