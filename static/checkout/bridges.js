/**
 * Passes the result on to the app around a web view, through whichever of Point3's bridges exist there.
 *
 * It is a hint for the app like every browser message: the shop's server asks ours before it delivers anything.
 * Names and shapes: docs/gateways/point3.md §7 (Android and React Native take a JSON string, iOS a dictionary of strings).
 */

/** The three bridges: how to find each one, and what it takes. */
const BRIDGES = {
  Point3WidgetBridge: [() => window.Point3WidgetBridge, JSON.stringify],
  point3WidgetHandler: [() => window.webkit?.messageHandlers?.point3WidgetHandler, (message) => message],
  ReactNativeWebView: [() => window.ReactNativeWebView, JSON.stringify],
};

/**
 * @param {"success" | "error"} status
 * @param {string} msg the signature after a success, else a short reason such as `closed`
 * @param {{payment_id: string, payment_status: string}} payment
 */
export function tellApp(status, msg, { payment_id, payment_status }) {
  const message = { status, msg, payment_id, payment_status };
  for (const [name, [find, encode]] of Object.entries(BRIDGES)) {
    try {
      find()?.postMessage(encode(message)); // called as a method: native objects refuse a detached function
    } catch (error) {
      console.warn(`${name} did not take the result:`, error);
    }
  }
}
