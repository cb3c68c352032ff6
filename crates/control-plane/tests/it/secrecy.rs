//! What must not be seen: secrets in the log at any level, in error pages, in addresses.

use std::time::Duration;

use serde_json::json;
use test_support::hostile_issuer::CLIENT_SECRET;
use test_support::{TestDatabase, on_both_stores};

use crate::installation::{Installation, ORIGIN};
use crate::receivers::Receiver;

on_both_stores! {
    async fn h06_j11_l05_no_secret_is_in_a_log_an_error_page_or_an_address(database: TestDatabase) {
        let (syslog, webhook) = (Receiver::syslog().await, Receiver::webhook().await);
        let collector = Receiver::webhook().await;
        let (hook, shared) = ("hook-0123456789abcdef0123456789abcdef", "c2VjcmV0LXNoYXJlZC13aXRoLXRoZS13ZWJob29rLTEyMw==");
        let audit = format!(
            "[audit]\nsyslog = \"tcp://{}\"\n[audit.webhook]\nurl = \"http://{}/{hook}\"\nsecret = \"whsec_{shared}\"\n\
             [telemetry]\notlp_endpoint = \"http://{}\"\nsample_percent = 100\n",
            syslog.address, webhook.address, collector.address
        );
        let installation = Installation::start_with(&database, &audit).await;
        let olga = installation.set_up().await;
        let mut secrets = vec![("client secret", CLIENT_SECRET.to_owned())];
        let mut keep = |what, value: &str| secrets.push((what, value.to_owned()));
        keep("webhook", shared);

        // A sign-in step by step, from an app and back to it.
        let milo = installation.browser();
        let link = installation.app_url("hello", "/private?colour=blue");
        let begun = url::Url::parse(&installation.begin(&milo, &link).await).unwrap();
        let back = installation.provider.authorize(&milo.client, begun.as_str(), "milo").await;
        for (name, value) in begun.query_pairs().chain(back.query_pairs()) {
            if matches!(&*name, "state" | "nonce" | "code") {
                keep("part of the sign-in", &value);
            }
        }
        let mut response = milo.open_once(back.as_str()).await;
        while response.status == 302 {
            let there = response.url.clone().unwrap().join(response.location()).unwrap();
            if there.path() == "/.vybe/session" {
                keep("hand-off code", there.query().unwrap().trim_start_matches("code="));
            }
            response = milo.open_once(there.as_str()).await;
        }
        assert_eq!((response.status, response.url.unwrap().as_str()), (200, link.as_str()));
        for host in ["vybe.test", "hello-acme.apps.vybe.test"] {
            for cookie in ["__Host-vybe_session", "__Host-vybe_sign_in", "__Host-vybe_hand_off"] {
                if let Some(value) = milo.client.cookie(host, cookie) {
                    keep("cookie", &value);
                }
            }
        }
        let log = installation.upstream.access_log();
        let token = log.last().unwrap().header("x-vybe-user-token").unwrap().to_owned();
        for part in token.split('.') {
            keep("user token", part);
        }

        // An app's own credential, used rightly and wrongly.
        let organization = installation.organization(&olga).await;
        let apps = olga.call("GET", &format!("{organization}/apps"), None).await.json();
        let hello = apps["apps"].as_array().unwrap().iter().find(|app| app["slug"] == "hello").unwrap().clone();
        let app = format!("/api/v1/apps/{}", hello["id"].as_str().unwrap());
        let issued =
            olga.call("POST", &format!("{app}/server-secrets"), Some(&json!({ "environment": "production" }))).await;
        assert_eq!(issued.status, 201, "{}", issued.text());
        let secret = issued.json()["value"].as_str().unwrap().to_owned();
        keep("server secret", &secret);
        let whoami = async |secret: &str, token: &str| {
            let client = installation.browser().client;
            let request = client.request("GET", &format!("{ORIGIN}/api/v1/whoami"));
            request.header("VYBE_SERVER_SECRET", secret).header("x-vybe-user-token", token).send().await
        };
        assert_eq!(whoami(&secret, &token).await.status, 200);
        let mut pages = Vec::new();
        for (secret, token) in [(&secret[1..], &*token), (&*secret, &token[1..])] {
            let refused = whoami(secret, token).await;
            assert_eq!(refused.status, 401);
            pages.push(format!("{:?} {}", refused.headers, refused.text()));
        }

        // An invitation by letter, sent twice.
        let invited = json!({ "email": "nobody@acme.test", "role": "member" });
        let mut path = format!("{organization}/invitations");
        for (body, status) in [(Some(&invited), 201), (None, 200)] {
            let made = olga.call("POST", &path, body).await;
            assert_eq!((made.status, made.json()["delivery"].clone()), (status, json!("sent")), "{}", made.text());
            let link = made.json()["link"].as_str().unwrap().to_owned();
            assert!(installation.catcher.letters()[0].text().contains(&link));
            keep("invitation", link.split_once("token=").unwrap().1);
            path = format!("{organization}/invitations/{}/resend", made.json()["id"].as_str().unwrap());
        }

        // An app that is not there any more, and a refused page of one that is.
        pages.push(milo.open(&installation.app_url("reports", "/admin")).await.text());
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let moved = json!({ "upstream": format!("http://{gone}") });
        assert_eq!(olga.call("PATCH", &app, Some(&moved)).await.status, 200);
        let unreachable = milo.open(&link).await;
        assert_eq!(unreachable.status, 502, "{}", unreachable.text());
        assert!(!unreachable.text().contains(&gone.port().to_string()), "nothing of the app's address");
        pages.push(unreachable.text());
        milo.sign_out().await;
        let export = format!("{}/audit-events/export", installation.organization(&olga).await);
        let export = olga.call("GET", &export, None).await;
        assert_eq!(export.status, 200, "{}", export.text());
        let trail = export.text();
        assert!(trail.contains("server_secrets.manage") && trail.contains("app.request"), "{trail}");
        pages.push(trail);
        let metrics = installation.metrics().await;
        assert!(metrics.contains("vybe_"), "{metrics}");
        pages.push(metrics);

        for _ in 0..100 {
            if [&syslog, &webhook].iter().all(|receiver| receiver.heard().contains("audit.read")) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        for (what, heard) in [("syslog", syslog.heard()), ("webhook", webhook.heard())] {
            let whole = ["sign_in", "server_secrets.manage", "app.request", "audit.read"];
            assert!(whole.iter().all(|action| heard.contains(action)), "{what} has everything: {heard}");
            // The address of the webhook is said to the webhook.
            pages.push(heard.replace(hook, ""));
        }
        // Spans wait for each other.
        for _ in 0..150 {
            if collector.heard().contains("GET /login/{provider}/callback") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(collector.heard().contains("GET /login/{provider}/callback"), "{}", collector.heard());
        pages.push(collector.heard());
        assert!(!installation.log().contains(hook), "the webhook's address is in the log");
        let log = installation.log();
        assert!(log.contains("TRACE") && log.contains("/login/company/callback"), "the log is complete: {}", log.len());
        let targets: Vec<_> =
            installation.upstream.access_log().into_iter().map(|entry| entry.target).collect();
        let kinds: std::collections::BTreeSet<_> = secrets.iter().map(|(what, _)| *what).collect();
        assert_eq!(kinds.len(), 8, "{kinds:?}");
        for (what, value) in &secrets {
            assert!(value.len() >= 32, "{what}: {value}");
            if let Some(at) = log.find(value.as_str()) {
                panic!("{what} is in the log: {}", &log[at.saturating_sub(400)..(at + 100).min(log.len())]);
            }
            assert!(!pages.iter().any(|page| page.contains(value.as_str())), "{what} is on a page");
            assert!(!targets.iter().any(|target| target.contains(value.as_str())), "{what} is in an address");
        }
    }
}
