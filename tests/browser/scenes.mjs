// What a shopper does in Chromium. `node scenes.mjs serve` starts one and prints where it is reached;
// `node scenes.mjs NAME {browser, page, …}` plays a scene in a fresh profile and prints what was seen.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = () => readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function serve() {
    const server = await chromium.launchServer({
        executablePath: "/usr/bin/chromium",
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
    });
    console.log(server.wsEndpoint());
    process.stdin.resume();
    process.stdin.on("end", () => server.close());
}

/** Opens the page; what goes over the wire and what the browser complains of is kept. */
async function open(browser, url, options = {}) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const seen = { exchanges: [], complaints: [] };
    page.on("console", (message) => message.type() === "error" && seen.complaints.push(message.text()));
    page.on("pageerror", (error) => seen.complaints.push(error.message));
    page.on("response", (response) => {
        const request = response.request();
        seen.exchanges.push({ method: request.method(), url: request.url(), status: response.status() });
    });
    await page.goto(url);
    return { page, seen };
}

async function fill(page, { email, color }) {
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel(color).check();
}

/** Axe's violations, in the light and in the dark. */
async function violations(page) {
    await page.evaluate(await axeSource());
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const results = await page.evaluate(() => globalThis.axe.run());
        found.push(...results.violations.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes[0].html}`));
    }
    return found;
}

const scenes = {
    /** Orders and lands on the payment page. */
    async order(browser, { url, entry, pays, clicks = 1, failures = 0, scripts = true }) {
        const { page, seen } = await open(browser, url, { javaScriptEnabled: scripts });
        let left = failures;
        await page.route("**/pre-order", (route) => {
            const fails = route.request().method() === "POST" && left-- > 0;
            return fails ? route.abort("connectionreset") : route.continue();
        });
        await fill(page, entry);
        const landed = page.waitForURL(`${pays}**`);
        await page.getByRole("button").click({ clickCount: clicks, noWaitAfter: true });
        await landed;
        return { ...seen, url: page.url(), heading: await page.getByRole("heading").textContent() };
    },

    /** A script on the page uses the client itself. */
    async client(browser, { url, api, request }) {
        const { page, seen } = await open(browser, url);
        const result = await page.evaluate(async ([base, body]) => {
            const { placePreorder, readPreorder } = await import("/preorder.js");
            try {
                const placed = await placePreorder(base, body, { attemptsMax: 2, backoffMs: 10 });
                const state = await readPreorder(base, placed.preorder.id);
                return { placed: { ...placed, location: placed.location?.pathname }, state };
            } catch (error) {
                return { name: error.name, problem: error.problem, attempts: error.attempts };
            }
        }, [api, request]);
        return { ...seen, ...result };
    },

    /** Orders, and is told on the same page what is wrong. */
    async refused(browser, { url, entry, says }) {
        const { page, seen } = await open(browser, url);
        await fill(page, entry);
        await page.getByRole("button").click();
        await page.getByText(says).first().waitFor();
        const focused = await page.evaluate(() => document.activeElement.id);
        return {
            ...seen, focused, url: page.url(), summary: await page.getByRole("alert").textContent(),
            email: await page.locator("#email-error").textContent(), violations: await violations(page),
        };
    },

    /** Axe looks at the page as it comes. */
    async look(browser, { url }) {
        const { page, seen } = await open(browser, url);
        return { ...seen, violations: await violations(page) };
    },

    /** The form goes to the API without the page's script, which answers with a page of its own. */
    async errorPage(browser, { url, entry }) {
        const { page, seen } = await open(browser, url);
        await fill(page, entry);
        await Promise.all([
            page.waitForNavigation(),
            page.evaluate(() => document.querySelector("form").submit()),
        ]);
        return { ...seen, url: page.url(), text: await page.locator("body").innerText(),
            violations: await violations(page) };
    },
};

const [name, text] = process.argv.slice(2);
if (name === "serve") {
    await serve();
} else {
    const { browser: endpoint, ...values } = JSON.parse(text);
    const browser = await chromium.connect(endpoint);
    console.log(JSON.stringify(await scenes[name](browser, values)));
    await browser.close();
}
