/**
 * Onetill's drop-in for a shop's page: opens a payment's checkout and tells how it ended. See docs/drop-in.md.
 *
 *   <script src="https://pay.shop.example/static/onetill.js"></script>
 *   const result = await Onetill.open({ clientToken });   // a hint: your server reads the payment
 */
(() => {
  "use strict";

  const VERSION = "1"; // of the messages
  const FILE = /\/static\/onetill\.js([?#]|$)/;

  /** How long a frame may be silent before the checkout takes the page: in all, and once loaded. */
  const SILENCE_MS = 15_000;
  const LOADED_MS = 1_500;

  const ENDED = new Set(["paid", "canceled", "expired", "refunded"]);

  const COVER = { position: "fixed", inset: "0", width: "100%", height: "100%", margin: "0", padding: "0", border: "0" };
  const DIM = { maxWidth: "none", maxHeight: "none", overflow: "hidden", background: "rgb(13 13 13 / 40%)" };
  const FRAME = { border: "0", width: "100%", height: "100%", colorScheme: "light dark", display: "block" };
  const CROSS = { position: "absolute", right: "8px", top: "8px", width: "48px", height: "48px", border: "0" };
  const SIGN = { background: "none", color: "#fff", font: "28px/1 sans-serif", cursor: "pointer" };

  const shown = new WeakMap(); // by place (the document: over it)
  const windows = new Map(); // beside the page, by payment

  globalThis.Onetill ??= { version: VERSION, origin: originOfThisFile(), open };

  function open({ clientToken, mode = "overlay", container, onResult } = {}) {
    const { origin } = globalThis.Onetill;
    if (!/^ct_[\w-]+$/.test(clientToken)) return wrong("clientToken must be the payment's client_token (ct_…)");
    if (!origin) return wrong("set Onetill.origin: this file was not loaded from where Onetill runs");
    const url = `${origin}/checkout/${clientToken}`;
    const over = mode === "overlay";
    const listeners = new Set([onResult]);
    if (mode === "redirect" || (over && !window.HTMLDialogElement)) return leave(url).then(hear);
    const place = over ? document : typeof container === "string" ? document.querySelector(container) : container;
    if (!over && !(mode === "inline" && place instanceof Element))
      return wrong("mode must be 'overlay', 'redirect', or 'inline' with a container: an element or its selector");
    const there = shown.get(place);
    if (there?.frame.isConnected) {
      if (there.url === url) return there.listeners.add(onResult) && there.promise;
      if (over) return wrong("another payment is open");
      there.end();
    }
    const mine = { url, origin, listeners };
    shown.set(place, mine);
    return (mine.promise = (over ? overlay : inline)(mine, hear, place));

    function hear(result) {
      for (const each of listeners) {
        try {
          each?.(result);
        } catch (error) {
          console.error(error); // the shop's own
        }
      }
      return result;
    }
  }

  /** Over the page, inert behind it: a modal dialog keeps the focus, and gives it back. */
  function overlay(mine, hear) {
    const root = document.documentElement;
    const { overflow } = root.style;
    const dialog = made("dialog", { ...COVER, ...DIM });
    const cross = made("button", { ...CROSS, ...SIGN }); // until the checkout has its own
    cross.textContent = "×";
    cross.ariaLabel = inKorean() ? "닫기" : "Close";
    return new Promise((resolve) => {
      let last = null;
      const frame = framed(mine, "overlay", { ready, closed, heard: (result) => (last = hear(result)) });
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
  function inline(mine, hear, place) {
    return new Promise((resolve) => {
      const heard = (result) => ENDED.has(hear(result).payment_status) && resolve(result);
      const frame = framed(mine, "inline", { heard });
      mine.end = () => resolve(left(frame.stop()));
      frame.style.minHeight = "680px";
      place.replaceChildren(frame);
    });
  }

  /** In place of the page, which ends here. */
  function leave(url) {
    window.location.assign(`${url}#go`);
    return new Promise((resolve) => {
      window.addEventListener("pageshow", ({ persisted }) => persisted && resolve(left()));
    });
  }

  /** The checkout in a frame. Only that frame is heard, while it shows our origin, in the schema we know. */
  function framed(mine, mode, { heard, ready, closed }) {
    const { url, origin } = mine;
    const frame = (mine.frame = made("iframe", FRAME));
    const giveUp = () => frame.isConnected && leave(url);
    let timer = setTimeout(giveUp, SILENCE_MS);
    frame.title = inKorean() ? "결제" : "Checkout";
    frame.allow = "payment *; clipboard-write";
    frame.referrerPolicy = "no-referrer";
    frame.src = `${url}#shop=${encodeURIComponent(window.location.origin)}&mode=${mode}`;
    frame.addEventListener("load", () => {
      if (!timer) return;
      clearTimeout(timer);
      timer = setTimeout(giveUp, LOADED_MS);
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

  /** The gateway's page cannot be framed: in a window of its own, where wanted and not blocked, else in this one. */
  function goElsewhere(url, where) {
    const before = windows.get(url);
    if (where === "window" && before && !before.closed) return before.focus();
    const popup = where === "window" && window.open("", "_blank", "popup,width=480,height=760");
    if (!popup) return leave(url);
    windows.set(url, popup);
    popup.opener = null; // it cannot lead this page away, nor we close it
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

  /** By its element or, where imported, by what was fetched. */
  function originOfThisFile() {
    const elements = [document.currentScript, ...document.scripts].map((script) => script?.src);
    const fetched = performance.getEntriesByType("resource").map(({ name }) => name);
    const address = [...elements, ...fetched].find((each) => FILE.test(each));
    return address ? new URL(address).origin : null;
  }
})();
