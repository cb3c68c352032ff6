// An Owner imports a service from a file, in a real browser that runs no script. Says what was seen; the test judges it.
import { launch } from "./browser.mjs";
import { answer, input } from "./fixture.mjs";

const browser = await launch({});
const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false });
context.setDefaultTimeout(20_000);
const page = await context.newPage();
const look = () => page.getByRole("button", { name: "Look what comes out" }).click();
const text = (selector) => page.locator(selector).textContent();

await page.goto(input.services);
await page.getByRole("button", { name: input.person }).click();
await page.waitForURL(input.services);
await page.getByRole("link", { name: "Import a service" }).click();
const file = { name: "acme.json", mimeType: "application/json", buffer: Buffer.from(input.document) };
await page.locator("[name=file]").setInputFiles(file);
await look();
const asked = await text("#questions");
await page.locator("[name=answer_base_url]").fill("http://api.acme-files.com");
await look();
const wrong = await text("[data-place=base_url]");
await page.locator("[name=answer_base_url]").fill(input.baseUrl);
await look();
const proposed = await text("#proposal");
await page.locator("#confirm").click();
await page.waitForURL(/\/services\/imported-/);
const imported = { url: page.url(), title: await text("h1") };

await page.locator("#import-again").click();
await page.locator("[name=document]").fill(input.document.replace("deleteFile", "removeFile"));
await look();
const suggested = await page.locator("[name=answer_base_url]").inputValue();
await look();
const changes = await text("#changes");
await page.locator("#confirm").click();
await page.waitForURL(/\/services\/imported-/);
answer({ asked, wrong, proposed, imported, suggested, changes, actions: await text("#service") });
await browser.close();
