/**
 * The three calls that a client token may make, and what their answers mean to this page.
 *
 * Every call ends in exactly one Answer. A lost answer (no network, timeout, 5xx, unreadable success) is `undecided`, never
 * a failure: the server may well have done it (law 4).
 *
 * @typedef {{kind: "payment", payment: Payment}
 *   | {kind: "undecided", retryAfterS: number | null, isProcessing: boolean, payment?: ?Payment}
 *   | {kind: "problem", status: number, code: string, detail: string}} Answer
 * @typedef {{id: string, status: string, last_failure: ?object, next_action: ?object}} Payment
 */

const TIMEOUT_MS = 30_000;
const ASK_AGAIN = new Set([202, 408, 425, 429]);

/** @param {{lang: string, client_token: string, payment_id: string}} page */
export function createApi(page) {
  const paymentPath = `/payments/${encodeURIComponent(page.payment_id)}`;

  return {
    /** Have the server verify now. `proof` is what the gateway's browser side gave us, or nothing after a reload. */
    complete: (proof) => call("POST", "/payments/complete", { payment_id: page.payment_id, ...proof }),
    /** Open another attempt, at this gateway. The same key again goes on where a lost answer stopped. */
    openAttempt: (key, gateway) => call("POST", `${paymentPath}/attempts`, { gateway }, { "Idempotency-Key": key }),
    /** Read what the server knows now. */
    read: () => call("GET", paymentPath),
  };

  /** @returns {Promise<Answer>} */
  async function call(method, path, body, headers = {}) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
    let response, data;
    try {
      response = await fetch(path, {
        method,
        headers: {
          Accept: "application/json, application/problem+json",
          "Accept-Language": page.lang,
          Authorization: `Bearer ${page.client_token}`,
          ...(body && { "Content-Type": "application/json" }),
          ...headers,
        },
        body: body && JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        keepalive: method === "POST", // the call still reaches the server when the buyer closes the page now
        signal: abort.signal,
      });
      data = await response.json();
    } catch {
      data = null; // no network, timed out, or a body that is not JSON: told apart by `response` below
    } finally {
      clearTimeout(timer);
    }
    return response ? understand(response, data) : { kind: "undecided", retryAfterS: null, isProcessing: false };
  }
}

/** @returns {Answer} */
function understand(response, data) {
  const isPayment = response.ok && typeof data?.status === "string";
  const isUndecided = ASK_AGAIN.has(response.status) || response.status >= 500 || data?.retryable === true;
  if (isUndecided || (response.ok && !isPayment)) {
    const retryAfterS = seconds(response.headers.get("Retry-After"));
    const payment = isPayment ? data : null;
    return { kind: "undecided", retryAfterS, isProcessing: payment?.status === "processing", payment };
  }
  if (isPayment) return { kind: "payment", payment: data };
  return { kind: "problem", status: response.status, code: String(data?.code ?? ""), detail: String(data?.detail ?? "") };
}

/** Retry-After as seconds; its date form is not worth a clock that may be wrong. */
function seconds(header) {
  return header !== null && /^\d+$/.test(header.trim()) ? Number(header) : null;
}

/** A random UUID, also on plain http where `crypto.randomUUID` does not exist. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80; // variant 1
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
