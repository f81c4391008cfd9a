/**
 * Passes the result on to who is around the checkout: the app of a web view, through whichever of Point3's bridges exist there,
 * and the shop's page that has us in a frame.
 *
 * It is a hint like every browser message: the shop's server asks ours before it delivers anything. There is one message for
 * all of them, `{version, status, msg, payment_id, payment_status}`, all strings; it grows, and changes only with its version.
 * Names and shapes: docs/drop-in.md; docs/gateways/point3.md §7 (Android and React Native take a JSON string, iOS a dictionary).
 */
import { shopPage } from "./shop_page.js";

const VERSION = "1";

/** How to find each one, and what it takes. */
const BRIDGES = {
  Point3WidgetBridge: [() => window.Point3WidgetBridge, JSON.stringify],
  point3WidgetHandler: [() => window.webkit?.messageHandlers?.point3WidgetHandler, (message) => message],
  ReactNativeWebView: [() => window.ReactNativeWebView, JSON.stringify],
  shopPage: [shopPage, (message) => message],
};

/**
 * @param {"success" | "error"} status
 * @param {string} msg the signature after a success, else a short reason such as `closed`
 * @param {{payment_id: string, payment_status: string}} payment
 */
export function tellApp(status, msg, payment) {
  tell(Object.entries(BRIDGES), status, msg, payment);
}

/**
 * What is for the page around us alone: a result that an app has heard before, or what only that page can do.
 *
 * @param {"success" | "error" | "ready" | "leave" | "stay" | "close"} status `leave`: the payment goes on where no frame can
 *   follow, and `msg` says whether in a `window` beside the page or in place of the `page`. `stay`: not in that window any more
 */
export function tellShopPage(status, msg, payment) {
  tell([["shopPage", BRIDGES.shopPage]], status, msg, payment);
}

function tell(bridges, status, msg, { payment_id, payment_status }) {
  const message = { version: VERSION, status, msg, payment_id, payment_status };
  for (const [name, [find, encode]] of bridges) {
    try {
      find()?.postMessage(encode(message)); // called as a method: native objects refuse a detached function
    } catch (error) {
      console.warn(`${name} did not take the result:`, error);
    }
  }
}
