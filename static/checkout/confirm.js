/**
 * Asks one question again and again until it is decided, or until a buyer has waited long enough.
 *
 * The pause is the server's Retry-After (2 s when it names none), grows by half each round and never exceeds 10 s. It ends
 * early when the network or the buyer comes back, because then the answer is wanted now.
 */

const DEFAULT_PAUSE_S = 2;
const SHORTEST_PAUSE_S = 0.5;
const LONGEST_PAUSE_S = 10;
const GROWTH = 1.5;
const SLOW_AFTER_MS = 12_000;
const GIVE_UP_AFTER_MS = 180_000;

/**
 * @param {() => Promise<import("./api.js").Answer>} ask
 * @param {() => void} onSlow called once when it takes longer than a buyer expects
 * @returns {Promise<import("./api.js").Answer | null>} a payment or a problem; null when it is still open after three minutes
 */
export async function askUntilDecided(ask, onSlow) {
  const startedAt = Date.now();
  const slow = setTimeout(onSlow, SLOW_AFTER_MS);
  try {
    for (let round = 0; ; round += 1) {
      const answer = await ask();
      if (isDecided(answer)) return answer;
      if (Date.now() - startedAt >= GIVE_UP_AFTER_MS) return null;
      await pause(pauseSeconds(answer.retryAfterS ?? DEFAULT_PAUSE_S, round) * 1000);
    }
  } finally {
    clearTimeout(slow);
  }
}

function isDecided(answer) {
  return answer.kind === "problem" || (answer.kind === "payment" && answer.payment.status !== "processing");
}

function pauseSeconds(first, round) {
  return Math.min(LONGEST_PAUSE_S, Math.max(SHORTEST_PAUSE_S, first) * GROWTH ** round);
}

/** Wait so long; not longer than until the network or the buyer comes back. */
export function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", onVisibility);

    function onVisibility() {
      if (document.visibilityState === "visible") done();
    }
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", onVisibility);
      resolve();
    }
  });
}
