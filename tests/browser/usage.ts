// What the types let through, and what they do not. Compiled only.
import { placePreorder, PreorderRefused, PreorderUnsettled, readPreorder } from "../../examples/client/preorder.js";

export async function use(): Promise<string> {
    const request = { email: "ada@example.com", price_id: "price_aurora_lamp", color: "black" };
    try {
        const { preorder, location } = await placePreorder("http://localhost:8080", {
            ...request, properties: { gift: true, bulbs: 2, coupon: "EARLY", note: null },
        });
        const state = await readPreorder("http://localhost:8080", preorder.id);
        return `${location?.pathname ?? ""} ${state.events[0]?.status ?? ""}`;
    } catch (error) {
        if (error instanceof PreorderRefused) {
            return error.problem.errors?.[0]?.pointer ?? error.problem.type;
        }
        return error instanceof PreorderUnsettled ? error.idempotencyKey : "";
    }
}

export async function misuse(): Promise<void> {
    // @ts-expect-error: the color is missing
    await placePreorder("http://localhost:8080", { email: "ada@example.com", price_id: "price_aurora_lamp" });
    const request = { email: "ada@example.com", price_id: "price_aurora_lamp", color: "black" };
    // @ts-expect-error: properties are scalars
    await placePreorder("http://localhost:8080", { ...request, properties: { list: [1] } });
    const { preorder } = await placePreorder("http://localhost:8080", request);
    // @ts-expect-error: a new preorder cannot be completed
    if (preorder.status === "completed") {
        throw new Error();
    }
}
