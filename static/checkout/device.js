/** What kind of browser this is, as far as a payment goes another way in it. */

const { userAgent } = navigator;

/**
 * Apps that show links in a browser of their own: banks' and cards' apps often do not come back into those.
 * Source: the apps' user agents; LINE's `openExternalBrowser` and KakaoTalk's `openExternal` are documented by their makers.
 */
const APPS = [/KAKAOTALK/i, /\bLine\//i, /NAVER\(/i, /FBAN|FBAV|FB_IAB/, /Instagram/];
const [isKakaoTalk, isLine] = APPS.map((app) => app.test(userAgent));

export const isInApp = APPS.some((app) => app.test(userAgent));

/** Gateways' scripts leave the page on these, to come back to our return address; apps' browsers have no second window. */
export const leavesForGateway = isInApp || /Mobi|Android|iPhone|iPad/i.test(userAgent);

/**
 * The address that leads out of an app's browser into the phone's own.
 *
 * @param {string} url
 * @returns {string | null} null where only the app's menu does
 */
export function outside(url) {
  if (isKakaoTalk) return `kakaotalk://web/openExternal?url=${encodeURIComponent(url)}`;
  if (isLine) return `${url}?openExternalBrowser=1`;
  const { host, pathname, protocol } = new URL(url);
  const scheme = protocol.slice(0, -1);
  return /Android/.test(userAgent) ? `intent://${host}${pathname}#Intent;scheme=${scheme};end` : null;
}
