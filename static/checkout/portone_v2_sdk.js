/**
 * `next_action.type === "portone_v2_sdk"`: opens PortOne V2's window with `PortOne.requestPayment`.
 *
 * In a frame or a popup its promise comes back here; on a phone the browser leaves and comes back to our return address.
 * Errors before the window opens are thrown, and the answer may be undefined. Source: docs/gateways/portone-v2.md §5 and §7.
 */
import { loadScript, NotOpened } from "./script.js";

/** Thrown codes that speak about an earlier payment with this id: our server finds out what became of it. */
const ASK_THE_SERVER = new Set(["PaymentAlreadyPaid", "ALREADY_PAID"]);

/**
 * @param {{script: string, params: {paymentId: string}}} action
 * @returns {Promise<import("./checkout.js").Result | null>} null when nothing is known of a payment
 */
export async function openPortOneV2(action) {
  const PortOne = await loadScript(action.script, () => window.PortOne);
  const { paymentId } = action.params;
  let answer;
  try {
    answer = await PortOne.requestPayment(action.params);
  } catch (error) {
    if (ASK_THE_SERVER.has(error?.code)) return { proof: { paymentId }, saysPaid: true };
    throw new NotOpened(String(error?.message ?? ""));
  }
  if (!answer) return null;
  const { txId, paymentToken, code } = answer;
  const proof = { paymentId, ...(txId && { txId: String(txId) }), ...(paymentToken && { paymentToken: String(paymentToken) }) };
  return { proof, saysPaid: !code };
}
