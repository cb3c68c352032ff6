//! Requests that try to reach a ruled page, and ordinary ones that must pass.

use std::fmt;

use crate::app::App;
use crate::random::Random;
use crate::spelling::respell;

/// A request as a client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// It asks for an ordinary page in the ordinary way, and must be allowed.
    pub canonical: bool,
}

impl Request {
    pub fn get(target: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: String::new(),
            canonical: false,
        }
    }

    /// The same request for the place that a redirect names.
    pub fn redirected(&self, location: &str) -> Self {
        let path =
            location.split_once("://").and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..]));
        Self { target: path.unwrap_or(location).to_owned(), ..self.clone() }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {:?}", self.method, self.target, self.headers)
    }
}

const SECRET: [&str; 16] = [
    "/admin",
    "/admin",
    "/admin",
    "/admin/users/7",
    "/admin/picture",
    "/admin/file.txt",
    "/admin/logo.svg",
    "/admin/(..)photo",
    "/feed/(..)admin",
    "/api/admin",
    "/api/secret",
    "/reports",
    "/reports/fixed",
    "/reports/9",
    "/docs/secret",
    "/notes/secret",
];
const OPEN: [&str; 11] = [
    "/",
    "/open",
    "/open/nested",
    "/photo",
    "/feed",
    "/docs/x",
    "/docs/a/b",
    "/notes/x",
    "/legacy",
    "/api/open",
    "/images/open.svg",
];

/// Makes the request with one number.
pub struct Generator<'a> {
    random: Random,
    app: &'a App,
}

impl<'a> Generator<'a> {
    pub fn new(seed: u64, number: u64, app: &'a App) -> Self {
        Self { random: Random::new(seed, number), app }
    }

    pub fn request(mut self) -> Request {
        match self.random.below(10) {
            0 | 1 => self.canonical(),
            2..=4 => self.spelled(),
            5 | 6 => self.aliased(),
            7 => self.with_query(),
            8 => self.with_headers(),
            _ => {
                let mut request = if self.random.one_in(2) { self.aliased() } else { self.spelled() };
                let extra = self.with_headers();
                request.headers = extra.headers;
                request
            }
        }
    }

