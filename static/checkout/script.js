/**
 * Loads a gateway's own script, once, from the one address that the server named; the page's policy lets no other in.
 */

const LOAD_TIMEOUT_MS = 20_000;
const loading = new Map();

/** The window could not be opened; `message` is the gateway's own sentence for people, or empty. Nothing was charged. */
export class NotOpened extends Error {}

/**
 * @template T
 * @param {string} url
 * @param {() => T | undefined} find the global that the script defines
 * @returns {Promise<T>} rejects with NotOpened when it does not come; a later call tries again
 */
export function loadScript(url, find) {
  const known = find();
  if (known) return Promise.resolve(known);
  if (!loading.has(url)) {
    const promise = insert(url).then(() => {
      const found = find();
      if (!found) throw new NotOpened("");
      return found;
    });
    promise.catch(() => loading.delete(url));
    loading.set(url, promise);
  }
  return loading.get(url);
}

function insert(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const timer = setTimeout(fail, LOAD_TIMEOUT_MS);
    script.src = url;
    script.addEventListener("load", () => {
      clearTimeout(timer);
      resolve();
    });
    script.addEventListener("error", fail);
    document.head.append(script);

    function fail() {
      clearTimeout(timer);
      script.remove();
      reject(new NotOpened(""));
    }
  });
}
