// Starts the system's Chromium without a sandbox (tests may run as root) and without calls to its maker.
import { chromium } from "playwright-core";
import { input } from "./fixture.mjs";

export function launch(options = {}) {
  return chromium.launch({
    executablePath: input.chromium,
    headless: true,
    ...options,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(options.args ?? []),
    ],
  });
}
