/** What is wrong with a call before it is sent: an address that shows the secret key, an id or a key that would be another. */

import { defaultPathSerializer } from "openapi-fetch";

import { OnetillError } from "./sending.js";

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;
const ID = /^[A-Za-z0-9_-]+$/;
const KEY = /^[!-~]+$/;

/** Throws OnetillError for an address to which the secret key would travel in plain text. */
export function baseUrl(url: string, allowHttp: boolean): string {
  let where: URL;
  try {
    where = new URL(url);
  } catch (cause) {
    throw new OnetillError(`not an address: ${url}`, { cause });
  }
  const { protocol, hostname } = where;
  if (protocol === "https:" || (protocol === "http:" && (allowHttp || LOOPBACK.test(hostname)))) return url;
  throw new OnetillError(
    `${url}: https, or whoever is on the way reads the secret key; http only to this machine, or with allowHttp in a network ` +
      "that is yours alone",
  );
}

/** A path with its ids. Throws OnetillError for one with which the call would be another, such as `..`. */
export function pathWith(path: string, ids: Record<string, unknown>): string {
  for (const id of Object.values(ids)) {
    if (typeof id !== "string" || !ID.test(id)) throw new OnetillError(`not an id of Onetill: ${String(id)}; nothing was sent`);
  }
  return defaultPathSerializer(path, ids);
}

/** Throws OnetillError for a key that no header carries. */
export function keyHeader(idempotencyKey: string): { "Idempotency-Key": string } {
  if (KEY.test(idempotencyKey)) return { "Idempotency-Key": idempotencyKey };
  const says = "printable ASCII without spaces, such as order-1001; nothing was sent";
  throw new OnetillError(`idempotencyKey ${JSON.stringify(idempotencyKey)}: ${says}`);
}
