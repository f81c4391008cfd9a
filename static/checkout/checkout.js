/**
 * The checkout page: takes a buyer from an open payment to a result that our server has proven.
 *
 * What a gateway's widget says is a hint (law 1). It only brings `POST /payments/complete` forward, and the page
 * shows what that call answers. Each `next_action.type` (docs/api.md) is one module with one function, listed in ACTIONS: it
 * takes the action and the page's data, and resolves to a Result, or to null when the buyer left. It throws NotOpened when
 * there never was a window.
 *
 * @typedef {{proof: Record<string, string>, saysPaid: boolean, saysDeclined?: boolean}} Result what `complete` is told, and what
 *   the browser's side claims: that only decides how long a buyer is asked to wait for the answer, and in which words
 */
import { leaveToken } from "./address.js";
import { createApi, uuid } from "./api.js";
import { tellApp, tellShopPage } from "./bridges.js";
import { askUntilDecided, pause } from "./confirm.js";
import { leavesForGateway } from "./device.js";
import {
  forget,
  hasChosen,
  hasLeft,
  isNews,
  mayHaveWindow,
  recall,
  remember,
  rememberChoice,
  rememberLeaving,
  rememberWindow,
} from "./memory.js";
import { createPanel } from "./panel.js";
import { openPoint3Widget } from "./point3_widget.js";
import { openPortOneV1 } from "./portone_v1_sdk.js";
import { openPortOneV2 } from "./portone_v2_sdk.js";
import { leaveForGateway } from "./redirect.js";
import { NotOpened } from "./script.js";
import { frameMode, hearShopPage } from "./shop_page.js";
import { createWayBack } from "./way_back.js";
import { whenBack } from "./when_back.js";

const ACTIONS = {
  point3_widget: openPoint3Widget,
  portone_v1_sdk: openPortOneV1,
  portone_v2_sdk: openPortOneV2,
  redirect: leaveForGateway,
};

/** Actions after which the browser may be gone, to come back to our return address. */
const LEAVING = new Set(["portone_v1_sdk", "portone_v2_sdk", "redirect"]);

/** Where the server's return page sends a buyer who came back without a decided payment. */
const RETURNED = "#returned";

/** Who came by these has just been sent to pay: by the shop's page (static/onetill.js), or by this one, at another gateway. */
const GO = "#go";
const POPUP = "#popup";
const SENT = new Set([GO, POPUP]);

/** Problems of `complete` that speak about the proof: it is of no more use, but a new attempt may be. */
const PROOF_REFUSED = new Set([400, 409, 422]);

/** Statuses that are news to an app around a web view. While nothing is known, it hears nothing. */
const NEWS = { paid: "success", canceled: "error", expired: "error", refunded: "error" };

/** And to a shop's page around us, each time that it opens us: what was paid in full or in part is no `error`. */
const NEWS_TO_SHOP = { ...NEWS, partially_refunded: "success", review: "error", awaiting_deposit: "error" };

/** Whose window shows its own end to the buyer in there. */
const PAYS_ON = new Set(["paid", "awaiting_deposit"]);

/** How often a frame looks whether the buyer is done in the window beside it. */
const LOOK_EVERY_MS = 1_500;

/** How long a buyer who closes the frame waits at most for the newest status. */
const LAST_LOOK_MS = 1_000;

const page = JSON.parse(document.getElementById("checkout-data").textContent);
const api = createApi(page);
const panel = createPanel(page, createWayBack(page, close));
let presentStatus = page.status;
let beyond = null; // what this page knows and the server has not said yet: "processing" from a proof on, "unknown" after a mismatch
let toldStatus = null; // of the last result that went to who is around
let watched = 0; // counts what is waited for in another window, so that only the last of it is
let attemptKey = null; // kept until its attempt is answered, so that asking twice cannot open two
let attemptAt; // the gateway that it is for

window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload(); // back from the gateway's page: what we show is old
});
whenBack(lookAgain);
hearShopPage({ hello: () => ask("ready", ""), close });
document.documentElement.dataset.script = "on"; // all of it has loaded and runs: the page needs no fallback
document.querySelector(".fallback")?.setAttribute("hidden", "");
run(start);