    fn secret(&mut self) -> &'static str {
        self.random.pick(&SECRET)
    }

    fn open(&mut self) -> &'static str {
        self.random.pick(&OPEN)
    }

    fn spelled(&mut self) -> Request {
        let mut path = self.secret().to_owned();
        for _ in 0..=self.random.below(3) {
            path = respell(&path, &mut self.random);
        }
        if self.random.one_in(4) {
            let tail = self.query();
            path = format!("{path}?{tail}");
        }
        let method =
            self.random.pick(&["GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH"]);
        Request { method: method.to_owned(), ..Request::get(&path) }
    }

    fn aliased(&mut self) -> Request {
        let mut page = self.secret().to_owned();
        if self.random.one_in(2) {
            page = respell(&page, &mut self.random);
        }
        let mut target = self.alias(&page);
        match self.random.below(8) {
            0 => target = respell(&target, &mut self.random),
            1 => target = self.alias(&target),
            2 => {
                let tail = self.query();
                let joint = if target.contains('?') { '&' } else { '?' };
                target = format!("{target}{joint}{tail}");
            }
            _ => {}
        }
        let request = Request::get(&target);
        if target.contains("_next/data") && self.random.one_in(2) {
            return request.header("x-nextjs-data", "1");
        }
        request
    }

    fn alias(&mut self, page: &str) -> String {
        let build = &self.app.build;
        let address = self.app.address;
        let escaped = page.replace('%', "%25").replace('&', "%26").replace('?', "%3F").replace('#', "%23");
        let slashed = escaped.replace('/', "%2F");
        match self.random.below(18) {
            0 | 1 => format!("/_next/data/{build}{page}.json"),
            2 => format!("/_next/data/{build}{page}/index.json"),
            3 => format!("/base/_next/data/{build}{page}.json"),
            4 => format!("/_next/data/x{page}.json"),
            5 => format!("{page}.rsc"),
            6 => format!("{page}.segments/_tree.segment.rsc"),
            7 => format!("{page}/index"),
            8 | 9 => format!("/_next/image?url={slashed}&w=64&q=75"),
            10 => format!("/_next/image?w=64&q=75&url={escaped}"),
            11 => format!("/_next/image?url=http%3A%2F%2F{address}{slashed}&w=64&q=75"),
            12 => format!("/_next/image?url={slashed}&w=64&q=75&url=%2Fimages%2Fopen.svg"),
            13 => {
                let inner = format!("/_next/image?url={slashed}&w=64&q=75");
                let inner =
                    inner.replace('%', "%25").replace('/', "%2F").replace('?', "%3F").replace('&', "%26");
                format!("/_next/image?url={inner}&w=64&q=75")
            }
            14 => format!("/_next/static{}", self.random.pick(&["/../..", "/..", "/%2e%2e/.."])) + page,
            15 => format!("/_next/image/?%75rl={slashed}&w=64&q=75"),
            16 => format!("/_next/image?url=%2Fimages%2F..{slashed}&w=64&q=75"),
            _ => format!("/_next/postponed/resume{page}"),
        }
    }

    fn query(&mut self) -> String {
        let secret = self.secret();
        let choices = [
            "_rsc=1abcd".to_owned(),
            "nxtPslug=secret".to_owned(),
            "nxtPid=secret".to_owned(),
            "nxtIid=secret".to_owned(),
            "%6extPid=secret".to_owned(),
            "nxt%50slug=secret".to_owned(),
            "slug=secret".to_owned(),
            "id=secret".to_owned(),
            "__nextDataReq=1".to_owned(),
            "__nextLocale=en".to_owned(),
            format!("__nextNotFoundSrcPage={secret}"),
            "_nextBubbleNoFallback=1".to_owned(),
            "nextInternalLocale=en".to_owned(),
            "amp=1".to_owned(),
            "__flight__=1".to_owned(),
            format!("url={secret}"),
            format!("x={secret}"),
            format!("path={secret}"),
            format!("matchedPath={secret}"),
            format!("/../..{secret}"),
            format!("?{secret}"),
            format!("x#{secret}"),
            "_method=DELETE".to_owned(),
            "dpl=x".to_owned(),
            "__nextppronly=1".to_owned(),
            "1".to_owned(),
        ];
        choices[self.random.below(choices.len())].clone()
    }

    fn with_query(&mut self) -> Request {
        let (path, first) = (self.open(), self.query());
        let target = if self.random.one_in(2) {
            format!("{path}?{first}")
        } else {
            format!("{path}?{first}&{}", self.query())
        };
        let target = match self.random.below(4) {
            0 => format!("/_next/data/{}{}.json?{first}", self.app.build, path),
            _ => target,
        };
        let request = Request::get(&target);
        if self.random.one_in(3) { request.header("RSC", "1") } else { request }
    }

    fn with_headers(&mut self) -> Request {
        let mut request = Request::get(self.open());
        let action = self.app.actions[self.random.below(self.app.actions.len())].clone();
        for _ in 0..=self.random.below(3) {
            let mut secret = self.secret().to_owned();
            if self.random.one_in(3) {
                secret = respell(&secret, &mut self.random);
            }
            let tree = state_tree(&secret);
            request = match self.random.below(22) {
                0 => request.header("RSC", "1"),
                1 => request.header("RSC", "1").header("Next-Router-Prefetch", "1"),
                2 => request.header("RSC", "1").header("Next-Router-State-Tree", &tree),
                3 | 4 => request.header("Next-Url", &secret),
                5 | 6 => request.header("RSC", "1").header("Next-Url", &secret),
                7 => request
                    .header("Next-Router-Prefetch", "1")
                    .header("Next-Router-Segment-Prefetch", &format!("{secret}/__PAGE__")),
                8 => request.header("x-nextjs-data", "1"),
                9 => request.header("x-matched-path", &secret),
                10 => request.header("x-invoke-path", &secret).header("x-invoke-output", &secret),
                11 => request.header("x-middleware-rewrite", &secret).header("x-middleware-invoke", "1"),
                12 => request.header("x-original-url", &secret).header("x-rewrite-url", &secret),
                13 => request.header("x-forwarded-uri", &secret).header("x-forwarded-host", "127.0.0.1"),
                14 => request.header("x-now-route-matches", "1=secret&nxtPslug=secret&nxtPid=secret"),
                15 => request.header("x-http-method-override", "POST"),
                16 => request.header("x-nextjs-rewritten-path", &secret).header("x-nextjs-postponed", "1"),
                17 => request.header("Referer", &secret).header("Purpose", "prefetch"),
                18 => {
                    request.method = "POST".to_owned();
                    request.body = "[]".to_owned();
                    request.header("Next-Action", &action).header("Content-Type", "text/plain;charset=UTF-8")
                }
                19 => form(request, &action, "multipart/form-data; boundary=b"),
                20 => form(request, &action, "Multipart/Form-Data; boundary=b"),
                _ => {
                    request.method = "POST".to_owned();
                    request.body = format!("%24ACTION_ID_{action}=");
                    request.header("Content-Type", "application/x-www-form-urlencoded")
                }
            };
        }
        request
    }

    fn canonical(&mut self) -> Request {
        let build = &self.app.build;
        let text = [
            "x",
            "caf%C3%A9",
            "a%20b",
            "Report-2026.pdf",
            "%E4%B8%AD%E6%96%87",
            "a_b~c",
            "42",
            "v1.2",
            "%5Bdraft%5D",
            "o'neil",
        ];
        let text = text[self.random.below(text.len())];
        let file = self.app.files[self.random.below(self.app.files.len())].clone();
        let query = self.random.pick(&[
            "",
            "",
            "?page=2&q=hello%20world",
            "?next=%2Fopen",
            "?a[]=1&b=%7B%7D",
            "?x",
            "?t=12:30,5",
        ]);
        let target = match self.random.below(12) {
            0..=3 => format!("{}{query}", self.open()),
            4 | 5 => format!("/docs/{text}{query}"),
            6 => format!("/notes/{text}"),
            7 => file,
            8 => "/_next/image?url=%2Fimages%2Fopen.svg&w=64&q=75".to_owned(),
            9 => format!("/_next/data/{build}/notes/{text}.json?id={text}"),
            10 => format!("/_next/data/{build}/legacy.json"),
            _ => {
                let (to, from) = (self.random.pick(&["/open", "/photo", "/feed", "/docs/x"]), self.open());
                let request = Request::get(&format!("{to}?_rsc=1abcd"));
                let request = request.header("RSC", "1").header("Next-Url", from);
                return Request { canonical: true, ..request };
            }
        };
        let mut request = Request { canonical: true, ..Request::get(&target) };
        if target.starts_with("/api/open") && self.random.one_in(2) {
            request.method = "POST".to_owned();
            request.body = "{}".to_owned();
            request = request.header("Content-Type", "application/json");
        } else if self.random.one_in(10) {
            request.method = "HEAD".to_owned();
        }
        request.header("Accept", "*/*").header("Accept-Language", "en")
    }
}

fn form(mut request: Request, action: &str, content_type: &str) -> Request {
    request.method = "POST".to_owned();
    request.body =
        format!("--b\r\nContent-Disposition: form-data; name=\"$ACTION_ID_{action}\"\r\n\r\n\r\n--b--\r\n");
    request.header("Content-Type", content_type)
}

/// The client router's account of the pages it shows, as if it showed a ruled one.
fn state_tree(page: &str) -> String {
    let mut tree = "[\"__PAGE__\",{}]".to_owned();
    for segment in page.split('/').rev().filter(|segment| !segment.is_empty()) {
        tree = format!("[\"{}\",{{\"children\":{tree}}}]", segment.replace('"', ""));
    }
    let tree = format!("[\"\",{{\"children\":{tree}}},null,null,true]");
    tree.replace('%', "%25")
        .replace('"', "%22")
        .replace('[', "%5B")
        .replace(']', "%5D")
        .replace('{', "%7B")
        .replace('}', "%7D")
}
