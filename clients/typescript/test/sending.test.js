// When a call is sent again, and how long it waits.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Onetill, OnetillProblem, OnetillUnreachable } from "onetill-client";

/** @param {string | undefined} [retryAfter] */
function problem(retryAfter, retryable = true) {
  const body = { code: "overloaded", status: 503, detail: "Ask again.", request_id: "r1", retryable };
  return Response.json(body, { status: 503, headers: retryAfter === undefined ? {} : { "Retry-After": retryAfter } });
}

const good = () => Response.json({ id: "pay_1" });

/**
 * One call, answered so: the pauses before each further try.
 * @param {Response[]} answers
 * @param {(onetill: Onetill) => Promise<unknown>} [call]
 */
async function after(answers, call = (onetill) => onetill.getPayment("pay_1")) {
  /** @type {number[]} */
  const pauses = [];
  const sleep = async (/** @type {number} */ seconds) => void pauses.push(seconds);
  const fetching = async () => answers.shift() ?? assert.fail("asked too often");
  await call(new Onetill("http://onetill.example", "sk_test_1", { fetch: fetching, sleep }));
  assert.equal(answers.length, 0);
  return pauses;
}

test("it waits as long as it is told", async () => {
  assert.deepEqual(await after([problem("7"), good()]), [7]);
});

test("untold it waits longer each time", async () => {
  const pauses = await after([problem(), problem("soon"), problem("-1"), problem("1e3"), good()]);
  pauses.forEach((pause, place) => assert(pause >= 2 ** place / 4 && pause <= 2 ** place / 2, `${pauses}`));
  assert.equal(pauses.length, 4);
});

test("a page of a proxy is no answer", async () => {
  await after([new Response("<h1>Bad gateway</h1>", { status: 502 }), good()]);
  await assert.rejects(after([new Response("<h1>Nothing</h1>", { status: 404 })]), OnetillUnreachable);
});

test("it gives up when it is final, or has waited long enough", async () => {
  for (const answers of [[problem(undefined, false)], [problem("61")], [problem("40"), problem("40")]]) {
    await assert.rejects(after(answers), OnetillProblem);
    assert.equal(answers.length, 0);
  }
});

test("without a key it asks again only for what may happen twice", async () => {
  await after([problem(), good()], (onetill) => onetill.cancelPayment("pay_1"));
  await after([problem(), good()], (onetill) => onetill.syncPayment("pay_1"));
  await after([problem(), good()], (onetill) => onetill.completePayment({ payment_id: "pay_1" }));
  await assert.rejects(after([problem()], (onetill) => onetill.createAttempt("pay_1")), OnetillProblem);
});
