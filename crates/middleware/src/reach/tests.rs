use super::*;

fn get(target: &str) -> Asked<'_, 'static> {
    Asked { method: "GET", target, content_type: &[], next_action: false, next_url: &[] }
}

/// The pages, as rules see them, of a GET.
fn pages(target: &str) -> Vec<String> {
    let reach = Reach::of(&get(target)).unwrap_or_else(|error| panic!("{target}: {error}"));
    reach.paths.iter().map(|path| path.judged().to_owned()).collect()
}

fn refused(target: &str) -> ReachError {
    match Reach::of(&get(target)) {
        Err(error) => error,
        Ok(reach) => panic!("{target} was read as {:?}", reach.paths),
    }
}

#[test]
fn p05_the_query_is_no_part_of_the_path() {
    assert_eq!(pages("/private?x=/public"), ["/private"]);
    assert_eq!(pages("/private?cb=/api/auth/callback&url=/public"), ["/private"]);
    assert_eq!(Reach::of(&get("/a/../b?x=%2e&y")).unwrap().forwarded_target(), "/b?x=%2e&y");
    assert_eq!(Reach::of(&get("/b?")).unwrap().forwarded_target(), "/b?");
    assert_eq!(Reach::of(&get("/b")).unwrap().forwarded_target(), "/b");
}

#[test]
fn p06_a_data_file_is_its_page() {
    assert_eq!(pages("/_next/data/b1/admin.json"), ["/_next/data/b1/admin.json", "/admin"]);
    assert_eq!(
        pages("/_next/data/b1/admin/users/7.json?id=7"),
        ["/_next/data/b1/admin/users/7.json", "/admin/users/7"]
    );
    assert_eq!(pages("/_next/data/b1/index.json"), ["/_next/data/b1/index.json", "/index", "/"]);
    assert_eq!(
        pages("/_next/data/b1/admin/index.json"),
        ["/_next/data/b1/admin/index.json", "/admin/index", "/admin"]
    );
    assert_eq!(
        pages("/shop/_next/data/b1/admin.json"),
        ["/shop/_next/data/b1/admin.json", "/admin", "/shop/admin"]
    );
    assert!(pages("/x/..//_next/./data/b1/%61dmin.json").contains(&"/admin".to_owned()));
    assert!(pages("/_next/data/b1/Admin.json/").contains(&"/admin".to_owned()));
}

#[test]
fn p07_a_router_payload_is_its_page() {
    assert_eq!(pages("/admin?_rsc=1x2y3"), ["/admin"]);
    for target in [
        "/admin.rsc",
        "/admin.prefetch.rsc",
        "/admin.txt",
        "/admin.html",
        "/admin.action",
        "/admin.segments/_tree.segment.rsc",
        "/admin.segments/admin/__PAGE__.segment.rsc",
        "/_next/postponed/resume/admin",
        "/admin/index",
    ] {
        assert!(pages(target).contains(&"/admin".to_owned()), "{target}");
    }
    assert!(pages("/index.rsc").contains(&"/".to_owned()));
    assert!(pages("/index.segments/_tree.segment.rsc").contains(&"/".to_owned()));
}

#[test]
fn p14_an_optimized_image_is_the_image() {
    let image = |address: &str| pages(&format!("/_next/image?url={address}&w=64&q=75"))[1..].to_vec();
    assert_eq!(image("%2Fadmin%2Flogo.png"), ["/admin/logo.png"]);
    assert_eq!(image("/admin/logo.png"), ["/admin/logo.png"]);
    assert_eq!(image("/x/../admin/%256Cogo.png"), ["/admin/logo.png"]);
    assert_eq!(image("https%3A%2F%2Fhost%3A8080%2Fadmin%2Flogo.png%3Fx"), ["/admin/logo.png"]);
    assert_eq!(image("http:///host/admin/logo.png"), ["/admin/logo.png"]);
    assert_eq!(image("%2F%2Fhost/admin/logo.png"), ["/host/admin/logo.png", "/admin/logo.png"]);
    assert_eq!(image("https://host"), ["/"]);
    assert_eq!(image("https://host/o/a%252Fb.png"), ["/o/a/b.png"]);
    assert_eq!(
        image("%2F_next%2Fimage%3Furl%3D%252Fadmin%252Flogo.png"),
        ["/_next/image", "/admin/logo.png"]
    );
    assert_eq!(image("%2Fpublic.png&url=/admin/logo.png"), ["/public.png", "/admin/logo.png"]);
    assert_eq!(pages("/_next/image?w=64&%75rl=/admin/logo.png&q=75"), ["/_next/image", "/admin/logo.png"]);
    for address in
        ["%2Fa%252Fb.png", "%2Fa%5Cb.png", "a.png", "%2Fa%09b.png", "%FF", "http:host/a", "data:,x"]
    {
        assert_eq!(refused(&format!("/_next/image?url={address}&w=64&q=75")), ReachError::Inner, "{address}");
    }
}

