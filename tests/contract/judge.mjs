// Prism as a proxy, in front of as many APIs as one run of the tests starts: the same server as `prism proxy`
// has, without a new Node for each. A line {"upstream": URL, "description": JSON} on stdin is answered with a
// line {"address": "HOST:PORT"} on stdout.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.resolve("@stoplight/prism-cli/package.json"));

// Prism would follow a redirect itself, to a payment page that is not there; what we judge is the redirect.
const fetchModule = require("node-fetch");
const follow = fetchModule.default;
fetchModule.default = (url, options) => follow(url, { ...options, redirect: "manual" });

const { createLogger } = require("@stoplight/prism-core");
const { getHttpOperationsFromSpec } = require("@stoplight/prism-http");
const { createServer } = require("@stoplight/prism-http-server");

const logger = createLogger("judge", { level: "silent" });
const read = new Map(); // text of a description: its operations

async function operationsOf(description) {
    const text = JSON.stringify(description);
    if (!read.has(text)) {
        read.set(text, await getHttpOperationsFromSpec(JSON.parse(text)));
    }
    return read.get(text);
}

async function judge({ upstream, description }) {
    const config = {
        isProxy: true, upstream: new URL(upstream), upstreamProxy: undefined, checkSecurity: true, errors: false,
        validateRequest: true, validateResponse: true,
        mock: { dynamic: false, ignoreExamples: false },
    };
    const server = createServer(await operationsOf(description), { cors: false, config, components: { logger } });
    return (await server.listen(0, "127.0.0.1")).replace("http://", "");
}

for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify({ address: await judge(JSON.parse(line)) }));
}
process.exit(0);
