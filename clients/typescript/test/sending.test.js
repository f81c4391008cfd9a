// When a call is sent again, and how long it waits.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";

import { Onetill, OnetillError, OnetillProblem, OnetillUnreachable } from "onetill-client";

/** @param {string | undefined} [retryAfter] */
function problem(retryAfter, retryable = true) {
  const body = {
    ...{ type: "/problems/overloaded", title: "Overloaded", status: 503, detail: "Ask again.", instance: "/payments/pay_1" },
    ...{ code: "overloaded", request_id: "r1", retryable },
  };
  const headers = { "Content-Type": "application/problem+json" };
  return Response.json(body, { status: 503, headers: retryAfter === undefined ? headers : { ...headers, "Retry-After": retryAfter } });
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
  await call(new Onetill("https://onetill.example", "sk_test_1", { fetch: fetching, sleep }));
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

test("what is no answer of Onetill is asked again", async () => {
  const json = { "Content-Type": "application/json" };
  const others = [
    () => new Response("<h1>Bad gateway</h1>", { status: 502 }),
    () => Response.json({ code: "service_unavailable", message: "no upstream" }, { status: 503 }),
    () => Response.json({ code: "overloaded" }, { status: 503, headers: { "Content-Type": "application/problem+json" } }),
    () => new Response('{"type": "/prob', { status: 404, headers: { "Content-Type": "application/problem+json" } }),
    () => new Response("<h1>Sign in to this network</h1>", { headers: { "Content-Type": "text/html" } }),
    () => new Response('{"id": "pay', { headers: json }),
    () => Response.json([{ id: "pay_1" }]),
    () => new Response(null, { status: 204 }),
    () => new Response(new ReadableStream({ pull: (body) => body.error(new TypeError("terminated")) }), { headers: json }),
  ];
  for (const other of others) {
    await after([other(), good()]);
    await assert.rejects(after([other()], (onetill) => onetill.resolvePayment("pay_1", { action: "close", note: "x" })), OnetillUnreachable);
  }
});

test("no other place answers for Onetill", async () => {
  for (const status of [301, 302, 303, 307, 308, 404]) {
    const moved = new Response(null, { status, headers: { Location: "http://elsewhere.example/payments" } });
    await assert.rejects(after([moved]), OnetillUnreachable);
  }
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

test("the real fetch follows nobody elsewhere", async () => {
  /** @type {string[]} */
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(302, { Location: "/elsewhere" }).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const onetill = new Onetill(`http://127.0.0.1:${port}`, "sk_test_1");
  await assert.rejects(onetill.createRefund("pay_1", { reason: "Broken" }, { idempotencyKey: "k1" }), OnetillUnreachable);
  assert.deepEqual(asked, ["POST /payments/pay_1/refunds"]);
  server.close();
});

/** @param {(onetill: Onetill) => Promise<unknown>} call */
async function sendsNothing(call) {
  const onetill = new Onetill("https://onetill.example", "sk_test_1", { fetch: async () => assert.fail("it was sent") });
  await assert.rejects(call(onetill), isOurs);
}

/** @param {unknown} error */
function isOurs(error) {
  return error instanceof OnetillError && !(error instanceof OnetillProblem || error instanceof OnetillUnreachable);
}

test("the secret key does not travel in plain text", () => {
  const others = ["http://pay.shop.example", "http://10.0.0.1:8000", "http://onetill:8000", "http://localhost.shop.example"];
  for (const url of [...others, "http://127.0.0.1.shop.example", "http://localhost@pay.shop.example", "ftp://shop.example", "shop.example", ""]) {
    assert.throws(() => new Onetill(url, "sk_test_1"), isOurs, url);
  }
  for (const url of ["https://pay.shop.example", "http://127.0.0.1:8000", "http://localhost", "http://a.localhost", "http://[::1]:8000"]) {
    new Onetill(url, "sk_test_1");
  }
  new Onetill("http://onetill:8000", "sk_test_1", { allowHttp: true });
});

test("no id makes another call of it", async () => {
  for (const id of ["", ".", "..", "../refunds", "pay_1/events", "pay_1?x=1", "pay_1#", "%2e%2e", "pay_1\n", "결제"]) {
    await sendsNothing((onetill) => onetill.getPayment(id));
    await sendsNothing((onetill) => onetill.createRefund(id, { reason: "Broken" }, { idempotencyKey: "k1" }));
    await sendsNothing((onetill) => onetill.deleteNotificationEndpoint(id));
    await sendsNothing((onetill) => onetill.api.GET("/refunds/{id}", { params: { path: { id } } }));
  }
});

test("a key that no header carries is called so", async () => {
  for (const idempotencyKey of ["", "주문-1", "café", "order 1", "order-1\n", "order-1\x7f"]) {
    await sendsNothing((onetill) => onetill.createRefund("pay_1", { reason: "Broken" }, { idempotencyKey }));
    await sendsNothing((onetill) => onetill.createAttempt("pay_1", {}, { idempotencyKey }));
  }
});
