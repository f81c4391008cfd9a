/**
 * Remembers, in this tab only, what the gateway's browser side gave us, until the server has decided. So a reload
 * repeats the same question. Without storage (private mode, some web views) the page works and merely forgets.
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

function withStorage(use) {
  try {
    return use(window.sessionStorage);
  } catch (error) {
    console.warn("The browser keeps nothing for this page:", error.name);
    return null;
  }
}
