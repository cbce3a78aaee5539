// Places a preorder with the compiled client: node place.mjs CLIENT.js {base, request, options, abortMs, read}
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it without this name

const client = await import(process.argv[2]);
const { base, request, options = {}, abortMs, read } = JSON.parse(process.argv[3]);

if (abortMs !== undefined) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("changed my mind")), abortMs);
    options.signal = controller.signal;
}

const startedMs = Date.now();
let result;
try {
    const placed = await client.placePreorder(base, request, options);
    result = { placed, state: read ? await client.readPreorder(base, placed.preorder.id, options) : undefined };
} catch (error) {
    result = {
        name: error.name, message: error.message, problem: error.problem, attempts: error.attempts,
        idempotencyKey: error.idempotencyKey, hasCause: error.cause !== undefined,
    };
}
console.log(JSON.stringify({ ...result, ms: Date.now() - startedMs }));
