// Serves this folder: node serve.mjs [--port 8000] [--api http://127.0.0.1:8080]
// It stands for whatever serves a shop's pages; all it does is to put the API's address and a fresh key into the page.
import { webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { makeIdempotencyKey } from "./preorder.js";

globalThis.crypto ??= webcrypto; // Node 18 has it without this name

const { values } = parseArgs({
    options: { port: { type: "string", default: "8000" }, api: { type: "string", default: "http://127.0.0.1:8080" } },
});
const api = new URL(values.api).origin;

const types = { "index.html": "text/html", "style.css": "text/css", "checkout.js": "text/javascript",
    "preorder.js": "text/javascript" };

const headers = {
    "Cache-Control": "no-store", // a page that comes from a cache would bring its old key
    "Content-Security-Policy": `default-src 'none'; script-src 'self'; style-src 'self'; connect-src ${api}; `
        + "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
};

async function answer(request, response) {
    const path = new URL(request.url, "http://localhost").pathname;
    const name = path === "/" ? "index.html" : path.slice(1);
    if (!Object.hasOwn(types, name)) {
        response.writeHead(404, headers).end();
        return;
    }
    let text = await readFile(new URL(name, import.meta.url), "utf8");
    if (name === "index.html") {
        text = text.replaceAll("{{api}}", api).replaceAll("{{key}}", makeIdempotencyKey());
    }
    response.writeHead(200, { ...headers, "Content-Type": `${types[name]}; charset=utf-8` }).end(text);
}

const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500, headers).end(`${error.message}\n`));
});
server.listen(Number(values.port), "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${server.address().port}/ orders at ${api}`);
});
