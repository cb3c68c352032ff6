//! The page of an organization, used as a person does: forms, no script.

use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use crate::platform::Platform;

on_both_stores! {
    async fn whoever_runs_an_organization_does_so_on_its_page(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, admin) = (platform.signed_in("owner").await, platform.signed_in("admin").await);
        let path = format!("/organizations/{}", platform.demo.seeded.organization);
        let url = |rest: &str| platform.url(&format!("{path}{rest}"));
        let listed = owner.open(&platform.url("/organizations")).await.text();
        assert!(listed.contains(&format!("href=\"{path}\"")), "{listed}");
        let page = owner.open(&url("")).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("member@acme.example") && !page.text().contains("<script"), "{}", page.text());
        let found = owner.open(&url("?query=ADAM")).await.text();
        assert!(found.contains("admin@acme.example") && !found.contains("member@acme.example"), "{found}");

        // Invited, sent again, taken back.
        let fields = [("email", "new@elsewhere.example"), ("role", "editor")];
        let invited = admin.submit(&url("/invitations"), &fields).await;
        assert_eq!(invited.status, 200, "{}", invited.text());
        let letter = platform.demo.catcher.letters()[0].clone();
        assert_eq!(letter.to, ["new@elsewhere.example"]);
        let link = letter.text().lines().find(|line| line.starts_with("https://")).unwrap().to_owned();
        assert!(invited.text().contains(&link), "{}", invited.text());
        assert!(!owner.open(&url("")).await.text().contains("token="), "shown once");
        let api = format!("/api/v1{path}/invitations");
        let open = admin.call("GET", &api, None).await.json();
        let id = open["invitations"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(open["invitations"][0]["role"], "editor");
        let again = admin.submit(&url(&format!("/invitations/{id}/resend")), &[]).await;
        assert_eq!((again.status, again.text().contains(&link)), (200, false));
        let revoked = admin.submit(&url(&format!("/invitations/{id}/revoke")), &[]).await;
        assert_eq!((revoked.status, revoked.location()), (303, path.as_str()));
        assert_eq!(admin.submit(&url(&format!("/invitations/{id}/revoke")), &[]).await.status, 404);
        for fields in [[("email", "no address"), ("role", "editor")], [("email", "a@b.co"), ("role", "god")]] {
            assert_eq!(admin.submit(&url("/invitations"), &fields).await.status, 422);
        }

        // Roles and removals, as far as one may.
        let person = |subject: &str| platform.demo.seeded.people[subject].id;
        let member = format!("/members/{}", person("member"));
        let raised = admin.submit(&url(&format!("{member}/role")), &[("role", "editor")]).await;
        assert_eq!((raised.status, raised.location()), (303, path.as_str()));
        for fields in [("role", "owner"), ("role", "owner")] {
            let refused = admin.submit(&url(&format!("{member}/role")), &[fields]).await;
            assert_eq!(refused.status, 403, "{}", refused.text());
        }
        let itself = admin.submit(&url(&format!("/members/{}/role", person("admin"))), &[("role", "owner")]).await;
        assert_eq!(itself.status, 403);
        let last = owner.submit(&url("/leave"), &[]).await;
        assert_eq!((last.status, last.text().contains("at least one Owner")), (409, true), "{}", last.text());
        assert_eq!(admin.submit(&url(&format!("{member}/remove")), &[]).await.status, 303);
        assert_eq!(admin.submit(&url(&format!("{member}/remove")), &[]).await.status, 404);
    }

    async fn whoever_runs_an_organization_says_whether_apps_use_personal_accounts(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let admin = platform.signed_in("admin").await;
        let path = format!("/organizations/{}", platform.demo.seeded.organization);
        let (page, form) = (platform.url(&path), platform.url(&format!("{path}/settings")));
        let chosen = |text: &str, value: &str| text.contains(&format!("<option value=\"{value}\" selected>"));
        assert!(chosen(&admin.open(&page).await.text(), "true"));
        for value in ["false", "true", "false"] {
            let saved = admin.submit(&form, &[("personal_accounts_in_apps", value)]).await;
            assert_eq!((saved.status, saved.location()), (303, path.as_str()), "{}", saved.text());
            assert!(chosen(&admin.open(&page).await.text(), value));
            let read = admin.call("GET", &format!("/api/v1{path}"), None).await.json();
            assert_eq!(read["personalAccountsInApps"].to_string(), value, "{read}");
        }
        for fields in [vec![], vec![("personal_accounts_in_apps", "perhaps")]] {
            assert_eq!(admin.submit(&form, &fields).await.status, 422);
        }
    }

    async fn z05_members_see_who_is_there_and_change_nothing(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let path = format!("/organizations/{}", platform.demo.seeded.organization);
        let url = |rest: &str| platform.url(&format!("{path}{rest}"));
        let admin = platform.demo.seeded.people["admin"].id;
        let forms = [
            (format!("/members/{admin}/role"), vec![("role", "member")]),
            (format!("/members/{admin}/remove"), vec![]),
            ("/invitations".to_owned(), vec![("email", "x@elsewhere.example"), ("role", "member")]),
            (format!("/invitations/{}/resend", ids::InvitationId::generate()), vec![]),
            (format!("/invitations/{}/revoke", ids::InvitationId::generate()), vec![]),
            ("/settings".to_owned(), vec![("personal_accounts_in_apps", "false")]),
        ];
        for (subject, status) in [("member", 403), ("editor", 403), ("outsider", 404)] {
            let person = platform.signed_in(subject).await;
            let page = person.open(&url("")).await;
            if status == 403 {
                assert_eq!(page.status, 200);
                for absent in ["/remove\"", "/invitations\"", "/settings\""] {
                    assert!(!page.text().contains(absent), "{subject}: {absent}");
                }
            } else {
                assert_eq!(page.status, 404);
            }
            for (form, fields) in &forms {
                let refused = person.submit(&url(form), fields).await;
                assert_eq!(refused.status, status, "{subject} {form}: {}", refused.text());
            }
        }
        let letters = platform.demo.catcher.letters();
        assert!(letters.iter().all(|letter| letter.to != ["x@elsewhere.example"]));
    }

    async fn a_name_is_text_on_the_page(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let path = format!("/organizations/{}", platform.demo.seeded.organization);
        let name = json!({ "name": "<img src=x onerror=alert(1)>" });
        assert_eq!(owner.call("PATCH", &format!("/api/v1{path}"), Some(&name)).await.status, 200);
        let query = "?query=%22%3E%3Cimg%20src%3Dy%3E";
        for page in [format!("{path}{query}"), "/organizations".to_owned()] {
            let text = owner.open(&platform.url(&page)).await.text();
            assert!(!text.contains("<img"), "{text}");
        }
    }
}