async function start() {
  ask("ready", "");
  await leaveToken(page);
  const proof = recall(page);
  const undecided = page.status === "open" || page.status === "processing";
  return proof && undecided ? confirm(proof) : follow(page);
}

/** The buyer is back at this page, from another tab or his bank's app: it shows where the payment stands by now. */
async function lookAgain() {
  const answer = panel.isAtRest() ? await api.read() : null;
  if (answer?.kind !== "payment" || !panel.isAtRest()) return;
  if (answer.payment.status !== presentStatus) await run(() => follow(answer.payment));
  else if (panel.isChoosing()) await run(() => chosenElsewhere(answer.payment));
}

/** Have the shop's page take the frame away, once it has been told the newest that there is. */
async function close() {
  const answer = await Promise.race([api.read(), pause(LAST_LOOK_MS)]);
  const now = answer?.payment;
  if (now && now.status in NEWS_TO_SHOP && now.status !== presentStatus) rest(now);
  else if (now) presentStatus = now.status;
  const status = beyond ?? presentStatus;
  if (status !== toldStatus || status === "awaiting_deposit") tell("error", "closed", status, tellShopPage);
  ask("close", "");
}

/** Where a payment stands says what comes next: ask about it, let the buyer pay, or rest. */
async function follow(payment) {
  presentStatus = payment.status;
  beyond = null;
  if (payment.status === "processing") return confirm({});
  if (payment.status !== "open" || !payment.next_action) return rest(payment);
  if (mayChoose()) return panel.show("choose", { pay: (gateway) => run(() => choose(gateway, payment.next_action)) });
  return mayHaveBeenThere(payment.next_action) ? showClosed(payment.next_action) : pay(payment.next_action);
}

/** Whether the shop left it to the buyer how to pay, and no window is open yet, nor was, as far as this browser knows. */
function mayChoose() {
  const isSent = [RETURNED, POPUP].includes(window.location.hash);
  return page.choices.length > 0 && !isSent && !hasLeft(page) && !hasChosen(page);
}

/** Pay as the buyer has chosen, at the first gateway with the attempt that is there. */
async function choose(gateway, action) {
  panel.show("paying");
  const now = await api.read();
  if (now.kind === "payment" && now.payment.status !== "open") return follow(now.payment);
  if (now.kind === "payment" && chosenElsewhere(now.payment)) return undefined;
  page.choices = [];
  if (gateway !== page.gateway) return openAttempt(gateway);
  rememberChoice(page);
  if (frameMode && leavesPage(action)) {
    const told = api.complete({}); // the page that takes our place reads no memory of this frame's: the server tells it
    if (leavesForGateway) await told;
  }
  return pay(action);
}

/** Another tab has chosen meanwhile, and may have its window open: there is no second choice, but what became of that. */
function chosenElsewhere(payment) {
  const isOver = isReplaced(payment) || hasChosen(page);
  if (isOver) page.choices = [];
  if (isReplaced(payment)) window.location.reload();
  else if (isOver) run(() => showClosed(payment.next_action));
  return isOver;
}

/**
 * Whether the buyer may have been at the gateway with this attempt already: then what became of it is found out first.
 * This tab knows; and where an app or a bank led him back elsewhere, the cookie of this browser says that he was here before.
 */
function mayHaveBeenThere(action) {
  if (window.location.hash === RETURNED || hasLeft(page)) return true;
  return page.seen && leavesPage(action) && !SENT.has(window.location.hash) && !frameMode;
}

