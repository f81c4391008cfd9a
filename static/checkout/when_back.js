/**
 * Says when the buyer looks at this page again, and now and then while it lies open: a transfer arrives without him.
 */

const EVERY_MS = 20_000;

/** @param {() => void} look */
export function whenBack(look) {
  const lookWhereSeen = () => document.visibilityState === "visible" && look();
  document.addEventListener("visibilitychange", lookWhereSeen);
  setInterval(lookWhereSeen, EVERY_MS);
}
