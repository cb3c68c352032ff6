use std::path::Path;

use serde_json::json;
use test_support::{browser, node};

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name)
}

#[tokio::test]
async fn a_script_gets_its_input_and_answers() {
    let answer = node::run_script(&script("sign.mjs"), &json!({ "subject": "usr_1" })).await;
    assert_eq!(answer, json!({ "subject": "usr_1" }));
}

#[tokio::test]
async fn a_running_script_answers_questions() {
    let mut running = node::Script::start(&script("count.mjs"), &json!({ "from": 40 })).await;
    assert_eq!(running.ask(&json!({ "add": 1 })).await, json!(41));
    assert_eq!(running.ask(&json!({ "add": 1 })).await, json!(42));
}

#[tokio::test]
async fn a_script_drives_the_browser() {
    let answer = browser::run_script(&script("page.mjs"), &json!({ "title": "a page" })).await;
    assert_eq!(answer["title"], "a page clicked");
}
