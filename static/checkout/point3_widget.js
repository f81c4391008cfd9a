/**
 * `next_action.type === "point3_widget"`: opens Point3's widget over the page and waits for its message.
 *
 * The message comes from a browser, so it is believed only when both its origin and its window are the widget's, and even
 * then it is a hint. Iframe, classes and message shape: docs/gateways/point3.md §7 and §9 (traps 1, 2, 7 and 9).
 */

const SANDBOX =
  "allow-forms allow-scripts allow-same-origin allow-popups allow-top-navigation allow-modals " +
  "allow-popups-to-escape-sandbox allow-presentation allow-storage-access-by-user-activation " +
  "allow-top-navigation-by-user-activation";

/**
 * @param {{url: string, origin: string}} action
 * @param {{texts: Record<string, string>, order_name: string, amount_text: string}} page
 * @returns {Promise<import("./checkout.js").Result | null>} null when the buyer left
 */
export function openPoint3Widget(action, page) {
  const background = document.getElementById("page");
  const { overlay, iframe, close } = build(action, page);

  return new Promise((resolve) => {
    window.addEventListener("message", onMessage);
    document.addEventListener("keydown", onKey);
    close.addEventListener("click", onClose);
    document.body.append(overlay);
    background.inert = true;
    overlay.focus();

    function onMessage(event) {
      if (event.origin !== action.origin || event.source !== iframe.contentWindow) return;
      const { status, msg } = Object(event.data);
      if (status === "success" && typeof msg === "string" && msg !== "") finish({ proof: { signature: msg }, saysPaid: true });
      if (status === "error") finish(null);
    }

    function onKey(event) {
      if (event.key === "Escape") finish(null);
    }

    function onClose() {
      finish(null);
    }

    /** The first message ends it: no listener is left that could act twice. */
    function finish(result) {
      window.removeEventListener("message", onMessage);
      document.removeEventListener("keydown", onKey);
      overlay.remove();
      background.inert = false;
      resolve(result);
    }
  });
}

function build(action, { texts, order_name, amount_text }) {
  const overlay = element("div", "point3-widget", {
    role: "dialog",
    "aria-modal": "true",
    "aria-label": `${texts.widget_label}: ${order_name}, ${amount_text}`,
    tabindex: "-1",
  });
  const bar = element("div", "point3-widget-bar");
  const order = element("span", "point3-widget-order", {}, order_name);
  const amount = element("span", "point3-widget-amount", {}, amount_text);
  const close = element("button", "point3-widget-close", { id: "close-widget", type: "button" }, "×");
  close.setAttribute("aria-label", texts.widget_close);
  const inner = element("div", "point3-widget-inner");
  const loading = element("p", "point3-widget-loading", {}, texts.widget_loading);
  const iframe = element("iframe", "", {
    id: "point3-widget-iframe",
    title: texts.widget_title,
    sandbox: SANDBOX, // before src: a sandbox applies from the next navigation on
    src: action.url,
  });
  iframe.addEventListener("load", () => loading.remove());
  bar.append(order, amount, close);
  inner.append(loading, iframe);
  overlay.append(bar, inner);
  return { overlay, iframe, close };
}

function element(tag, className, attributes = {}, text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}
