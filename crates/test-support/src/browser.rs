//! Scripts that drive Chromium with Playwright.
//!
//! ```js
//! import { input, answer } from "./fixture.mjs";
//! import { launch } from "./browser.mjs";
//! const browser = await launch();
//! const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
//! await page.goto(input.url);
//! answer({ title: await page.title() });
//! await browser.close();
//! ```
//!
//! `*.localhost` ends on loopback in Chromium by itself.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::node;

/// Runs a script to its end; the result is what it last answered. `input` is an object; the script finds the
/// browser through `launch()`.
///
/// # Panics
/// No Chromium is installed, or the script fails.
pub async fn run_script(script: &Path, input: &Value) -> Value {
    let mut input = input.clone();
    input["chromium"] = Value::from(chromium().display().to_string());
    node::run_script(script, &input).await
}

/// The installed browser.
///
/// # Panics
/// There is none.
#[must_use]
pub fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| {
            ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
                .map(|name| folder.join(name))
        })
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("no Chromium is installed; `cargo xtask test` installs it"))
}
