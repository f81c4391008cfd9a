/**
 * `next_action.type === "point3_widget"`: Point3's widget over the page, until it has sent its message.
 *
 * The server has written it into the page (templates/checkout_widget.html): open, when the page came to be paid on, and once
 * more as a template for a window that is opened again. The message comes from a browser, so it is believed only when both its
 * origin and its window are the widget's, and even then it is a hint (docs/gateways/point3.md §7 and §9, traps 1, 2, 7 and 9).
 */

/**
 * @param {{url: string, origin: string}} action
 * @returns {Promise<import("./checkout.js").Result | null>} null when the buyer left
 */
export function openPoint3Widget(action) {
  const background = document.getElementById("page");
  const overlay = shown(action.url) ?? build(action.url);
  const iframe = overlay.querySelector("iframe");

  return new Promise((resolve) => {
    window.addEventListener("message", onMessage);
    document.addEventListener("keydown", onKey);
    overlay.querySelector("button").addEventListener("click", onClose);
    whenLoaded(iframe, () => overlay.querySelector(".point3-widget-loading")?.remove());
    document.body.append(...(overlay.isConnected ? [] : [overlay])); // moving a frame would load it again
    background.inert = true;
    overlay.focus();
    hearEarly();

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

    /** What was said and pressed before this module had loaded, in its order. */
    function hearEarly() {
      for (const event of takeEarly()) {
        if (event.type === "message") onMessage(event);
        else if (event.type === "keydown") onKey(event);
        else if (event.target.closest?.("#close-widget")) onClose();
      }
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

/** The widget that the server opened, if it is this one. */
function shown(url) {
  const overlay = document.querySelector("body > .point3-widget");
  return overlay?.querySelector("iframe").getAttribute("src") === url ? overlay : null;
}

/** @returns {Event[]} what `early.js` has kept; it keeps no more from now on */
function takeEarly() {
  const { types = [], events = [], keep } = window.early ?? {};
  for (const type of types) window.removeEventListener(type, keep);
  return events.splice(0);
}

function build(url) {
  const overlay = document.getElementById("widget").content.firstElementChild.cloneNode(true);
  overlay.querySelector("iframe").src = url;
  return overlay;
}

/** A frame that the server wrote may have been loaded before anybody listens; the page's own load comes after it. */
function whenLoaded(iframe, done) {
  if (iframe.isConnected && document.readyState === "complete") return done();
  iframe.addEventListener("load", done);
  window.addEventListener("load", done);
}
