/**
 * A client for the preorder API: it places a preorder once, however often the network fails.
 *
 * No dependencies; for browsers and for Node 20 and later (18 once globalThis.crypto is set). An Idempotency-Key is
 * made once for each call and sent with every attempt, so a repeat never makes a second preorder. Repeated are lost
 * connections, cut-off answers, 409, 429 and 5xx, with exponential backoff and full jitter, never before Retry-After;
 * all within attemptsMax and totalMs. Other answers are final.
 */

export interface PreorderRequest {
    email: string;
    price_id: string;
    color: string;
    /** BCP 47, default "en": the language of the payment page. */
    locale?: string;
    /** Where the preorder came from, default "web". */
    source?: string;
    properties?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface Preorder {
    id: string;
    number: string;
    status: "initiated";
    /** Send the shopper there. */
    payment_url: string;
    created_at: string;
}

export interface Placed {
    preorder: Preorder;
    /** Where its state can be read, null if the answer did not say (or CORS hid it). */
    location: URL | null;
    /** The preorder was placed by an earlier attempt with this key. */
    replayed: boolean;
    idempotencyKey: string;
    attempts: number;
}

export interface PreorderState {
    id: string;
    number: string;
    status: "initiated" | "completed" | "cancelled";
    color: string;
    locale: string;
    created_at: string;
    updated_at: string;
    events: { metric: string; status: "pending" | "sent" | "dead" | "cancelled"; sent_at: string | null }[];
}

/** RFC 9457. */
export interface Problem {
    type: string;
    title: string;
    status: number;
    detail?: string;
    request_id?: string;
    /** What is wrong with which member; pointer is such as "#/email". */
    errors?: { detail: string; pointer: string }[];
    /** Of 429: which budget is used up. */
    "violated-policies"?: string[];
}

export interface Options {
    /** Of an earlier call whose outcome is not known; else one is made. */
    idempotencyKey?: string;
    /** Default 6. */
    attemptsMax?: number;
    /** One attempt, default 10 s. */
    attemptMs?: number;
    /** All attempts and the waits between them, default 60 s. */
    totalMs?: number;
    /** The first wait is at most that, default 300 ms; each further one twice as much, up to 10 s. */
    backoffMs?: number;
    signal?: AbortSignal;
}

/** The API refused: repeating the same request would not help, and nothing was stored. */
export class PreorderRefused extends Error {
    override readonly name = "PreorderRefused";
    constructor(readonly problem: Problem) {
        super(problem.detail ?? problem.title);
    }
}

/** No answer that settles it. The preorder may exist: call again with this key to find out. */
export class PreorderUnsettled extends Error {
    override readonly name = "PreorderUnsettled";
    constructor(
        readonly idempotencyKey: string,
        readonly attempts: number,
        /** The last answer; null if there was none. */
        readonly problem: Problem | null,
        cause: unknown,
    ) {
        super(problem?.detail ?? "The shop could not be reached.", { cause });
    }
}

const BACKOFF_MAX_MS = 10_000;

/**
 * A UUID of version 7 (RFC 9562): the time in ms, then 74 random bits. Keys of one time lie together in the API's
 * database, which random ones do not. Not crypto.randomUUID: that is version 4, and missing on pages without TLS.
 */
export function makeIdempotencyKey(): string {
    const view = new DataView(crypto.getRandomValues(new Uint8Array(16)).buffer);
    const ms = Date.now();
    view.setUint32(0, Math.floor(ms / 2 ** 16));
    view.setUint16(4, ms % 2 ** 16);
    view.setUint16(6, 0x7000 | (view.getUint16(6) & 0x0fff));
    view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
    const digits = (from: number, to: number): string =>
        Array.from({ length: to - from }, (_, i) => view.getUint8(from + i).toString(16).padStart(2, "0")).join("");
    return [digits(0, 4), digits(4, 6), digits(6, 8), digits(8, 10), digits(10, 16)].join("-");
}

/** Rejects with PreorderRefused, PreorderUnsettled, or the reason of options.signal. */
export async function placePreorder(base: string | URL, request: PreorderRequest, options: Options = {}):
    Promise<Placed> {
    const idempotencyKey = options.idempotencyKey ?? makeIdempotencyKey();
    const body = JSON.stringify(request);
    const { answer, attempts } = await settle(new URL("/pre-order", base), {
        method: "POST",
        headers: { "Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": idempotencyKey },
        body,
    }, idempotencyKey, options);
    const location = answer.headers.get("Location");
    return {
        preorder: answer.body as Preorder,
        location: location === null ? null : new URL(location, base),
        replayed: answer.headers.get("Idempotent-Replayed") === "true",
        idempotencyKey,
        attempts,
    };
}

/** How far a preorder has come. */
export async function readPreorder(base: string | URL, id: string, options: Options = {}): Promise<PreorderState> {
    const url = new URL(`/pre-order/${encodeURIComponent(id)}`, base);
    const { answer } = await settle(url, { headers: { Accept: "application/json" } }, "", options);
    return answer.body as PreorderState;
}

interface Answer {
    status: number;
    headers: Headers;
    body: unknown;
}

/** Repeats the request until an answer settles it. */
async function settle(url: URL, init: RequestInit, idempotencyKey: string, options: Options):
    Promise<{ answer: Answer; attempts: number }> {
    const attemptsMax = options.attemptsMax ?? 6;
    const deadline = Date.now() + (options.totalMs ?? 60_000);
    for (let attempts = 1; ; attempts++) {
        let answer: Answer | null = null;
        let cause: unknown;
        try {
            const leftMs = deadline - Date.now();
            answer = await ask(url, init, Math.min(options.attemptMs ?? 10_000, leftMs), options.signal);
        } catch (error) {
            options.signal?.throwIfAborted();
            cause = error;
        }
        if (answer !== null && answer.status >= 200 && answer.status < 300) {
            return { answer, attempts };
        }
        if (answer !== null && !isWorthRepeating(answer.status)) {
            throw new PreorderRefused(problemOf(answer));
        }
        const waitMs = Math.max(backoffMs(attempts, options.backoffMs ?? 300), retryAfterMs(answer));
        if (attempts >= attemptsMax || Date.now() + waitMs >= deadline) {
            throw new PreorderUnsettled(idempotencyKey, attempts, answer && problemOf(answer), cause);
        }
        await wait(waitMs, options.signal);
    }
}

function isWorthRepeating(status: number): boolean {
    return status === 409 || status === 429 || status >= 500;
}

/** One attempt, answer read to its end. Rejects when it was lost or took too long. */
async function ask(url: URL, init: RequestInit, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const forward = (): void => controller.abort(signal?.reason);
    const timer = setTimeout(() => controller.abort(new Error("no answer in time")), timeoutMs);
    signal?.addEventListener("abort", forward);
    try {
        const response = await fetch(url, {
            ...init, cache: "no-store", credentials: "omit", redirect: "error", signal: controller.signal,
        });
        const text = await response.text();
        return { status: response.status, headers: response.headers, body: parse(text, response) };
    } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", forward);
    }
}

/** A success must be whole; what a refusal says is of use only if it is JSON. */
function parse(text: string, response: Response): unknown {
    try {
        return JSON.parse(text) as unknown;
    } catch (error) {
        if (response.ok) {
            throw error;
        }
        return null;
    }
}

/** What the API said; made up from the status if something in between answered with a page of its own. */
function problemOf(answer: Answer): Problem {
    const { body } = answer;
    if (typeof body === "object" && body !== null && "type" in body && "title" in body) {
        return body as Problem;
    }
    return { type: "about:blank", title: `HTTP ${answer.status}`, status: answer.status };
}

/** Full jitter: clients that failed together do not come back together. */
function backoffMs(attempts: number, firstMs: number): number {
    return Math.random() * Math.min(BACKOFF_MAX_MS, firstMs * 2 ** (attempts - 1));
}

/** Retry-After is a number of seconds or a date; 0 if there is none. */
function retryAfterMs(answer: Answer | null): number {
    const text = answer?.headers.get("Retry-After")?.trim() ?? "";
    const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
    return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        const stop = (): void => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", stop);
            resolve();
        }, ms);
        signal?.addEventListener("abort", stop, { once: true });
    });
}
