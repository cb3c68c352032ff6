//! `/openapi.json` tells the truth, and bad input is harmless: Schemathesis asks every operation, with data
//! that fits the description and with data that does not, as people who are really signed in and as an app.
//!
//! What it asks about is in `api_description/world.py`, what every answer has to hold in
//! `api_description/hooks.py`. `cargo xtask soak schemathesis` runs the long form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{TestDatabase, python};
use tokio::process::Command;

use crate::platform::Platform;

/// Who asks; the admin with an API token wherever one counts. An operation for apps is asked with an app's
/// secret and one for agents with an agent's token, by all of them.
const CALLERS: [&str; 3] = ["owner", "admin", "member"];

/// Who asks everything that the description leads to one by one, also in the short form. What is wrong with a
/// request is looked at when its caller may make it, and the Owner may make most.
const SYSTEMATIC: &str = "owner";

const IN_A_BROWSER: &str = "people consent at the service, in a browser that comes back";
const NO_SERVICE: &str = "no service is behind the accounts of the test";
const NO_DATABASE: &str = "no database is behind the connections of the test";

/// Operations that nobody can complete here, and why.
const NEVER_COMPLETED: &[(&str, &str)] = &[
    ("begin_connect_attempt", IN_A_BROWSER),
    ("begin_another_connect_attempt", IN_A_BROWSER),
    ("begin_own_connect_attempt", IN_A_BROWSER),
    ("begin_another_own_connect_attempt", IN_A_BROWSER),
    ("complete_connect_attempt", IN_A_BROWSER),
    ("complete_connect_attempt_at_imported_service", IN_A_BROWSER),
    ("execute_action", NO_SERVICE),
    ("run_action", NO_SERVICE),
    ("execute_custom_api", NO_SERVICE),
    ("confirm_ssh_host_key", NO_DATABASE),
    ("confirm_ssh_host_key_by_form", NO_DATABASE),
    ("read_ssh_host_key_by_form", NO_DATABASE),
    ("query_internal_database", NO_DATABASE),
    ("query_external_database", NO_DATABASE),
    ("query_organization_database", NO_DATABASE),
    ("try_data_query", NO_DATABASE),
    ("run_data_query", NO_DATABASE),
    ("run_data_query_by_form", NO_DATABASE),
    ("complete_set_up", "the platform of the test is set up"),
    ("complete_set_up_by_form", "the platform of the test is set up"),
    ("complete_sign_in", "needs a code from the provider; every caller's own sign-in completes it"),
    ("read_api_description", "Schemathesis reads it, and for that leaves it out"),
];

/// How thorough a run is.
enum Form {
    /// Part of every test run: repeats itself, so that a failure stays.
    Short,
    /// Draws its own numbers, with this many examples per operation.
    Long(u32),
}

impl Form {
    /// `VYBE_SCHEMATHESIS` has the number of examples of the long form.
    fn wanted() -> Self {
        let examples = std::env::var("VYBE_SCHEMATHESIS").ok().and_then(|examples| examples.parse().ok());
        examples.map_or(Self::Short, Self::Long)
    }

    fn apply(&self, command: &mut Command, caller: &str) -> Duration {
        match self {
            Self::Short => {
                let phases =
                    if caller == SYSTEMATIC { "examples,coverage,fuzzing" } else { "examples,fuzzing" };
                command.args(["--max-examples", "4", "--seed", "1", "--phases", phases]);
                command.env("VYBE_MOST_CASES", "60");
                Duration::from_secs(600)
            }
            Self::Long(examples) => {
                command.args(["--phases", "examples,coverage,fuzzing"]);
                command.args(["--max-examples", &examples.to_string()]);
                Duration::from_secs(6 * 60 * 60)
            }
        }
    }
}

#[test]
#[ignore = "a step of its own in `cargo xtask test`, with the machine to itself"]
fn bad_input_gets_no_server_error_no_undocumented_answer_and_no_secret() {
    test_support::run(async {
        let folder = tempfile::tempdir().unwrap();
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let description = folder.path().join("description.json");
        std::fs::write(&description, described(&platform, &database).to_string()).unwrap();
        let form = Form::wanted();
        let [owner, admin, member] =
            CALLERS.map(|caller| run(caller, &platform, &description, folder.path(), &form));
        let (owner, admin, member) = tokio::join!(owner, admin, member);

        let operations = operations(&platform).await;
        let mut requests = 0;
        let mut failures = 0;
        let mut answered: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
        for run in [owner, admin, member] {
            failures += run.failures;
            requests += run.requests;
            for (operation, statuses) in run.answered {
                answered.entry(operation).or_default().extend(statuses);
            }
        }
        let missed: Vec<&String> = operations
            .iter()
            .filter(|operation| !NEVER_COMPLETED.iter().any(|(name, _)| name == operation))
            .filter(|operation| {
                let statuses = answered.get(*operation);
                !statuses.is_some_and(|statuses| statuses.iter().any(|status| *status < 400))
            })
            .collect();
        if !missed.is_empty() {
            println!("never completed, so never tried beyond refusals: {missed:?}");
        }
        println!("schemathesis: {} operations, {requests} requests, {failures} failures", operations.len());
        assert_eq!(failures, 0);
        assert!(missed.is_empty());
    });
}

