//! A server that lets everybody in, answers every statement with nothing, and writes down what it was sent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How it lets clients in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LetsIn {
    Everybody,
    /// Everybody, and answers no statement.
    InSilence,
    /// Everybody, and answers each command with so many rows of 64 KiB.
    WithRows(u32),
    /// Whoever answers the digest with SHA-256.
    Digest,
    /// Whoever begins SCRAM: it never proves that it knows the password, too. It may first go on with it.
    WithoutProof {
        after_going_on: bool,
    },
}

#[derive(Clone, Default)]
pub struct Sent(Arc<Mutex<Vec<String>>>);

impl Sent {
    /// Every statement, by either protocol, and the answer to a digest.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn put(&self, text: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(text).into_owned());
    }
}

/// Starts it. Its port, and what it was sent.
pub async fn start(lets_in: LetsIn) -> (u16, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Sent::default();
    let recording = sent.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, recording.clone(), lets_in));
        }
    });
    (port, sent)
}

async fn serve(mut stream: TcpStream, sent: Sent, lets_in: LetsIn) -> std::io::Result<()> {
    let length = stream.read_u32().await?;
    let mut startup = vec![0; length as usize - 4];
    stream.read_exact(&mut startup).await?;
    let mut hello = Vec::new();
    if lets_in == LetsIn::Digest {
        let mut request = vec![0, 0, 0, 13, 0, 0, 0, 0];
        for part in [b"salt of it".as_slice(), b"server nonce"] {
            request.extend((part.len() as u32).to_be_bytes());
            request.extend(part);
        }
        message(&mut hello, b'R', &request);
        stream.write_all(&hello).await?;
        hello.clear();
        let (tag, answer) = read(&mut stream).await?;
        assert_eq!(tag, b'd');
        sent.0.lock().unwrap().push(answer.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    if let LetsIn::WithoutProof { after_going_on } = lets_in {
        message(&mut hello, b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
        stream.write_all(&hello).await?;
        hello.clear();
        let (_, first) = read(&mut stream).await?;
        if after_going_on {
            let first = String::from_utf8_lossy(&first).into_owned();
            let nonce = first.rsplit_once("r=").map_or("", |(_, nonce)| nonce);
            let challenge = format!("\0\0\0\x0br={nonce}of-the-server,s=c2FsdA==,i=4096");
            message(&mut hello, b'R', challenge.as_bytes());
            stream.write_all(&hello).await?;
            hello.clear();
            let (tag, answer) = read(&mut stream).await?;
            assert_eq!(tag, b'p');
            sent.put(&answer);
        }
    }
    message(&mut hello, b'R', &[0; 4]);
    message(&mut hello, b'K', &[0, 0, 0, 1, 0, 0, 0, 2]);
    message(&mut hello, b'Z', b"I");
    stream.write_all(&hello).await?;
    loop {
        let (tag, body) = read(&mut stream).await?;
        let mut answer = Vec::new();
        if lets_in == LetsIn::InSilence {
            continue;
        }
        match tag {
            b'Q' => {
                sent.put(body.strip_suffix(&[0]).unwrap_or(&body));
                if let LetsIn::WithRows(rows) = lets_in {
                    let mut row = Vec::new();
                    let cell = [[0, 1, 0, 1, 0, 0].as_slice(), &[b'x'; 1 << 16]].concat();
                    message(&mut row, b'D', &cell);
                    for _ in 0..rows {
                        stream.write_all(&row).await?;
                    }
                }
                message(&mut answer, b'C', b"DONE\0");
                message(&mut answer, b'Z', b"I");
            }
            b'P' => {
                let text = body.split(|byte| *byte == 0).nth(1).unwrap_or_default();
                sent.put(text);
                message(&mut answer, b'1', b"");
            }
            b'B' => message(&mut answer, b'2', b""),
            b'D' => message(&mut answer, b'n', b""),
            b'E' => message(&mut answer, b'C', b"DONE\0"),
            b'S' => message(&mut answer, b'Z', b"I"),
            _ => return Ok(()),
        }
        stream.write_all(&answer).await?;
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let tag = stream.read_u8().await?;
    let length = stream.read_u32().await?;
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await?;
    Ok((tag, body))
}

fn message(to: &mut Vec<u8>, tag: u8, body: &[u8]) {
    to.push(tag);
    to.extend((body.len() as u32 + 4).to_be_bytes());
    to.extend(body);
}
