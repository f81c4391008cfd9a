/**
 * The visible half of the page: one state at a time, with its words, its buttons and its announcement.
 *
 * A state is a name. Its words are the texts `<state>_heading` and `<state>_text`, its icon is chosen by the style sheet, and
 * a button is visible exactly when the caller says what it does.
 */

import { isInApp, outside } from "./device.js";

const LEAVE_AFTER_MS = 2_500; // long enough to read "Payment complete"

const byId = (id) => document.getElementById(id);

/** States in which something is under way that shows its own end. */
const BUSY = new Set(["paying", "confirming", "elsewhere"]);

/** States in which money is still to be paid: in an app's browser, the phone's own may be needed for that. */
const TO_PAY = new Set(["choose", "paying", "closed", "declined", "unopened", "elsewhere"]);

/**
 * @param {{texts: Record<string, string>, lang: string, expires_at: ?string, client_token: string}} page
 * @param {(() => void) | null} goBack leads back to the shop
 */
export function createPanel(page, goBack) {
  const main = byId("checkout");
  const heading = byId("state-heading");
  const handlers = { retry: null, "check-again": null, "pay-now": null };
  for (const id of Object.keys(handlers)) byId(id).addEventListener("click", () => handlers[id]());
  byId("copy-number").addEventListener("click", copyNumber);

  return { show, say, leaveSoon, isAtRest: () => !BUSY.has(main.dataset.state), isChoosing: () => main.dataset.state === "choose" };

  /**
   * @param {string} state
   * @param {{detail?: string, retry?: () => void, checkAgain?: () => void,
   *   pay?: (gateway: string) => void, others?: {title: string, choose: () => void}[], deposit?: ?object}} [options] `pay` is
   *   told what was chosen, `others` are further gateways to pay at, `deposit` the account that waits for a transfer
   */
  function show(state, { detail = "", retry, checkAgain, pay, others = [], deposit } = {}) {
    const changed = main.dataset.state !== state;
    main.dataset.state = state;
    if (state !== "paying") document.querySelector("body > .point3-widget")?.remove(); // opened by the server, not wanted
    heading.textContent = page.texts[`${state}_heading`];
    document.title = `${heading.textContent} · ${page.order_name}`;
    fill("state-detail", detail);
    fill("expiry", retry || pay ? expiry() : "");
    offer("pay-now", pay && (() => pay(document.querySelector("#choice :checked").value)));
    byId("choice")?.toggleAttribute("hidden", !pay);
    offer("check-again", checkAgain);
    offer("retry", retry);
    showDeposit(deposit);
    showWayOut(state);
    byId("others").replaceChildren(...others.map(otherGateway));
    if (changed) heading.focus();
    say(page.texts[`${state}_text`], [heading.textContent, detail]);
  }

  /** Change the sentence below the heading, and have screen readers read it, after what belongs `before` it. */
  function say(text, before = []) {
    byId("state-text").textContent = text;
    byId("announcer").textContent = [...before, text].filter(Boolean).join(" – ");
  }

  /** Go back to the shop after a moment, unless the buyer says no. Does nothing without a way back. */
  function leaveSoon() {
    if (!goBack) return;
    const timer = setTimeout(goBack, LEAVE_AFTER_MS);
    const stay = byId("stay");
    fill("returning", page.texts.returning);
    stay.hidden = false;
    stay.addEventListener("click", () => {
      clearTimeout(timer);
      stay.hidden = true;
      fill("returning", "");
      heading.focus();
    });
  }

  function otherGateway({ title, choose }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet";
    const label = document.createElement("span"); // in one piece: a button's own parts stand in columns, without the blanks between
    const name = document.createElement("bdi");
    const [before, after] = page.texts.pay_at.split("{gateway}");
    name.textContent = title;
    label.append(before, name, after);
    button.append(label);
    button.addEventListener("click", choose);
    return button;
  }

  function offer(id, handler) {
    handlers[id] = handler;
    byId(id).hidden = !handler;
    byId(id).disabled = !handler;
  }

  function showDeposit(deposit) {
    byId("deposit").hidden = !deposit;
    byId("copy-number").hidden = !deposit?.number;
    byId("copy-number").textContent = page.texts.copy;
    const { bank, number, holder, expires_at } = Object(deposit);
    for (const [name, text] of Object.entries({ bank, number, holder, until: localTime(expires_at) })) {
      fill(`deposit-${name}`, text ?? "");
      byId(`deposit-${name}`).parentElement.hidden = !text;
    }
  }

  /** Where the browser lets no script write to the clipboard, the number is marked, to be copied by hand. */
  async function copyNumber() {
    const number = byId("deposit-number");
    try {
      await navigator.clipboard.writeText(number.textContent);
      byId("copy-number").textContent = page.texts.copied;
      byId("announcer").textContent = page.texts.copied;
    } catch {
      window.getSelection().selectAllChildren(number);
    }
  }

  function showWayOut(state) {
    const isShown = isInApp && TO_PAY.has(state);
    const address = isShown && outside(`${window.location.origin}/checkout/${page.client_token}`);
    fill("in-app", isShown ? page.texts[address ? "in_app" : "in_app_menu"] : "");
    byId("open-outside").hidden = !address;
    if (address) byId("open-outside").href = address;
  }

  function expiry() {
    const time = localTime(page.expires_at);
    return time && page.texts.pay_until.replace("{time}", () => time);
  }

  /** As people here write it, on one unbroken line; empty for none. */
  function localTime(moment) {
    const at = new Date(moment ?? NaN);
    if (Number.isNaN(at.getTime())) return "";
    return at.toLocaleString(page.lang, { dateStyle: "long", timeStyle: "short" }).replace(/ /g, "\u00a0");
  }
}

function fill(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}
