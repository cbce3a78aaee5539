// With scripts the form is sent by the client, which repeats it safely when the network fails, and what is wrong is
// said next to its field. Without them everything here is missing, and the form still works.
import { makeIdempotencyKey, placePreorder, PreorderRefused } from "./preorder.js";

const form = document.querySelector("#preorder");
const summary = document.querySelector("#summary");
const progress = document.querySelector("#progress");
const key = form.elements.namedItem("idempotency_key");
let isBusy = false;

/** Messages at their fields, all others in the summary, which takes the focus. */
function show(message, errors = []) {
    const rest = [];
    for (const { pointer, detail } of errors) {
        const place = form.querySelector(`[data-error="${CSS.escape(pointer.replace("#/", ""))}"]`);
        if (place === null) {
            rest.push(`${pointer} ${detail}`);
        } else {
            place.textContent = `This ${detail}.`;
        }
    }
    summary.textContent = [message, ...rest].join(" ");
    summary.hidden = false;
    summary.focus();
}

function clear() {
    summary.hidden = true;
    for (const place of form.querySelectorAll("[data-error]")) {
        place.textContent = "";
    }
}

async function place() {
    const { idempotency_key: idempotencyKey, ...request } = Object.fromEntries(new FormData(form));
    try {
        const { preorder } = await placePreorder(form.dataset.api, request, { idempotencyKey });
        key.value = makeIdempotencyKey(); // whoever comes back and sends the form again wants another one
        location.assign(preorder.payment_url);
    } catch (error) {
        if (error instanceof PreorderRefused) {
            show("Please check what you entered.", error.problem.errors ?? [{ pointer: "", detail: error.message }]);
        } else {
            show("The shop does not answer. Please try again in a moment: you will not order twice.");
        }
    }
}

form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) {
        return;
    }
    isBusy = true;
    clear();
    progress.textContent = "One moment…";
    await place();
    progress.textContent = "";
    isBusy = false;
});
