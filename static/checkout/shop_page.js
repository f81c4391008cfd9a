/**
 * The shop's page around this one, where `static/onetill.js` has put the checkout into a frame of it.
 *
 * It names its origin in the fragment, which no server and no log sees, and messages go to that origin alone. Who may frame us at
 * all is said by the policy's `frame-ancestors`: no page hears anything by naming another's origin.
 */

const told = new URLSearchParams(window.location.hash.slice(1));
const origin = originOf(told.get("shop"));

/** @type {"overlay" | "inline" | null} null: the checkout has the window to itself, or a page that does not listen */
export const frameMode = window.parent !== window && origin ? (told.get("mode") === "inline" ? "inline" : "overlay") : null;

/** @returns {{postMessage: (message: object) => void} | null} */
export function shopPage() {
  return frameMode && { postMessage: (message) => window.parent.postMessage(message, origin) };
}

/**
 * What that page may ask: whether we are there (`hello`), and that we end, as by our own × (`close`).
 *
 * @param {Record<string, () => void>} answers by what is asked
 */
export function hearShopPage(answers) {
  if (!frameMode) return;
  window.addEventListener("message", ({ origin: from, source, data }) => {
    if (from === origin && source === window.parent && Object.hasOwn(answers, data?.status)) answers[data.status]();
  });
}

/** The text, where it is an origin of the web: never `*`, nor the `null` of a page without one. */
function originOf(text) {
  try {
    return /^https?:/.test(text) && new URL(text).origin === text ? text : null;
  } catch {
    return null;
  }
}
