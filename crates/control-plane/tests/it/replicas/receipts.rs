//! What whoever revokes something is told of the other process.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Frame, WebSocket};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::link::State;
use super::{BOUND, Two};
use crate::platform::Browser;

impl Two {
    /// A WebSocket that is open, at whichever process this browser speaks to.
    async fn socket(&self, browser: &Browser) -> WebSocket {
        let mut socket = browser.web_socket(&self.one.app_url("hello", "/ws")).await.unwrap();
        socket.send_text("hello").await;
        assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));
        socket
    }
}

/// How long from now until an instant of a receipt.
fn until(instant: &Value) -> Duration {
    let instant = OffsetDateTime::parse(instant.as_str().unwrap(), &Rfc3339).unwrap();
    (instant - OffsetDateTime::now_utc()).try_into().unwrap()
}

#[test]
fn whoever_removes_a_member_is_told_what_ended_at_both_processes() {
    test_support::run(async {
        let two = Two::start().await;
        let owner = two.one.signed_in("owner").await;
        let (_, bystander) = two.somebody("admin").await;
        let (here, there) = two.somebody("member").await;
        let mut others = two.socket(&bystander).await;
        let mut sockets = [two.socket(&here).await, two.socket(&there).await, two.socket(&there).await];

        let receipt = two.remove_member(&owner).await;
        assert_eq!(receipt["replicas"], json!({ "reached": 2, "of": 2 }), "{receipt}");
        assert_eq!(receipt["streamsCut"], 3, "{receipt}");
        assert_eq!(
            (&receipt["streamsStalled"], &receipt["sessionsEnded"]),
            (&json!(0), &json!(0)),
            "{receipt}"
        );
        assert_eq!(receipt["withinSeconds"], 2);
        let tokens = &receipt["userTokens"];
        assert_eq!(tokens["apps"], 1, "{receipt}");
        let (last, none_after) = (until(&tokens["until"]), until(&tokens["noneAfter"]));
        assert!(last > Duration::from_secs(700) && last <= none_after, "{receipt}");
        assert!(none_after <= Duration::from_secs(780), "{receipt}");
        for socket in &mut sockets {
            let end = socket.next().await;
            assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{end:?}");
        }
        others.send_text("still").await;
        assert_eq!(others.next().await, Frame::Text("still".to_owned()));

        // All sessions of somebody: those of both processes, and what is open in them.
        let mut socket = two.socket(&bystander).await;
        let second = two.at_the_other(&two.one.signed_in("admin").await);
        assert_eq!(second.open(&two.one.app_url("hello", "/")).await.status, 200);
        let _third = two.socket(&second).await;
        let ended = second.call("DELETE", "/api/v1/sessions", None).await;
        let receipt = ended.json();
        assert_eq!((ended.status, &receipt["sessionsEnded"]), (200, &json!(2)), "{receipt}");
        assert_eq!(
            (&receipt["streamsCut"], &receipt["userTokens"]["apps"]),
            (&json!(3), &json!(1)),
            "{receipt}"
        );
        assert_eq!(receipt["replicas"], json!({ "reached": 2, "of": 2 }), "{receipt}");
        let end = socket.next().await;
        assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{end:?}");
    });
}

#[test]
fn a_process_that_does_not_answer_delays_a_receipt_for_a_second_and_is_not_counted_as_reached() {
    test_support::run(async {
        let two = Two::start().await;
        let owner = two.one.signed_in("owner").await;
        let (_, there) = two.somebody("member").await;
        let _socket = two.socket(&there).await;
        two.link.set(State::Silent);
        let asked = Instant::now();
        let receipt = two.remove_member(&owner).await;
        assert!(asked.elapsed() < BOUND, "the answer took {:?}", asked.elapsed());
        assert_eq!(receipt["replicas"], json!({ "reached": 1, "of": 2 }), "{receipt}");
        assert_eq!(receipt["streamsCut"], 0, "what is not known is not counted: {receipt}");
        assert!(until(&receipt["userTokens"]["noneAfter"]) > Duration::from_secs(780), "{receipt}");
    });
}
