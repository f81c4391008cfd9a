/**
 * `next_action.type === "portone_v1_sdk"`: opens PortOne V1's window with `IMP.request_pay`.
 *
 * On a desktop its callback comes back here. On a phone the browser leaves for the card company's page and comes back to our
 * return address; the callback never runs. Its `success`, `imp_success` and `error_code` do not say whether money moved, so
 * they only choose the words for the time until our server knows. Source: docs/gateways/portone-v1.md §11.
 */
import { loadScript, NotOpened } from "./script.js";

/**
 * @param {{script: string, user_code: string, tier?: string, params: object}} action
 * @returns {Promise<import("./checkout.js").Result | null>} null when the buyer left before a payment existed
 */
export async function openPortOneV1(action) {
  const IMP = await loadScript(action.script, () => window.IMP);
  if (action.tier) IMP.agency(action.user_code, action.tier);
  else IMP.init(action.user_code);
  const answer = await new Promise((resolve) => IMP.request_pay(action.params, resolve));
  const { imp_uid, merchant_uid, success, imp_success, error_code, error_msg } = Object(answer);
  if (typeof imp_uid === "string" && imp_uid !== "") {
    const proof = { imp_uid, merchant_uid: String(merchant_uid ?? action.params.merchant_uid) };
    const saysPaid = !error_code && (success ?? imp_success) !== false;
    return { proof, saysPaid, saysDeclined: Boolean(error_code) && !isLeaving(error_code, error_msg) };
  }
  if (error_code && !isLeaving(error_code, error_msg)) throw new NotOpened(String(error_msg ?? ""));
  return null;
}

/** Whether a refusal without a payment is the buyer's own closing of the window, in the words that PGs have for it. */
function isLeaving(code, message) {
  return /cancel|close|stop|취소|중단|닫/i.test(`${code} ${message ?? ""}`);
}
