//! Inviting somebody, and the page on which they accept.

use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use crate::platform::Platform;

on_both_stores! {
    async fn z09_an_invitation_is_accepted_once_by_the_address_it_names(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let path = format!("/api/v1/organizations/{}/invitations", platform.demo.seeded.organization);
        let body = json!({ "email": "outsider@elsewhere.example", "role": "member" });
        let made = owner.call("POST", &path, Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let link = made.json()["link"].as_str().unwrap().to_owned();
        assert!(link.starts_with(&platform.url("/invitations/accept?token=")), "{link}");
        let token = link.split_once("token=").unwrap().1.to_owned();
        let accept = platform.url("/invitations/accept");

        // Somebody else who got hold of the link.
        let editor = platform.signed_in("editor").await;
        let refused = editor.submit(&accept, &[("token", &token)]).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("another e-mail address"), "{}", refused.text());

        // The right person follows the link without being signed in.
        let outsider = platform.browser();
        let page = outsider.sign_in(&link, "outsider").await;
        assert_eq!((page.status, page.url.clone().unwrap().as_str()), (200, link.as_str()));
        assert_eq!(outsider.open(&platform.app_url("hello", "/")).await.status, 404, "not a member yet");
        let accepted = outsider.submit(&accept, &[("token", &token)]).await;
        assert_eq!((accepted.status, accepted.location()), (303, "/organizations"));
        assert_eq!(outsider.open(&platform.app_url("hello", "/")).await.status, 200);
        assert_eq!(outsider.open(&platform.app_url("reports", "/admin")).await.status, 403);

        let again = outsider.submit(&accept, &[("token", &token)]).await;
        assert_eq!(again.status, 404, "{}", again.text());
    }
}

#[test]
fn c08_a_form_on_an_apps_page_accepts_nothing() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let organization = format!("/organizations/{}", platform.demo.seeded.organization);
        let (leave, invite) = (format!("{organization}/leave"), format!("{organization}/invitations"));
        for path in ["/logout", "/sessions/end-all", "/invitations/accept", "/set-up", &leave, &invite] {
            let forged = member
                .client
                .request("POST", &platform.url(path))
                .header("origin", &platform.app_url("hello", ""))
                .header("sec-fetch-site", "same-site")
                .header("sec-fetch-mode", "navigate")
                .form(&[("token", "x")])
                .send()
                .await;
            assert_eq!(forged.status, 403, "{path}");
        }
        assert_eq!(member.call("GET", "/api/auth/get-session", None).await.status, 200);
    });
}
