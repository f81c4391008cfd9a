/**
 * Remembers, in this tab only, what the gateway's browser side gave us, until the server has decided, and for which attempt
 * the buyer left for the gateway's page. So a reload repeats the same question, and "back" does not lead away again. Without storage (private mode, some web views) the page works and merely forgets.
 */

const keyOf = (paymentId) => `onetill:proof:${paymentId}`;

/** @param {Record<string, string>} proof */
export function remember(paymentId, proof) {
  withStorage((storage) => storage.setItem(keyOf(paymentId), JSON.stringify(proof)));
}

/** @returns {Record<string, string> | null} */
export function recall(paymentId) {
  return withStorage((storage) => JSON.parse(storage.getItem(keyOf(paymentId)) ?? "null"));
}

export function forget(paymentId) {
  withStorage((storage) => storage.removeItem(keyOf(paymentId)));
}

const leftKeyOf = (paymentId) => `onetill:left:${paymentId}`;

export function rememberLeaving(paymentId, attemptId) {
  withStorage((storage) => storage.setItem(leftKeyOf(paymentId), attemptId));
}

/** Whether the buyer left this page for the gateway's with this attempt. */
export function hasLeft(paymentId, attemptId) {
  return withStorage((storage) => storage.getItem(leftKeyOf(paymentId)) === attemptId) ?? false;
}

function withStorage(use) {
  try {
    return use(window.sessionStorage);
  } catch (error) {
    console.warn("The browser keeps nothing for this page:", error.name);
    return null;
  }
}