#[test]
fn the_description_is_valid_and_says_every_status() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let document = document(&platform).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("openapi.json");
        std::fs::write(&file, document.to_string()).unwrap();
        let mut validator = Command::new(python::programs().join("openapi-spec-validator"));
        let output = validator.args(["--schema", "3.1"]).arg(&file).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

        let mut described = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let answers = operation["responses"].as_object().unwrap();
                let exact = |status: &String| status.len() == 3 && status.parse::<u16>().is_ok();
                assert!(answers.keys().all(exact), "{method} {path}: {:?}", answers.keys());
                assert!(
                    answers.keys().any(|status| status.as_str() < "400"),
                    "{method} {path} never succeeds"
                );
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let (name, pattern) =
                        (parameter["name"].as_str().unwrap(), &parameter["schema"]["pattern"]);
                    let identifies = parameter["in"] == "path" && name.ends_with("_id");
                    let is_described =
                        pattern.as_str().is_some_and(|pattern| pattern.contains("_[0-9a-f]{32}"));
                    assert!(
                        !identifies || is_described || parameter["schema"]["$ref"].is_string(),
                        "{path}: {name}"
                    );
                }
                described += 1;
            }
        }
        let mounted = document["x-endpoints"].as_array().unwrap();
        let here = mounted.iter().filter(|endpoint| endpoint["surface"] == "platform").count();
        assert_eq!(described, here);
        assert_eq!(mounted.len(), platform.demo.running.endpoints.len());
    });
}

/// What one caller's run came to.
struct Outcome {
    requests: u64,
    failures: u64,
    /// Which statuses each operation answered with.
    answered: BTreeMap<String, BTreeSet<u16>>,
}

async fn run(caller: &str, platform: &Platform, description: &Path, folder: &Path, form: &Form) -> Outcome {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/api_description");
    let report = folder.join(format!("{caller}.json"));
    let figures = folder.join(format!("{caller}-figures.json"));
    let mut command = Command::new(python::programs().join("st"));
    command
        .arg("--config-file")
        .arg(here.join("schemathesis.toml"))
        .args(["run", &platform.url("/openapi.json"), "--no-color"])
        .arg("--tls-verify")
        .arg(authority(platform))
        .args(["--report", "json", "--report-json-path"])
        .arg(&report);
    let patience = form.apply(&mut command, caller);
    command
        .current_dir(folder)
        .env("PYTHONPATH", &here)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("VYBE_DESCRIPTION", description)
        .env("VYBE_CALLER", caller)
        .env("VYBE_FIGURES", &figures)
        .kill_on_drop(true);
    let output = tokio::time::timeout(patience, command.output()).await.unwrap().unwrap();
    let read = |file: &Path| -> Value {
        let text = std::fs::read(file).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    };
    let report = read(&report);
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let mut failures = u64::try_from(count(&report["failures"]) + count(&report["errors"])).unwrap();
    if !output.status.success() || report["complete"] != true {
        println!("as {caller}:\n{}", String::from_utf8_lossy(&output.stdout));
        println!("{}", String::from_utf8_lossy(&output.stderr));
        failures = failures.max(1);
    }
    let mut outcome = Outcome { requests: 0, failures, answered: BTreeMap::new() };
    for (operation, statuses) in read(&figures).as_object().into_iter().flatten() {
        for (status, number) in statuses.as_object().into_iter().flatten() {
            outcome.requests += number.as_u64().unwrap_or_default();
            if let Ok(status) = status.parse() {
                outcome.answered.entry(operation.clone()).or_default().insert(status);
            }
        }
    }
    outcome
}

/// What the callers need to know, and what no answer may contain.
fn described(platform: &Platform, database: &TestDatabase) -> Value {
    let mut description = platform.demo.description.clone();
    let folder = platform.demo.description_path.parent().unwrap();
    let key = std::fs::read_to_string(folder.join("master.key")).unwrap();
    let canaries = [database.url().to_owned(), folder.display().to_string(), key.trim().to_owned()];
    description["canaries"] = json!(canaries);
    description
}

fn authority(platform: &Platform) -> PathBuf {
    platform.demo.description["authority"].as_str().unwrap().into()
}

async fn document(platform: &Platform) -> Value {
    platform.browser().client.request("GET", &platform.url("/openapi.json")).send().await.json()
}

async fn operations(platform: &Platform) -> BTreeSet<String> {
    let document = document(platform).await;
    let items = document["paths"].as_object().unwrap().values();
    items
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect()
}
