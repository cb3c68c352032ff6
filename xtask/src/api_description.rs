//! Made-up requests to every operation of `/openapi.json`, good and bad, as several callers.
//!
//! They are asked by `crates/control-plane/tests/it/api_description.rs`; this command runs it and shows its
//! closing line.

use anyhow::{Result, bail};

use crate::installation;
use crate::spoken_tests::SpokenTests;

/// The long form.
#[derive(clap::Args)]
pub struct Options {
    /// How many made-up requests per operation and caller, besides those that the description leads to one
    /// by one
    #[arg(long, default_value_t = 300)]
    examples: u32,
}

/// What the closing line begins with.
const CLOSING: &str = "schemathesis: ";

/// A step of the suite: what it asks it asks again the next time.
pub fn short(postgres: &str) -> Result<()> {
    ask(None, Some(postgres))
}

/// As long as one likes.
pub fn long(options: &Options) -> Result<()> {
    installation::install()?;
    ask(Some(options.examples), None)
}

fn ask(examples: Option<u32>, postgres: Option<&str>) -> Result<()> {
    let ended = SpokenTests {
        selection: &[
            "--exact",
            "api_description::bad_input_gets_no_server_error_no_undocumented_answer_and_no_secret",
        ],
        variable: examples.map(|examples| ("VYBE_SCHEMATHESIS", examples.to_string())),
        postgres,
        closing: CLOSING,
    }
    .run()?;
    if ended.closings == 0 {
        bail!("nothing was asked ({})", ended.status);
    }
    if !ended.status.success() {
        bail!("the API description does not hold");
    }
    Ok(())
}
