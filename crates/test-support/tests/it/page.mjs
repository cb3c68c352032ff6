import { launch } from "./browser.mjs";
import { answer, input } from "./fixture.mjs";

const browser = await launch();
const page = await browser.newPage();
await page.setContent(`<title>${input.title}</title><button onclick="document.title += ' clicked'">Go</button>`);
await page.getByRole("button", { name: "Go" }).click();
answer({ title: await page.title() });
await browser.close();
