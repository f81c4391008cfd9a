/** Onetill's drop-in for a shop's page: opens a payment's checkout and tells how it ended. See docs/drop-in.md. */
(() => {
  "use strict";

  const VERSION = "1"; // of the messages

  /** Seconds of a frame's silence: at first, when something has loaded, when it has spoken. */
  const [AT_FIRST_S, LOADED_S, SPOKEN_S] = [15, 2, 3];

  const GOES_ON = new Set(["open", "processing", "awaiting_deposit", "unknown"]);

  const FILL = { border: "0", width: "100%", height: "100%" };
  const COVER = { ...FILL, padding: "0", maxWidth: "none", maxHeight: "none", background: "#0d0d0d66" };
  const AT_TOP = { position: "absolute", right: "8px", top: "8px", padding: "12px 20px" };
  const SIGN = { ...AT_TOP, border: "1px solid", background: "#14171f", color: "#fff", font: "16px sans-serif" };

  const shown = new WeakMap(); // by place (the document: over it)
  let beside; // static/onetill_window.js, once needed

  const own = Object.getOwnPropertyDescriptor; // which no name of an element is
  if (!own(globalThis, "Onetill")?.value.open)
    globalThis.Onetill = { version: VERSION, origin: originOfThisFile(), open };

  async function open({ clientToken, mode = "overlay", container, onResult } = {}) {
    const { origin } = globalThis.Onetill;
    if (!/^ct_[\w-]+$/.test(clientToken)) return wrong("clientToken must be the payment's client_token (ct_…)");
    if (!origin) return wrong("set Onetill.origin to where Onetill runs");
    const url = `${origin}/checkout/${clientToken}`;
    const over = mode === "overlay";
    const listeners = new Set([onResult]);
    if (mode === "redirect" || (over && !window.HTMLDialogElement)) return leave(url).then(hear);
    const place = over ? document : typeof container === "string" ? document.querySelector(container) : container;
    if (!over && !(mode === "inline" && place instanceof Element))
      return wrong("mode is 'overlay', 'redirect', or 'inline' with a container that is there");
    const there = shown.get(place);
    if (there?.frame.isConnected) {
      if (there.url === url) return there.listeners.add(onResult) && there.promise;
      if (over) return wrong("another payment is open");
      there.stop();
      there.end(left(there.said));
    } else there?.gone?.();
    const mine = { url, origin, listeners, hear, said: {} };
    shown.set(place, mine);
    mine.promise = new Promise((end) => (mine.end = end));
    (over ? overlay : inline)(mine, place);
    return mine.promise;

    function hear(result) {
      for (const each of listeners) queueMicrotask(() => each?.(result)); // its errors are the shop's own
      return result;
    }
  }

  /** Over the page, inert behind it: a modal dialog keeps and returns the focus. */
  function overlay(mine) {
    const { style } = document.documentElement;
    const { overflow } = style;
    const dialog = made("dialog", COVER);
    const wayOut = made("button", SIGN); // while no checkout has its own
    const frame = framed(mine, "overlay", { isThere, closed });
    mine.gone = closed;
    wayOut.textContent = word("결제 페이지를 여는 중입니다… ✕", "Opening the checkout… ✕");
    dialog.ariaLabel = frame.title;
    frame.style.visibility = "hidden";
    dialog.append(wayOut, frame);
    document.body.append(dialog);
    style.overflow = "hidden";
    dialog.showModal();
    wayOut.onclick = dialog.onclose = () => closed();
    dialog.oncancel = (event) => {
      event.preventDefault(); // which some browsers allow once
      mine.say("close");
      setTimeout(closed, wayOut.isConnected ? 0 : 2000);
    };

    function isThere(is) {
      if (wayOut.isConnected !== is) return;
      is ? wayOut.remove() : dialog.append(wayOut);
      wayOut.textContent = word("닫기 ✕", "Close ✕");
      frame.style.visibility = "visible";
      (is ? frame : wayOut).focus();
    }

    /** The checkout tells all it knows before it asks for this. */
    function closed(isAsked = false) {
      if (!mine.gone) return;
      mine.gone = null;
      mine.stop();
      dialog.close();
      dialog.remove();
      style.overflow = overflow;
      const isTold = mine.told && (isAsked || !GOES_ON.has(mine.told.payment_status));
      mine.end(isTold ? mine.told : mine.hear(left(mine.said)));
    }
  }

  /** In an element of the page, as wide as that. */
  function inline(mine, place) {
    const frame = framed(mine, "inline");
    frame.style.minHeight = "680px";
    place.replaceChildren(frame);
  }

  /** In place of the page, which ends here. */
  function leave(url) {
    location.assign(`${url}#go`);
    return new Promise((resolve) => {
      window.addEventListener("pageshow", ({ persisted }) => persisted && resolve(left()));
    });
  }

  /** The checkout in a frame. Only that frame is heard, while it shows our origin, in the schema we know. */
  function framed(mine, mode, { isThere, closed } = {}) {
    const { url, origin } = mine;
    const frame = (mine.frame = made("iframe", { ...FILL, colorScheme: "light dark", display: "block" }));
    const clock = setInterval(look, 1000);
    let patience = AT_FIRST_S;
    frame.title = word("결제", "Checkout");
    frame.allow = "payment *; clipboard-write";
    frame.referrerPolicy = "no-referrer";
    frame.src = `${url}#shop=${encodeURIComponent(location.origin)}&mode=${mode}`;
    frame.onload = () => (patience = Math.min(patience, LOADED_S));
    window.addEventListener("message", onMessage);
    mine.say = (status) => frame.contentWindow?.postMessage({ version: VERSION, status }, "*");
    mine.stop = () => {
      clearInterval(clock);
      window.removeEventListener("message", onMessage);
      stay();
    };
    return frame;

    /** It may come to show anything, a browser's error too: so it is asked again. */
    function look() {
      if (!frame.isConnected) return (mine.gone ?? mine.stop)();
      mine.say("hello");
      if ((patience -= 1) > 0) return;
      if (mine.said.status) return isThere?.(false);
      mine.stop();
      leave(url);
    }

    function onMessage({ origin: from, source, data }) {
      if (from !== origin || source !== frame.contentWindow || data?.version !== VERSION) return;
      const { status, msg } = (mine.said = data);
      patience = SPOKEN_S;
      isThere?.(true);
      if (status === "leave") msg === "window" ? goBeside() : leave(url);
      else if (status === "stay") stay();
      else if (status === "close") closed?.(true);
      else if (status === "success" || status === "error") {
        mine.told = mine.hear(data);
        if (mode === "inline" && !GOES_ON.has(data.payment_status)) mine.end(data);
      }
    }

    /** In a window, where it is not blocked: the gateway's page cannot be framed. */
    function goBeside() {
      beside ??= import(`${origin}/static/onetill_window.js`).catch(() => null);
      beside.then((its) => frame.isConnected && (its?.show(url) || leave(url)));
    }

    function stay() {
      beside?.then((its) => its?.close(url));
    }
  }

  function left({ payment_id = "" } = {}) {
    return { version: VERSION, status: "error", msg: "closed", payment_id, payment_status: "unknown" };
  }

  function wrong(reason) {
    throw new TypeError(`Onetill.open: ${reason}`);
  }

  function word(korean, english) {
    return /^ko/.test(document.documentElement.lang || navigator.language) ? korean : english;
  }

  /** Whatever the page's style sheets say. */
  function made(tag, style) {
    const element = document.createElement(tag);
    Object.assign(element.style, { all: "revert", ...style });
    return element;
  }

  /** By the engine's word on what runs here, else by its element: all other names of it, markup can write. */
  function originOfThisFile() {
    const src = own(Document.prototype, "currentScript").get.call(document)?.getAttribute("src");
    const ours = /^[^:]*(https?:\/\/[^/@]+)\/static\/onetill\.js([:?#]|$)/;
    return (ours.exec(new Error().stack) ?? ours.exec(src))?.[1] ?? null;
  }
})();