/** Let the buyer pay at the gateway, then ask our server about it. */
async function pay(action) {
  const open = ACTIONS[action.type];
  if (!open) return panel.show("unopened", { retry: () => window.location.reload() }); // an old script of ours in a cache
  if (frameMode && leavesPage(action)) return payElsewhere();
  if (frameMode && mayHaveWindow(page)) movedOn().then((payment) => payment && window.location.reload());
  panel.show("paying");
  const leaving = () => rememberLeaving(page);
  if (LEAVING.has(action.type)) window.addEventListener("pagehide", leaving);
  try {
    const result = await open(action, page);
    if (!result?.saysPaid) return showClosed(action, result ?? {}); // left, or declined in there: nothing to remember
    remember(page, result.proof);
    return confirm(result.proof);
  } catch (error) {
    if (!(error instanceof NotOpened)) throw error;
    return panel.show("unopened", { detail: error.message, retry: () => run(() => pay(action)), others: others() });
  } finally {
    watched += 1;
    window.removeEventListener("pagehide", leaving);
  }
}

/** Whether the gateway's page takes the place of ours: no page of a shop lets it into its frame. */
function leavesPage({ type }) {
  return type === "redirect" || (LEAVING.has(type) && leavesForGateway);
}

/** Have the shop's page open this payment beside itself, or in its place, and go on here when it is decided. */
async function payElsewhere() {
  const open = () => ask("leave", leavesForGateway ? "page" : "window");
  rememberLeaving(page);
  rememberWindow(page);
  panel.show("elsewhere", { retry: open, others: others() });
  open();
  const payment = await movedOn();
  return payment && follow(payment);
}

/** Look until the payment is not open any more; null where something else has come to be waited for. */
async function movedOn() {
  const mine = (watched += 1);
  for (;;) {
    await pause(LOOK_EVERY_MS);
    const answer = await api.read();
    if (mine !== watched) return null;
    if (answer.kind === "payment" && answer.payment.status !== "open") return answer.payment;
  }
}

/** Ask until the server has decided. A lost answer is asked about again, and never called a failure. */
async function confirm(proof) {
  beyond = "processing";
  panel.show("confirming");
  const answer = await askUntilDecided(
    () => api.complete(proof),
    () => panel.say(page.texts.confirming_slow),
  );
  if (!answer) return panel.show("waiting", { checkAgain: () => run(() => confirm(proof)) });
  return answer.kind === "payment" ? rest(answer.payment, proof) : showRefused(answer);
}

/** Open another attempt. When that does not work, the payment may have moved on elsewhere: look before saying so. */
async function openAttempt(gateway = page.gateway) {
  watched += 1;
  panel.show("paying");
  if (gateway !== attemptAt) attemptKey = null;
  attemptAt = gateway;
  attemptKey ??= uuid();
  const answer = await api.openAttempt(attemptKey, gateway);
  if (answer.kind !== "undecided") attemptKey = null;
  if (answer.kind === "payment") ask("stay", ""); // the window before was looked at just now: nobody pays in there any more
  if (answer.kind === "payment" && gateway !== page.gateway) return reload(); // its window needs another policy of the page
  if (answer.kind === "payment") {
    forgetReturn();
    page.attempt_id = answer.payment.attempts[answer.payment.attempts.length - 1].id;
    page.seen = false;
    page.choices = [];
    return follow({ ...answer.payment, last_failure: null }); // that was the attempt before
  }
  const now = await api.read();
  if (now.kind === "payment" && now.payment.status !== "open") return follow(now.payment);
  const sameAgain = () => run(() => openAttempt(gateway));
  if (answer.kind === "undecided") return panel.show("unopened", { retry: sameAgain, others: others(gateway) });
  return panel.show("problem", { detail: answer.detail, others: others(gateway) });
}

/** The other gateways that may take this payment, each with what choosing it does. */
function others(present = page.gateway) {
  return page.gateways
    .filter(({ name }) => name !== present)
    .map(({ name, title }) => ({ title, choose: () => run(() => openAttempt(name)) }));
}

/** A fresh attempt is open: what this browser came back from is past. */
function forgetReturn() {
  if (window.location.hash === RETURNED) history.replaceState(null, "", window.location.pathname);
}

/** Load the page anew for a fresh attempt. */
function reload() {
  if (!frameMode) history.replaceState(null, "", window.location.pathname + GO); // a frame's fragment names the shop
  window.location.reload();
}