#[test]
fn p14_addresses_in_addresses_end() {
    let mut target = "/admin/logo.png".to_owned();
    for _ in 0..6 {
        target = format!(
            "/_next/image?url={}",
            target.replace('%', "%25").replace('?', "%3F").replace('&', "%26")
        );
    }
    assert_eq!(refused(&target), ReachError::TooDeep);
}

#[test]
fn internal_parameters_of_next_are_refused() {
    for query in [
        "nxtPid=7",
        "a=1&nxtPid=7",
        "%6extPid=7",
        "nxt%50id",
        "nxtIid=7",
        "__nextLocale=de",
        "%5f_nextDataReq=1",
        "nextInternalLocale=de",
    ] {
        assert_eq!(refused(&format!("/docs/1?{query}")), ReachError::InternalParameter, "{query}");
    }
    for query in ["nxtP=7", "next=2", "x=nxtPid", "_rsc=abc", "amp=1", "id=7&page=__next", "_=1"] {
        assert_eq!(pages(&format!("/docs/1?{query}")), ["/docs/1"], "{query}");
    }
}

#[test]
fn intercepting_routes_are_reached_through_their_page_only() {
    assert_eq!(refused("/feed/(..)photo"), ReachError::InternalRoute);
    assert_eq!(refused("/feed/%28.%29photo/7"), ReachError::InternalRoute);
    let from = |page: &'static [u8]| {
        let reach = Reach::of(&Asked { next_url: &[page], ..get("/photo") }).unwrap();
        reach.paths.iter().map(|path| path.judged().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(from(b"/admin?tab=1"), ["/photo", "/admin"]);
    assert_eq!(from(b"/%61dmin"), ["/photo", "/admin"]);
    assert_eq!(from(b""), ["/photo"]);
    let broken = Reach::of(&Asked { next_url: &[b"/a%2fb"], ..get("/photo") });
    assert_eq!(broken.unwrap_err(), ReachError::Inner);
}

#[test]
fn p12_methods() {
    let method =
        |method| Reach::of(&Asked { method, ..get("/a") }).map(|reach| reach.method.as_str().to_owned());
    assert_eq!(method("HEAD").unwrap(), "GET");
    assert_eq!(method("OPTIONS").unwrap(), "OPTIONS");
    assert_eq!(method("PURGE").unwrap(), "PURGE");
    for refused in ["TRACE", "TRACK", "CONNECT", "get", "", "GE T"] {
        assert_eq!(method(refused), Err(ReachError::Method), "{refused}");
    }
    assert_eq!(pages("/private?_method=DELETE"), ["/private"]);
}

#[test]
fn p13_whatever_may_be_a_server_action_needs_every_rule() {
    let every = |asked: Asked<'_, '_>| Reach::of(&asked).unwrap().under_every_rule;
    assert!(!every(get("/public")));
    assert!(every(Asked { next_action: true, ..get("/public") }));
    let post = |content_type: &[u8]| {
        every(Asked { method: "POST", content_type: &[content_type], ..get("/public") })
    };
    assert!(post(b"multipart/form-data; boundary=x"));
    assert!(post(b"Multipart/Form-Data"));
    assert!(post(b" multipart/form-data-x"));
    assert!(!post(b"application/x-www-form-urlencoded"));
    assert!(!post(b"application/json"));
    assert!(!post(b"multipart/mixed"));
    assert!(every(Asked {
        method: "POST",
        content_type: &[b"text/plain", b"multipart/form-data; boundary=x"],
        ..get("/public")
    }));
}

#[test]
fn plain_paths_have_no_alias() {
    for target in [
        "/",
        "/reports",
        "/reports/2026/",
        "/api/v1/things",
        "/logo.png",
        "/_next/static/chunks/main.js",
        "/_next/static/css/a.b.css",
        "/.well-known/security",
        "/_next/static/chunks/app/feed/(..)photo/page.js",
        "/a_b/c(d)",
    ] {
        assert_eq!(pages(target).len(), 1, "{target}");
    }
}
