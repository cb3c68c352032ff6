// A member's visit in a real browser. Says what was seen; the test judges it.
//
// The authority of the test's certificate is not in the browser's store, so its errors are ignored here:
// that the certificate is right is shown by the test's other clients, which trust that authority alone.
import { launch } from "./browser.mjs";
import { answer, input, serve } from "./fixture.mjs";

const { platform, hello, reports, payroll } = input;
const browser = await launch({ args: input.resolve ? [`--host-resolver-rules=${input.resolve}`] : [] });
const newContext = () =>
  browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1200, height: 860 }, deviceScaleFactor: 2 });
const context = await newContext();
context.setDefaultTimeout(20_000);

// Every host that a page was shown from, and what the browser itself refused to load or show.
const shownBy = [];
const refused = [];
context.on("page", (page) =>
  page.on("framenavigated", (frame) => frame === page.mainFrame() && shownBy.push(new URL(frame.url()).host)),
);
context.on("requestfailed", (request) =>
  refused.push({ method: request.method(), url: request.url(), error: request.failure().errorText }),
);

const text = (page, selector) => page.locator(selector).textContent();

// At the provider's pages: a click on a name, or a login and consent.
async function become(page, { button, login }) {
  if (button) return page.getByRole("button", { name: button }).click();
  await page.locator("[name=login]").fill(login);
  await page.locator("[name=password]").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const settled = async (page, selector, initial) => {
  await page.waitForFunction(([at, before]) => document.querySelector(at)?.textContent !== before, [selector, initial]);
  return text(page, selector);
};

async function signIn() {
  const page = await context.newPage();
  await page.goto(input.deepLink);
  const prompt = new URL(page.url()).host;
  await become(page, input.member);
  await page.waitForURL(input.deepLink);
  const seen = {
    prompt,
    url: page.url(),
    email: await text(page, "#email"),
    target: await text(page, "#target"),
    userId: await text(page, "#x-vybe-user-id"),
    userName: await text(page, "#x-vybe-user-name"),
    token: await text(page, "#x-vybe-user-token"),
    socket: await settled(page, "#socket", "not connected"),
    event: await settled(page, "#event", "none yet"),
    cookiesOfScripts: await page.evaluate(() => document.cookie),
  };
  if (input.screenshot) await page.screenshot({ path: input.screenshot });
  return [page, seen];
}

// What a script on an app's page can do to the platform and to another app.
const attempts = (page) =>
  page.evaluate(
    async ({ platform, reports }) => {
      const call = async (path, options) => {
        try {
          const response = await fetch(platform + path, { credentials: "include", ...options });
          return { type: response.type, status: response.status, body: await response.text() };
        } catch (error) {
          return { type: "error", body: String(error) };
        }
      };
      const body = JSON.stringify({ slug: "stolen", name: "Stolen" });
      const socketToSibling = () =>
        new Promise((end) => {
          const socket = new WebSocket(`${reports.replace("https:", "wss:")}/ws`);
          socket.onopen = () => end("open");
          socket.onclose = () => end("refused");
        });
      const frame = document.createElement("iframe");
      frame.src = `${platform}/apps`;
      const framed = new Promise((loaded) => (frame.onload = loaded));
      document.body.append(frame);
      const seen = {
        session: await call("/api/auth/get-session"),
        read: await call("/api/v1/organizations"),
        readUnseen: await call("/api/v1/sessions", { mode: "no-cors" }),
        write: await call("/api/v1/organizations", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
        }),
        writeUnseen: await call("/api/v1/organizations", { method: "POST", mode: "no-cors", body }),
        deleteAll: await call("/api/v1/sessions", { method: "DELETE" }),
        siblingSocket: await socketToSibling(),
      };
      await framed;
      frame.remove();
      return seen;
    },
    { platform, reports },
  );

// A form on an app's page that is sent to the platform.
async function foreignForm() {
  const page = await context.newPage();
  await page.goto(hello);
  const [response] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.evaluate((platform) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action: `${platform}/logout` });
      document.body.append(form);
      form.submit();
    }, platform),
  ]);
  await page.close();
  return response.status();
}

async function visit(page, url) {
  const response = await page.goto(url);
  const decision = page.locator("#decision");
  return {
    status: response.status(),
    url: page.url(),
    title: await page.title(),
    decision: (await decision.count()) > 0 ? await decision.textContent() : null,
  };
}

async function signOut(open) {
  const console_ = await context.newPage();
  await console_.goto(`${platform}/apps`);
  const person = await text(console_, "#person");
  await console_.locator("#sign-out").click();
  await console_.waitForURL((url) => url.pathname !== "/apps" && url.pathname !== "/logout");
  const ended = new URL(console_.url());
  // A page in the background is painted by nobody, so the clock asks.
  const closed = () => document.querySelector("#socket").textContent === "closed";
  await open.waitForFunction(closed, null, { polling: 50, timeout: 2_000 });
  const cookies = await context.cookies();
  const again = await context.newPage();
  await again.goto(input.deepLink);
  return { person, ended: ended.origin + ended.pathname, cookies, again: new URL(again.url()).host };
}

async function asAdmin() {
  const other = await newContext();
  const page = await other.newPage();
  await page.goto(`${reports}/admin`);
  await become(page, input.administrator);
  await page.waitForURL(`${reports}/admin`);
  return text(page, "#email");
}

const [page, arrival] = await signIn();
const attempted = await attempts(page);
const formStatus = await foreignForm();
const later = await context.newPage();
shownBy.length = 0;
const home = await visit(later, `${reports}/`);
const console_ = await visit(later, `${platform}/apps`);
const second = [...new Set(shownBy)];
const admin = await visit(later, `${reports}/admin`);
const restricted = await visit(later, `${payroll}/`);
const missing = await visit(later, payroll.replace("payroll-", "nothing-"));
const cookies = await context.cookies();
answer({
  arrival, attempted, formStatus, refused, home, console: console_, second, admin, restricted, missing, cookies,
  administrator: await asAdmin(),
});
await serve(() => signOut(page), () => browser.close());
