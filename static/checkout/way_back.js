/**
 * Where a buyer who is done, or has had enough, goes from here: to the shop's address, or back to its page around or behind us.
 */
import { isPopup } from "./memory.js";
import { frameMode } from "./shop_page.js";

const byId = (id) => document.getElementById(id);

/**
 * Makes the page's own ways out fit.
 *
 * @param {{payment_id: string, return_url: ?string}} page
 * @param {() => void} close asks the shop's page to take the frame away
 * @returns {(() => void) | null} goes back; null where there is no way, or where the shop's page decides
 */
export function createWayBack(page, close) {
  if (!frameMode) {
    if (isPopup(page)) return () => window.close();
    return page.return_url && (() => window.location.replace(page.return_url));
  }
  document.documentElement.dataset.framed = frameMode;
  if (frameMode === "inline") return null;
  byId("return-link")?.remove();
  for (const id of ["close-frame", "leave-frame"]) {
    byId(id).hidden = false;
    byId(id).addEventListener("click", close);
  }
  // Before the payment window hears it, which closes itself by the same key: one press is one step.
  window.addEventListener("keydown", ({ key }) => key === "Escape" && byId("checkout").dataset.state !== "paying" && close(), true);
  return close;
}
