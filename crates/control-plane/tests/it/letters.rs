//! Invitations by letter, from the API to the mail server and back by the link.

use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};

use crate::platform::Platform;

on_both_stores! {
    async fn an_invitation_arrives_by_letter_and_its_link_works_to_the_end(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let organization = format!("/api/v1/organizations/{}", platform.demo.seeded.organization);
        // A name that asks for every encoding.
        let name = json!({ "name": "Söhne & <b>漢字</b> =?utf-8?q?x?=" });
        assert_eq!(owner.call("PATCH", &organization, Some(&name)).await.status, 200);
        let before = platform.demo.catcher.letters().len();
        let body = json!({ "email": "outsider@elsewhere.example", "role": "member" });
        let made = owner.call("POST", &format!("{organization}/invitations"), Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        assert_eq!(made["delivery"], "sent", "{made}");
        let link = made["link"].as_str().unwrap();

        let letters = platform.demo.catcher.letters();
        assert_eq!(letters.len(), before + 1);
        let letter = &letters[0];
        assert_eq!((letter.from.as_str(), &letter.to[..]), ("vybe@vybe.localhost", &["outsider@elsewhere.example".to_owned()][..]));
        assert_eq!(letter.subject(), "Invitation to Söhne & <b>漢字</b> =?utf-8?q?x?=");
        let said = letter.text();
        assert!(said.lines().any(|line| line == link), "{said}");
        assert!(said.starts_with("owner@acme.example invites you to join the organization \"Söhne & <b>漢字</b>"), "{said}");
        let source = String::from_utf8(letter.source.clone()).unwrap();
        assert!(source.contains("\r\nTo: outsider@elsewhere.example\r\n"), "{source}");
        assert!(source.lines().all(|line| line.len() <= 998) && source.is_ascii(), "{source}");
        assert!(!source.replace("\r\n", "").contains(['\r', '\n']), "{source}");

        // The page shows what came, byte by byte.
        let mail = platform.demo.description["mail"].as_str().unwrap();
        let browser = platform.browser();
        let page = browser.open(mail).await;
        assert_eq!((page.status, page.text().contains("outsider@elsewhere.example")), (200, true));
        assert!(page.text().contains("&lt;b&gt;漢字"), "{}", page.text());
        assert_eq!(browser.open(&format!("{mail}/newest/source")).await.body, letter.source);
        let shown = browser.open(&format!("{mail}/{}", letter.number)).await;
        assert!(shown.text().contains(&format!("<a href=\"{link}\">")), "{}", shown.text());
        for missing in ["0", "999999", "x", "-1"] {
            assert_eq!(browser.open(&format!("{mail}/{missing}")).await.status, 404, "{missing}");
        }
        assert_eq!(browser.open(&platform.url("/mail")).await.status, 404, "on the provider's host only");

        // Whoever reads the letter follows its link to the end.
        let outsider = platform.browser();
        let page = outsider.sign_in(link, "outsider").await;
        assert_eq!(page.status, 200);
        let token = link.split_once("token=").unwrap().1;
        let accepted = outsider.submit(&platform.url("/invitations/accept"), &[("token", token)]).await;
        assert_eq!((accepted.status, accepted.location()), (303, "/organizations"));
        assert_eq!(outsider.open(&platform.app_url("hello", "/")).await.status, 200);
    }

    async fn sending_again_kills_the_old_link(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let path = format!("/api/v1/organizations/{}/invitations", platform.demo.seeded.organization);
        let body = json!({ "email": "outsider@elsewhere.example", "role": "member" });
        let made = owner.call("POST", &path, Some(&body)).await.json();
        let again = owner.call("POST", &format!("{path}/{}/resend", made["id"].as_str().unwrap()), None).await;
        assert_eq!(again.status, 200, "{}", again.text());
        let again = again.json();
        assert_eq!((&again["id"], &again["delivery"]), (&made["id"], &json!("sent")));
        let newest = platform.demo.catcher.letters()[0].text();
        let link = |answer: &Value| answer["link"].as_str().unwrap().to_owned();
        assert!(newest.contains(&link(&again)) && !newest.contains(&link(&made)), "{newest}");
        let outsider = platform.signed_in("outsider").await;
        for (link, status) in [(link(&made), 404), (link(&again), 200)] {
            let token = json!({ "token": link.split_once("token=").unwrap().1 });
            let accepted = outsider.call("POST", "/api/v1/invitations/accept", Some(&token)).await;
            assert_eq!(accepted.status, status, "{}", accepted.text());
        }
    }
}
