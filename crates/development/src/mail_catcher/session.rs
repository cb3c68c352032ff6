//! One connection: as much of SMTP as handing a letter in needs (RFC 5321), every size bounded.

use std::io;
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

use super::Delivered;

/// The longest line with its end, in bytes (RFC 5321, section 4.5.3.1.6).
const LONGEST_LINE: usize = 1_000;
/// The largest letter, in bytes. Also announced (RFC 1870).
const LARGEST_LETTER: usize = 1024 * 1024;
/// How many people one letter may be for (RFC 5321, section 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 100;
/// How long the client may be silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// What was said of a letter so far.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

/// Talks to one client until it leaves.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    mut keep: impl FnMut(Delivered),
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut envelope = Envelope::default();
    let mut greeted = false;
    say(&mut stream, "220 localhost mail catcher").await?;
    loop {
        let Some(line) = line(&mut stream).await? else { return Ok(()) };
        let Some(command) = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()) else {
            say(&mut stream, "500 a command is one line of at most 1000 bytes, ending in CR LF").await?;
            return Ok(());
        };
        let (verb, argument) = command.split_once(' ').unwrap_or((command, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                (greeted, envelope) = (true, Envelope::default());
                let size = format!("250-localhost\r\n250-SIZE {LARGEST_LETTER}\r\n250 8BITMIME");
                say(&mut stream, &size).await?;
            }
            "HELO" => {
                (greeted, envelope) = (true, Envelope::default());
                say(&mut stream, "250 localhost").await?;
            }
            "MAIL" if !greeted || envelope.from.is_some() => say(&mut stream, "503 not now").await?,
            "MAIL" => match path(argument, "FROM:") {
                Some(from) => {
                    envelope.from = Some(from);
                    say(&mut stream, "250 OK").await?;
                }
                None => say(&mut stream, "501 MAIL FROM:<address>").await?,
            },
            "RCPT" if envelope.from.is_none() => say(&mut stream, "503 MAIL first").await?,
            "RCPT" if envelope.to.len() == MOST_RECIPIENTS => {
                say(&mut stream, "452 too many recipients").await?;
            }
            "RCPT" => match path(argument, "TO:").filter(|to| !to.is_empty()) {
                Some(to) => {
                    envelope.to.push(to);
                    say(&mut stream, "250 OK").await?;
                }
                None => say(&mut stream, "501 RCPT TO:<address>").await?,
            },
            "DATA" => match std::mem::take(&mut envelope) {
                Envelope { from: Some(from), to } if !to.is_empty() => {
                    say(&mut stream, "354 end with a line that is a dot").await?;
                    match data(&mut stream).await? {
                        Some(source) => {
                            keep(Delivered { from, to, source });
                            say(&mut stream, "250 caught").await?;
                        }
                        None => {
                            say(&mut stream, "552 too large").await?;
                            return Ok(());
                        }
                    }
                }
                early => {
                    envelope = early;
                    say(&mut stream, "503 MAIL and RCPT first").await?;
                }
            },
            "RSET" => {
                envelope = Envelope::default();
                say(&mut stream, "250 OK").await?;
            }
            "NOOP" => say(&mut stream, "250 OK").await?,
            "QUIT" => return say(&mut stream, "221 goodbye").await,
            _ => say(&mut stream, "502 not here").await?,
        }
    }
}

/// `FROM:<address>`, with parameters after it that are not looked at.
fn path(argument: &str, keyword: &str) -> Option<String> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    let rest = rest.trim_start().strip_prefix('<').filter(|_| head.eq_ignore_ascii_case(keyword))?;
    rest.split_once('>').map(|(address, _)| address.to_owned())
}