/** Show a payment about which there is nothing to ask now. */
function rest({ status, last_failure, mismatch, next_action, attempts = [] }, proof = {}) {
  presentStatus = status;
  beyond = null;
  forget(page);
  if (status === "open") {
    if (next_action) return showClosed(next_action);
    if (mismatch) return showMismatch(mismatch); // found before this page was loaded
    return last_failure ? showDeclined(last_failure) : panel.show("unopened", { retry: again, others: others() });
  }
  if (!PAYS_ON.has(status)) ask("stay", ""); // what has ended, nobody pays in the window beside the shop's page
  const deposit = attempts.map((attempt) => attempt.deposit).filter(Boolean).pop() ?? page.deposit;
  panel.show(`${status}_heading` in page.texts ? status : "review", status === "awaiting_deposit" ? { deposit } : {});
  if (status === "paid") panel.leaveSoon();
  const signature = proof.signature ?? attempts.find((attempt) => attempt.status === "captured")?.gateway_ref;
  const word = NEWS_TO_SHOP[status];
  if (!word || status === toldStatus) return;
  const hearers = status in NEWS && isNews(page, status) ? tellApp : tellShopPage;
  tell(word, word === "success" ? (signature ?? page.captured_ref) : status, status, hearers);
}

/** The window is closed: the buyer left, was declined in there, or paid and the message was lost. Our server finds out. */
async function showClosed(action, { proof = {}, saysDeclined = false } = {}) {
  const looking = api.complete(proof);
  let retry;
  const wanted = new Promise((resolve) => (retry = () => resolve("again")));
  panel.show("closed", { retry, others: others() });
  const isImpatient = (await Promise.race([wanted, looking])) === "again";
  if (isImpatient) panel.show("paying");
  const answer = await looking;
  if (answer.kind === "problem") return showRefused(answer);
  if (answer.kind === "undecided" && isReplaced(answer.payment)) return reload(); // another tab has opened another window
  if (answer.kind === "undecided" && answer.isProcessing) return confirm({});
  const { status, next_action } = answer.kind === "payment" ? answer.payment : { status: "open", next_action: action };
  if (status !== "open") return rest(answer.payment);
  if (!next_action) return isImpatient ? openAttempt() : rest(answer.payment);
  if (!isImpatient) {
    const state = saysDeclined ? "declined" : "closed"; // an earlier visit of this window may still be open there
    if (saysDeclined) panel.show(state, { retry, others: others() });
    tell("error", state, "open");
    await wanted;
  }
  return next_action.type === "redirect" ? openAttempt() : pay(next_action); // a gateway's page opens once
}

/** Whether a newer attempt stands in place of the one whose window this page has. */
function isReplaced(payment) {
  const newest = payment?.attempts?.at(-1);
  return newest !== undefined && newest.id !== page.attempt_id;
}

function showDeclined({ code, message }) {
  const reason = page.texts[`failure_${code}`] ?? "";
  const detail = message ? `${reason} (${message})`.trim() : reason;
  panel.show("declined", { detail, retry: again, others: others() });
  tell("error", "declined", "open");
}

function showRefused({ status, code, detail }) {
  const proofRefused = PROOF_REFUSED.has(status);
  beyond = proofRefused ? null : "unknown";
  if (proofRefused) forget(page);
  if (code === "result_mismatch") return showMismatch(detail);
  panel.show("problem", { detail, retry: proofRefused ? again : undefined, others: others() });
}

function showMismatch(detail) {
  beyond = "unknown";
  panel.show("mismatch", { detail, retry: again, others: others() });
  tell("error", "mismatch", "unknown");
}

function again() {
  run(() => openAttempt());
}

function tell(status, msg, payment_status, hearers = tellApp) {
  toldStatus = payment_status;
  hearers(status, msg, { payment_id: page.payment_id, payment_status });
}

function ask(status, msg) {
  tellShopPage(status, msg, { payment_id: page.payment_id, payment_status: beyond ?? presentStatus });
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
