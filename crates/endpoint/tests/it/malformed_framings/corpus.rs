//! Requests that two readers could frame differently, by family.

/// The host that they are for.
const HOST: &[u8] = b"host: hello-acme.vybe.test\r\n";

/// Values of `Content-Length` that are not one plain decimal number, for a body of five bytes.
const LENGTHS: [&[u8]; 24] = [
    b"+5",
    b"-5",
    b"-0",
    b"0x5",
    b"0o5",
    b"5.0",
    b"5e0",
    b"5,",
    b",5",
    b"5,5",
    b"5, 0",
    b"0, 5",
    b"5;x",
    b"5 5",
    b"5\t5",
    b"1_0",
    b"\"5\"",
    b"five",
    b"",
    b"\x0b5",
    b"5\x0c",
    b"5\0",
    b"\xef\xbc\x95",
    b"18446744073709551621",
];

/// Values of `Transfer-Encoding` that some reader takes for chunked and another does not.
const ENCODINGS: [&[u8]; 26] = [
    b"chunked, chunked",
    b"chunked,",
    b",chunked",
    b"chunked chunked",
    b"chunked, identity",
    b"identity, chunked",
    b"identity",
    b"gzip, chunked",
    b"chunked, gzip",
    b"deflate",
    b"xchunked",
    b"chunkedx",
    b"x chunked",
    b"\"chunked\"",
    b"'chunked'",
    b"chunked;q=1",
    b"chunked; foo",
    b"chunked\x0b",
    b"\x0bchunked",
    b"\x0cchunked",
    b"chunked\0",
    b"\xa0chunked",
    b"chunked\xff",
    b"chun\tked",
    b"",
    b"null",
];

/// Chunked bodies whose end two readers see in different places.
const BODIES: [&[u8]; 34] = [
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5_\r\nhello\r\n0\r\n\r\n",
    b"0_5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\t\r\nhello\r\n0\r\n\r\n",
    b"5\x0b\r\nhello\r\n0\r\n\r\n",
    b"5\0\r\nhello\r\n0\r\n\r\n",
    b"5,\r\nhello\r\n0\r\n\r\n",
    b"5g\r\nhello\r\n0\r\n\r\n",
    b"\"5\"\r\nhello\r\n0\r\n\r\n",
    b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b";a=b\r\nhello\r\n0\r\n\r\n",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n",
    b"5\r\rhello\r\n0\r\n\r\n",
    b"5\n\r\nhello\r\n0\r\n\r\n",
    b"5;a\nhello\r\n0\r\n\r\n",
    b"5;a\r\rx\nhello\r\n0\r\n\r\n",
    b"5;a=\"\r\nhello\n\"\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello\r0\r\n\r\n",
    b"5\r\nhello\r\r0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"5\r\nhello\r\n0\n\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\nx: y\n\r\n",
    b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
];

/// Headers in which the line, the name or the number of a framing header is in doubt.
const HEADERS: [&[u8]; 32] = [
    b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
    b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    b"content-length: 5\r\ncontent-length: 5\r\n",
    b"content-length: 5\r\ncontent-length: 0\r\n",
    b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
    b"content-length : 5\r\n",
    b"content-length\t: 5\r\n",
    b" content-length: 5\r\n",
    b"\tcontent-length: 5\r\n",
    b"content length: 5\r\n",
    b"content_length: 5\r\n",
    b"content-length\0: 5\r\n",
    b"content-length\r: 5\r\n",
    b"\x0bcontent-length: 5\r\n",
    b"x: y\r\n content-length: 5\r\n",
    b"x: y\r\n\tcontent-length: 5\r\n",
    b"x: y\ncontent-length: 5\r\n",
    b"x: y\rcontent-length: 5\r\n",
    b"x: y\n\rcontent-length: 5\r\n",
    b"content-length:\r\n 5\r\n",
    b"content-length: 5\n",
    b"content-length: 5\r\r\n",
    b"transfer-encoding : chunked\r\n",
    b" transfer-encoding: chunked\r\n",
    b"transfer_encoding: chunked\r\n",
    b"transfer-encoding:\r\n chunked\r\n",
    b"transfer-encoding\xa0: chunked\r\n",
    b"x: y\ntransfer-encoding: chunked\r\n",
    b"x: y\rtransfer-encoding: chunked\r\n",
    b": 5\r\n",
    b"content-length\r\n",
];

/// First lines that are not `POST /x HTTP/1.1`.
const FIRST_LINES: [&[u8]; 24] = [
    b"POST /x HTTP/1.1\n",
    b"POST /x HTTP/1.1\r",
    b"POST /x HTTP/1.1 \r\n",
    b"POST /x  HTTP/1.1\r\n",
    b"POST  /x HTTP/1.1\r\n",
    b"POST\t/x\tHTTP/1.1\r\n",
    b" POST /x HTTP/1.1\r\n",
    b"\0POST /x HTTP/1.1\r\n",
    b"\nPOST /x HTTP/1.1\r\n",
    b"PO ST /x HTTP/1.1\r\n",
    b"P\xc3\x96ST /x HTTP/1.1\r\n",
    b"POST /x\0 HTTP/1.1\r\n",
    b"POST /x y HTTP/1.1\r\n",
    b"POST x HTTP/1.1\r\n",
    b"POST http://evil.test/x HTTP/1.1\r\n",
    b"POST /x HTTP/1.10\r\n",
    b"POST /x HTTP/01.1\r\n",
    b"POST /x HTTP/1,1\r\n",
    b"POST /x HTTP/1.2\r\n",
    b"POST /x HTTP/2.0\r\n",
    b"POST /x HTTP/0.9\r\n",
    b"POST /x HTTPS/1.1\r\n",
    b"POST /x http/1.1\r\n",
    b"POST /x\r\n",
];

pub fn request(first_line: &[u8], headers: &[&[u8]], body: &[u8]) -> Vec<u8> {
    [first_line, HOST, &headers.concat(), b"\r\n", body].concat()
}

/// Every request of the corpus, by family.
pub fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    const PLAIN: &[u8] = b"POST /x HTTP/1.1\r\n";
    const EMPTY: &[u8] = b"0\r\n\r\n";
    let mut all = Vec::new();
    for value in LENGTHS {
        all.push(("length", request(PLAIN, &[b"content-length: ", value, b"\r\n"], b"hello")));
    }
    for value in ENCODINGS {
        all.push(("encoding", request(PLAIN, &[b"transfer-encoding: ", value, b"\r\n"], EMPTY)));
        // The same with a length, which a reader who passes the encoding over would use.
        let both: [&[u8]; 4] = [b"content-length: 5\r\ntransfer-encoding: ", value, b"\r\n", b""];
        all.push(("encoding and length", request(PLAIN, &both, EMPTY)));
    }
    for body in BODIES {
        all.push(("chunks", request(PLAIN, &[b"transfer-encoding: chunked\r\n"], body)));
    }
    for headers in HEADERS {
        all.push(("header", request(PLAIN, &[headers], EMPTY)));
    }
    for line in FIRST_LINES {
        all.push(("first line", request(line, &[b"content-length: 5\r\n"], b"hello")));
    }
    for version in [b"HTTP/1.0\r\n".as_slice(), b"HTTP/1.0\r\nconnection: keep-alive\r\n"] {
        let line = [b"POST /x ", version].concat();
        all.push(("old version", request(&line, &[b"transfer-encoding: chunked\r\n"], EMPTY)));
    }
    all
}
