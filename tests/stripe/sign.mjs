// Says which package it is, then signs what comes in, a JSON line each ({payload, secret, timestamp}): a header a line.
import { createInterface } from "node:readline";
import Stripe from "stripe";

console.log(JSON.stringify({ package: Stripe.PACKAGE_VERSION, api: Stripe.API_VERSION }));

const { webhooks } = new Stripe("sk_test_none");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(webhooks.generateTestHeaderString(JSON.parse(line)));
}