/// The letter up to the line that is a dot, without the dots that were put in front of lines (RFC 5321,
/// section 4.5.2). Only CR LF ends a line, so that nothing inside a letter ends it.
async fn data(stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<Vec<u8>>> {
    let mut letter = Vec::new();
    let mut at_start = true;
    loop {
        let line = line(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if at_start && line == b".\r\n" {
            return Ok(Some(letter));
        }
        let kept = if at_start { line.strip_prefix(b".").unwrap_or(&line) } else { &line };
        if letter.len() + kept.len() > LARGEST_LETTER {
            return Ok(None);
        }
        letter.extend_from_slice(kept);
        at_start = line.ends_with(b"\r\n");
    }
}

/// The next line with its end, or as much of it as a line may be long; nothing when the client left.
async fn line(stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut bounded = stream.take(LONGEST_LINE as u64);
    tokio::time::timeout(LONGEST_SILENCE, bounded.read_until(b'\n', &mut line))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)??;
    Ok((!line.is_empty()).then_some(line))
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), reply: &str) -> io::Result<()> {
    let bytes = format!("{reply}\r\n");
    tokio::time::timeout(LONGEST_SILENCE, stream.write_all(bytes.as_bytes()))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server says to this, and what it keeps.
    fn talk(input: &[u8]) -> (String, Vec<Delivered>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (client, server) = tokio::io::duplex(64 * 1024);
            let (mut reader, mut writer) = tokio::io::split(client);
            let mut kept = Vec::new();
            let talk = async {
                writer.write_all(input).await.unwrap();
                writer.shutdown().await.unwrap();
                drop(writer);
                let mut said = String::new();
                reader.read_to_string(&mut said).await.unwrap();
                said
            };
            let (_, said) = tokio::join!(serve(server, |letter| kept.push(letter)), talk);
            (said, kept)
        })
    }

    const HEAD: &str = "EHLO me\r\nMAIL FROM:<a@b.co> BODY=8BITMIME\r\nRCPT TO:<c@d.co>\r\nDATA\r\n";

    fn caught(data: &[u8]) -> Vec<Vec<u8>> {
        let input = [HEAD.as_bytes(), data, b"QUIT\r\n"].concat();
        talk(&input).1.into_iter().map(|letter| letter.source).collect()
    }

    #[test]
    fn a_letter_is_kept_byte_by_byte() {
        let (said, kept) = talk(format!("{HEAD}Subject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n").as_bytes());
        let codes: Vec<_> = said.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["220", "250", "250", "250", "250", "250", "354", "250", "221"], "{said}");
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].from.as_str(), &kept[0].to[..]), ("a@b.co", &["c@d.co".to_owned()][..]));
        assert_eq!(kept[0].source, b"Subject: x\r\n\r\n.dot\r\nend\r\n");
    }

    #[test]
    fn only_a_dot_between_two_line_ends_ends_a_letter() {
        let inside = b"a\n.\nMAIL FROM:<x@y.co>\r\n.\nb\r\n.c\r\n";
        assert_eq!(caught(&[inside, &b".\r\n"[..]].concat()), [b"a\n.\nMAIL FROM:<x@y.co>\r\n\nb\r\nc\r\n"]);
        let long = [&[b'x'; LONGEST_LINE][..], b".\r\nmore\r\n.\r\n"].concat();
        assert_eq!(caught(&long), [[&[b'x'; LONGEST_LINE][..], b".\r\nmore\r\n"].concat()]);
    }

    #[test]
    fn sizes_are_bounded() {
        let line = [&[b'x'; 998][..], b"\r\n"].concat();
        assert_eq!(caught(&[line.repeat(1_048), b".\r\n".to_vec()].concat()).len(), 1);
        assert!(caught(&[line.repeat(1_049), b".\r\n".to_vec()].concat()).is_empty());
        let people = "RCPT TO:<a@b.co>\r\n".repeat(101);
        let (said, _) = talk(format!("EHLO me\r\nMAIL FROM:<>\r\n{people}QUIT\r\n").as_bytes());
        assert_eq!(said.matches("452 ").count(), 1, "{said}");
        let (said, _) = talk(&[&[b'x'; 1_000][..], b"\r\nQUIT\r\n"].concat());
        assert!(said.contains("500 ") && !said.contains("221 "), "{said}");
    }

    #[test]
    fn the_order_of_commands_is_asked_for() {
        for (input, code) in [
            ("MAIL FROM:<a@b.co>\r\n", "503"),
            ("EHLO me\r\nRCPT TO:<a@b.co>\r\n", "503"),
            ("EHLO me\r\nDATA\r\n", "503"),
            ("EHLO me\r\nMAIL FROM:<a@b.co>\r\nDATA\r\n", "503"),
            ("EHLO me\r\nMAIL FROM:<a@b.co>\r\nMAIL FROM:<a@b.co>\r\n", "503"),
            ("EHLO me\r\nMAIL FROM:<a@b.co>\r\nRSET\r\nRCPT TO:<c@d.co>\r\n", "503"),
            ("EHLO me\r\nMAIL TO:<a@b.co>\r\n", "501"),
            ("STARTTLS\r\n", "502"),
            ("VRFY a\r\n", "502"),
            ("NOOP\n", "500"),
        ] {
            let (said, kept) = talk(input.as_bytes());
            assert!(said.lines().last().unwrap().starts_with(code), "{input:?}: {said}");
            assert!(kept.is_empty());
        }
    }
}
