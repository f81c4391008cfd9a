/**
 * The checkout page: takes a buyer from an open payment to a result that our server has proven.
 *
 * What a gateway's widget says is a hint (design, law 1). It only brings `POST /payments/complete` forward, and the page
 * shows what that call answers. Each `next_action.type` (design §5) is one module with one function, listed in ACTIONS: it
 * takes the action and the page's data, and resolves to the proof for `complete`, or to null when the buyer left.
 */
import { createApi, uuid } from "./api.js";
import { tellApp } from "./bridges.js";
import { askUntilDecided } from "./confirm.js";
import { forget, recall, remember } from "./memory.js";
import { createPanel } from "./panel.js";
import { openPoint3Widget } from "./point3_widget.js";

const ACTIONS = { point3_widget: openPoint3Widget };

/** Problems of `complete` that speak about the proof: it is of no more use, but a new attempt may be. */
const PROOF_REFUSED = new Set([400, 409, 422]);

/** Statuses that are news to an app around a web view. While nothing is known, it hears nothing. */
const NEWS = { paid: "success", canceled: "error", expired: "error", refunded: "error" };

const page = JSON.parse(document.getElementById("checkout-data").textContent);
const api = createApi(page);
const panel = createPanel(page);
let attemptKey = null; // kept until its attempt is answered, so that asking twice cannot open two

run(start);

async function start() {
  const proof = recall(page.payment_id);
  const undecided = page.status === "open" || page.status === "processing";
  return proof && undecided ? confirm(proof) : follow(page);
}

/** Where a payment stands says what comes next: ask about it, let the buyer pay, or rest. */
async function follow(payment) {
  if (payment.status === "processing") return confirm({});
  if (payment.status === "open" && payment.next_action) return pay(payment.next_action);
  return rest(payment);
}

/** Let the buyer pay at the gateway, then ask our server about it. */
async function pay(action) {
  const open = ACTIONS[action.type];
  if (!open) return panel.show("unopened", { retry: () => window.location.reload() }); // an old script of ours in a cache
  panel.show("paying");
  const proof = await open(action, page);
  if (!proof) return showClosed(action);
  remember(page.payment_id, proof);
  return confirm(proof);
}

/** Ask until the server has decided. A lost answer is asked about again, and never called a failure. */
async function confirm(proof) {
  panel.show("confirming");
  const answer = await askUntilDecided(
    () => api.complete(proof),
    () => panel.say(page.texts.confirming_slow),
  );
  if (!answer) return panel.show("waiting", { checkAgain: () => run(() => confirm(proof)) });
  return answer.kind === "payment" ? rest(answer.payment, proof) : showRefused(answer);
}

/** Open another attempt. When that does not work, the payment may have moved on elsewhere: look before saying so. */
async function openAttempt() {
  panel.show("paying");
  attemptKey ??= uuid();
  const answer = await api.openAttempt(attemptKey);
  if (answer.kind !== "undecided") attemptKey = null;
  if (answer.kind === "payment") return follow({ ...answer.payment, last_failure: null }); // that was the attempt before
  const now = await api.read();
  if (now.kind === "payment" && now.payment.status !== "open") return follow(now.payment);
  if (answer.kind === "undecided") return panel.show("unopened", { retry: again });
  return panel.show("problem", { detail: answer.detail });
}

/** Show a payment about which there is nothing to ask now. */
function rest({ status, last_failure, next_action, attempts = [] }, proof = {}) {
  forget(page.payment_id);
  if (status === "open") {
    if (next_action) return showClosed(next_action);
    return last_failure ? showDeclined(last_failure) : panel.show("unopened", { retry: again });
  }
  panel.show(`${status}_heading` in page.texts ? status : "review");
  if (status === "paid") panel.leaveSoon();
  const signature = proof.signature ?? attempts.find((attempt) => attempt.status === "captured")?.gateway_ref ?? "";
  if (status in NEWS) tell(NEWS[status], status === "paid" ? signature : status, status);
}

/** The window is closed: the buyer left, was declined in there, or paid and the message was lost. Our server finds out. */
async function showClosed(action) {
  const looking = api.complete({});
  const wanted = new Promise((resolve) => panel.show("closed", { retry: () => resolve("again") }));
  const isImpatient = (await Promise.race([wanted, looking])) === "again";
  if (isImpatient) panel.show("paying");
  const answer = await looking;
  if (answer.kind === "problem") return showRefused(answer);
  if (answer.kind === "undecided" && answer.isProcessing) return confirm({});
  const { status, next_action } = answer.kind === "payment" ? answer.payment : { status: "open", next_action: action };
  if (status !== "open") return rest(answer.payment);
  if (!next_action) return isImpatient ? openAttempt() : rest(answer.payment);
  if (!isImpatient) {
    tell("error", "closed", "open");
    await wanted;
  }
  return pay(next_action);
}

function showDeclined({ code, message }) {
  const reason = page.texts[`failure_${code}`] ?? "";
  panel.show("declined", { detail: message ? `${reason} (${message})`.trim() : reason, retry: again });
  tell("error", "declined", "open");
}

function showRefused({ status, code, detail }) {
  const mismatch = code === "result_mismatch";
  const proofRefused = PROOF_REFUSED.has(status);
  if (proofRefused) forget(page.payment_id);
  panel.show(mismatch ? "mismatch" : "problem", { detail, retry: proofRefused ? again : undefined });
  if (mismatch) tell("error", "mismatch", "unknown");
}

function again() {
  run(openAttempt);
}

function tell(status, msg, payment_status) {
  tellApp(status, msg, { payment_id: page.payment_id, payment_status });
}

/** Run one step of the page. An error of ours must not leave a buyer with a spinner: a reload asks the server. */
async function run(step) {
  try {
    await step();
  } catch (error) {
    console.error(error);
    panel.show("waiting", { checkAgain: () => window.location.reload() });
  }
}
