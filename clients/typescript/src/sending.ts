/** One call, sent until it is answered: the same request, and with it the same Idempotency-Key, every time. */

import type { components } from "./schema.js";

export type Problem = components["schemas"]["Problem"];

const FIRST_WAIT_S = 0.5;
const LONGEST_WAIT_S = 20;
/** Calls without a key that may happen twice. */
const REPEATABLE = /\/payments\/(complete|[^/]+\/(sync|cancel|close-link))$/;

/** A call that did not do what was asked. Catch one of the two below where they mean different things to you. */
export class OnetillError extends Error {
  override name = this.constructor.name;
}

/** Onetill refused the call, or failed: branch on `code`, log `problem.request_id`, show `problem.detail`. */
export class OnetillProblem extends OnetillError {
  readonly code: string;

  constructor(readonly problem: Problem) {
    super(`${problem.code} (${problem.status}): ${problem.detail}`);
    this.code = problem.code;
  }
}

/** No answer of Onetill came. Whether the call was carried out is not known: the same key finds out. */
export class OnetillUnreachable extends OnetillError {}

export interface Patience {
  /** How long the pauses between tries may be in all. 60 by default. */
  patienceS?: number;
  /** How long a try may take: longer than the slowest refund, in which Onetill asks a gateway several times. 100 by default. */
  timeoutS?: number;
  /** For tests. */
  fetch?: (request: Request) => Promise<Response>;
  sleep?: (seconds: number) => Promise<void>;
}

/**
 * The good answer to a request. It is sent again while that may help, after pauses of `patienceS` at most in all.
 * Throws OnetillProblem and OnetillUnreachable for the last try's problem, or its lack of one.
 */
export async function send(request: Request, patience: Patience = {}): Promise<Response> {
  const { patienceS = 60, timeoutS = 100, fetch = globalThis.fetch, sleep = pause } = patience;
  for (let waitedS = 0, waitS = FIRST_WAIT_S; ; waitS = Math.min(2 * waitS, LONGEST_WAIT_S)) {
    const signal = AbortSignal.timeout(timeoutS * 1000);
    let failed: { error: OnetillError; again: boolean; toldS: number };
    try {
      const answer = await fetch(new Request(request.clone(), { signal, redirect: "manual" }));
      const text = await answer.text();
      if (answer.ok) return told(request, answer, text);
      failed = failure(request, answer, text);
    } catch (cause) {
      const error = new OnetillUnreachable(`${request.method} ${request.url}: ${String(cause)}`, { cause });
      failed = { error, again: true, toldS: 0 };
    }
    const pauseS = Math.max(failed.toldS, waitS * (0.5 + Math.random() / 2));
    if (!failed.again || !mayRepeat(request) || waitedS + pauseS > patienceS) throw failed.error;
    await sleep(pauseS);
    waitedS += pauseS;
  }
}

function mayRepeat({ method, headers, url }: Request): boolean {
  if (method === "GET" || method === "PATCH" || headers.has("Idempotency-Key")) return true;
  return REPEATABLE.test(new URL(url).pathname);
}

/** A good answer, which came whole. Throws for one that is not Onetill's: a page of something in between, or half of it. */
function told({ method }: Request, answer: Response, text: string): Response {
  const isNothing = answer.status === 204 && method === "DELETE";
  const isOurs = isNothing || kind(answer) === "image/svg+xml" || (kind(answer) === "application/json" && isObject(JSON.parse(text)));
  if (!isOurs) throw new Error(`${answer.status} is not an answer of Onetill: ${text.slice(0, 200)}`);
  return new Response(isNothing ? null : text, { status: answer.status, headers: { "Content-Type": kind(answer) } });
}

/** What went wrong, and whether the same request may fare better later. A proxy's page in between is no answer of ours. */
function failure(request: Request, answer: Response, text: string) {
  const toldS = Number(/^\d+$/.exec(answer.headers.get("Retry-After") ?? "")?.[0] ?? 0);
  const problem: unknown = kind(answer) === "application/problem+json" ? JSON.parse(text) : undefined;
  if (isProblem(problem)) return { error: new OnetillProblem(problem), again: problem.retryable === true, toldS };
  const says = `${answer.status} from ${request.url} is not an answer of Onetill: ${text.slice(0, 200)}`;
  return { error: new OnetillUnreachable(says), again: answer.status === 429 || answer.status >= 500, toldS };
}

const MEMBERS = ["type", "title", "status", "detail", "instance", "code", "request_id", "retryable"] satisfies (keyof Problem)[];

function isProblem(told: unknown): told is Problem {
  return isObject(told) && MEMBERS.every((name) => name in told);
}

function isObject(told: unknown): told is object {
  return typeof told === "object" && told !== null && !Array.isArray(told);
}

function kind({ headers }: Response): string {
  return (headers.get("Content-Type") ?? "").split(";")[0]!.trim().toLowerCase();
}

function pause(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}
