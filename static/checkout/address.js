/**
 * Takes the client token out of the address bar: who looks at it, keeps it in a history or shares it gives nothing away.
 *
 * The server gave this browser a cookie with the page. Once `/checkout/pay_…` answers with it, that is where the page is, for
 * reloads, further tabs and redirects. A browser that keeps no cookie goes on with the token.
 */

const PATIENCE_MS = 2_000;

/** @param {{payment_id: string}} page  @returns {Promise<void>} before a window opens: that may leave this page behind */
export async function leaveToken(page) {
  const address = `/checkout/${page.payment_id}`;
  if (window.location.pathname === address) return;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(address, {
      method: "HEAD",
      headers: { Accept: "text/html" },
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      signal: abort.signal,
    });
    if (answer.ok) history.replaceState(history.state, "", address + window.location.hash);
  } catch {
    // no network, or too slow: the page goes on where it is
  } finally {
    clearTimeout(timer);
  }
}
