/**
 * The window beside a shop's page, for a gateway whose page no frame may show. `onetill.js` loads this when it needs one.
 *
 * The page opens it, and an empty frame of the page that runs nothing takes it over as its opener. So whoever is in the window
 * cannot lead the page away, and the page can still close the window. Where a browser does not hand it over, the window has no
 * opener at all, and stays until the buyer closes it.
 * Source: HTML, "window open steps" (who finds a window by its name becomes its opener) and "allowed by sandboxing to navigate".
 */
const SIZE = "popup,width=480,height=760";
const LETS = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"; // no script, and no way to the page around

const windows = new Map(); // by payment
let empty; // the frame

/** @param {string} url the payment's  @returns {boolean} whether its window is open now, anew or still: browsers may block it */
export function show(url) {
  const before = windows.get(url);
  if (before && !before.popup.closed) {
    before.popup.focus();
    return true;
  }
  const name = `onetill-${Math.random()}`;
  const popup = window.open("", name, SIZE);
  if (!popup) return false;
  const opener = opened().contentWindow;
  const found = opener.open("", name);
  if (found !== popup) found?.close();
  const isOurs = popup.opener === opener;
  if (!isOurs) popup.opener = null;
  windows.set(url, { popup, isOurs });
  popup.location.replace(`${url}#popup`);
  return true;
}

/** Nobody pays in there any more. */
export function close(url) {
  const { popup, isOurs } = windows.get(url) ?? {};
  if (isOurs) popup.close();
}

/** Where neither the page's style sheets nor its scripts come upon it. */
function opened() {
  if (empty?.isConnected) return empty;
  const host = document.createElement("div");
  host.hidden = true;
  empty = document.createElement("iframe");
  empty.sandbox = LETS;
  host.attachShadow({ mode: "closed" }).append(empty);
  document.documentElement.append(host);
  return empty;
}
