// Keys that the compiled client makes: node keys.mjs CLIENT.js {count}
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it without this name

const { makeIdempotencyKey } = await import(process.argv[2]);
const { count } = JSON.parse(process.argv[3]);
console.log(JSON.stringify({ keys: Array.from({ length: count }, makeIdempotencyKey) }));
