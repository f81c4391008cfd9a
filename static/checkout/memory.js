/**
 * What this tab remembers of the payment's present attempt: what the gateway's browser side gave us, until the server has
 * decided, and that the buyer left for the gateway's page. So a reload repeats the same question, and "back" does not lead away
 * again. It is all bound to the attempt: where that was left, has ended or was replaced, a reload asks nothing about it and offers
 * the payment window. Without storage (private mode, some web views) the page works and merely forgets.
 *
 * @typedef {{payment_id: string, attempt_id: string}} Page
 */

import { frameMode } from "./shop_page.js";

/** A frame has asked for another window; the tab's own page may still be to leave. They share one storage within one site. */
const LEFT = frameMode ? "hasLeftFrame" : "hasLeft";
const POPUP = "#popup";
const CHOSEN = "onetill:chosen";
const MOST_CHOSEN = 20;

const keyOf = (page) => `onetill:attempt:${page.payment_id}`;
const besideKeyOf = (page) => `onetill:beside:${page.payment_id}`;
const toldKeyOf = (page) => `onetill:told:${page.payment_id}`;

/** @param {Page} page  @param {Record<string, string>} proof */
export function remember(page, proof) {
  write(page, { ...read(page), proof });
}

/** @param {Page} page  @returns {Record<string, string> | null} */
export function recall(page) {
  return read(page).proof ?? null;
}

/** The gateway's side has nothing more to say: the buyer left its window, or the server has decided. */
export function forget(page) {
  write(page, { ...read(page), proof: undefined });
}

export function rememberLeaving(page) {
  write(page, { ...read(page), [LEFT]: true });
}

export function rememberWindow(page) {
  withStorage((storage) => storage.setItem(besideKeyOf(page), "1"));
}

/** Whether the buyer left this page for the gateway's with this attempt. */
export function hasLeft(page) {
  return read(page)[LEFT] === true;
}

/** The buyer has chosen to pay with this attempt: for all tabs of this browser, one of which may have its window open. */
export function rememberChoice(page) {
  const chosen = chosenAttempts().filter((id) => id !== page.attempt_id);
  withStorage((storage) => storage.setItem(CHOSEN, JSON.stringify([...chosen, page.attempt_id].slice(-MOST_CHOSEN))), "localStorage");
}

/** Whether he has. A browser that cannot tell has, unless it sees the payment for the first time. */
export function hasChosen(page) {
  return chosenAttempts(page.seen ? [page.attempt_id] : []).includes(page.attempt_id);
}

/** @returns {string[]} `otherwise` where nothing can be read */
function chosenAttempts(otherwise = []) {
  return withStorage((storage) => JSON.parse(storage.getItem(CHOSEN) ?? "[]"), "localStorage") ?? otherwise;
}

/** Whether this is the first time that this tab comes to this end of the payment: an app is told of it once. */
export function isNews(page, status) {
  return (
    withStorage((storage) => {
      if (storage.getItem(toldKeyOf(page)) === status) return false;
      storage.setItem(toldKeyOf(page), status);
      return true;
    }) ?? true
  );
}

/** Whether the drop-in has opened this window beside the shop's page, which goes on by itself: said once, in the fragment. */
export function isPopup(page) {
  const key = `onetill:popup:${page.payment_id}`;
  if (window.location.hash === POPUP) withStorage((storage) => storage.setItem(key, "1"));
  return window.location.hash === POPUP || withStorage((storage) => storage.getItem(key)) === "1";
}

/** Whether this frame has asked for a window beside the shop's page: it may still be open when another way was chosen. */
export function mayHaveWindow(page) {
  return withStorage((storage) => storage.getItem(besideKeyOf(page))) === "1";
}

/** What is remembered of this attempt; nothing where it is another one's. */
function read(page) {
  const kept = withStorage((storage) => JSON.parse(storage.getItem(keyOf(page)) ?? "null"));
  return kept?.attempt === page.attempt_id ? kept : {};
}

function write(page, kept) {
  withStorage((storage) => storage.setItem(keyOf(page), JSON.stringify({ ...kept, attempt: page.attempt_id })));
}

function withStorage(use, storage = "sessionStorage") {
  try {
    return use(window[storage]);
  } catch (error) {
    console.warn("The browser keeps nothing for this page:", error.name);
    return null;
  }
}
