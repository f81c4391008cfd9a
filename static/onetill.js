/**
 * Onetill's drop-in for a shop's page: opens the checkout of one payment and tells how it ended. See docs/drop-in.md.
 *
 *   <script src="https://pay.shop.example/static/onetill.js"></script>
 *   const result = await Onetill.open({ clientToken });   // a hint: your server reads the payment before it delivers
 *
 * One file for <script>, <script type="module"> and import (named ones: onetill.mjs; types: onetill.d.ts). It writes no HTML and
 * no style attribute: our origin in script-src and frame-src is enough.
 */
(() => {
  "use strict";

  /** Of the checkout's messages (static/checkout/bridges.js): they grow; another shape has another number. */
  const VERSION = "1";
  const FILE = /\/static\/onetill\.js([?#]|$)/;

  /** How long a frame may be silent before the checkout takes the whole page: in all, and once loaded. */
  const SILENCE_MS = 15_000;
  const LOADED_MS = 1_500;

  const ENDED = new Set(["paid", "canceled", "expired", "refunded"]);

  const COVER = { position: "fixed", inset: "0", width: "100%", height: "100%", margin: "0", padding: "0", border: "0" };
  const DIM = { maxWidth: "none", maxHeight: "none", overflow: "hidden", background: "rgb(13 13 13 / 40%)" };
  const FRAME = { border: "0", width: "100%", height: "100%", colorScheme: "light dark", display: "block" };
  const CROSS = { position: "absolute", right: "8px", top: "8px", width: "48px", height: "48px", border: "0" };
  const SIGN = { background: "none", color: "#fff", font: "28px/1 sans-serif", cursor: "pointer" };

  let shown = null; // the overlay that is open: a double click must not make two
  let popup = null;

  globalThis.Onetill ??= { version: VERSION, origin: originOfThisFile(), open };

  /** As onetill.d.ts says. */
  function open({ clientToken, mode = "overlay", container, onResult } = {}) {
    const { origin } = globalThis.Onetill;
    if (!/^ct_[\w-]+$/.test(clientToken)) return wrong("clientToken must be the payment's client_token (ct_…)");
    if (!origin) return wrong("set Onetill.origin: this file was not loaded from where Onetill runs");
    const url = `${origin}/checkout/${clientToken}`;
    if (mode === "redirect" || (mode === "overlay" && !window.HTMLDialogElement)) return leave(url).then(hear);
    if (mode === "overlay") return (shown ??= overlay(url, origin, hear).finally(() => (shown = null)));
    const place = typeof container === "string" ? document.querySelector(container) : container;
    if (mode === "inline" && place instanceof Element) return inline(url, origin, hear, place);
    return wrong("mode must be 'overlay', 'redirect', or 'inline' with a container: an element or its selector");

    function hear(result) {
      try {
        onResult?.(result);
      } catch (error) {
        console.error(error); // the shop's own; the payment goes on
      }
      return result;
    }
  }

  /** Over the page, which is inert behind it: a modal dialog keeps the focus in, and gives it back. */
  function overlay(url, origin, hear) {
    const root = document.documentElement;
    const { overflow } = root.style;
    const dialog = made("dialog", { ...COVER, ...DIM });
    const cross = made("button", { ...CROSS, ...SIGN }); // until the checkout is there, which has its own
    cross.textContent = "×";
    cross.ariaLabel = inKorean() ? "닫기" : "Close";
    return new Promise((resolve) => {
      let last = null;
      const frame = framed(url, origin, "overlay", { ready, closed, heard: (result) => (last = hear(result)) });
      dialog.ariaLabel = frame.title;
      Object.assign(frame.style, { position: "absolute", inset: "0", opacity: "0", pointerEvents: "none" });
      dialog.append(cross, frame);
      document.body.append(dialog);
      cross.addEventListener("click", () => closed());
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        closed();
      });
      root.style.overflow = "hidden";
      dialog.showModal();

      function ready() {
        cross.remove();
        frame.style.opacity = frame.style.pointerEvents = "";
        frame.focus();
      }

      function closed(message) {
        frame.stop();
        dialog.close();
        dialog.remove();
        root.style.overflow = overflow;
        const isNews = !last || (message && message.payment_status !== last.payment_status);
        resolve(isNews ? hear(left(message)) : last);
      }
    });
  }

  /** In an element of the page, which says how wide it is. */
  function inline(url, origin, hear, place) {
    return new Promise((resolve) => {
      const heard = (result) => ENDED.has(hear(result).payment_status) && resolve(result);
      const frame = framed(url, origin, "inline", { heard });
      frame.style.minHeight = "680px";
      place.replaceChildren(frame);
    });
  }

  /** In place of the page, which ends here. One that "back" brings to life again is told that nothing is known. */
  function leave(url) {
    window.location.assign(`${url}#go`);
    return new Promise((resolve) => {
      window.addEventListener("pageshow", ({ persisted }) => persisted && resolve(left()));
    });
  }

  /** The checkout in a frame. Only that very frame is heard, only while it shows our origin, only in the schema we know. */
  function framed(url, origin, mode, { heard, ready, closed }) {
    const frame = made("iframe", FRAME);
    let timer = setTimeout(() => leave(url), SILENCE_MS);
    frame.title = inKorean() ? "결제" : "Checkout";
    frame.allow = "payment *; clipboard-write";
    frame.referrerPolicy = "no-referrer";
    frame.src = `${url}#shop=${encodeURIComponent(window.location.origin)}&mode=${mode}`;
    frame.addEventListener("load", () => {
      if (!timer) return;
      clearTimeout(timer);
      timer = setTimeout(() => leave(url), LOADED_MS); // it may not be framed, or its script does not run
    });
    frame.stop = () => {
      clearTimeout(timer);
      window.removeEventListener("message", onMessage);
    };
    window.addEventListener("message", onMessage);
    return frame;

    function onMessage({ origin: from, source, data }) {
      if (from !== origin || source !== frame.contentWindow || data?.version !== VERSION) return;
      const { status, msg } = data;
      if (status === "ready") {
        timer = clearTimeout(timer);
        ready?.();
      } else if (status === "leave") goElsewhere(url, msg);
      else if (status === "close") closed?.(data);
      else if (status === "success" || status === "error") heard(data);
    }
  }

  /** The gateway's page cannot be framed: in a window of its own, where that is wanted and not blocked, else in this one. */
  function goElsewhere(url, where) {
    if (where === "window" && popup && !popup.closed) return popup.focus();
    popup = where === "window" ? window.open("", "_blank", "popup,width=480,height=760") : null;
    if (!popup) return leave(url);
    popup.opener = null; // whoever is shown in there cannot lead this page away
    popup.location.replace(`${url}#popup`);
  }

  function left({ payment_id = "", payment_status = "unknown" } = {}) {
    return { version: VERSION, status: "error", msg: "closed", payment_id, payment_status };
  }

  function wrong(reason) {
    return Promise.reject(new TypeError(`Onetill.open: ${reason}`));
  }

  function inKorean() {
    return /^ko/.test(document.documentElement.lang || navigator.language);
  }

  function made(tag, style) {
    const element = document.createElement(tag);
    Object.assign(element.style, style);
    return element;
  }

  /** By its own element or, where it was imported, by what the browser has fetched. */
  function originOfThisFile() {
    const elements = [document.currentScript, ...document.scripts].map((script) => script?.src);
    const fetched = performance.getEntriesByType("resource").map(({ name }) => name);
    const address = [...elements, ...fetched].find((each) => FILE.test(each));
    return address ? new URL(address).origin : null;
  }
})();
