// Against a running product: ONETILL_URL, ONETILL_KEY, and SIMULATOR_URL for the buyer's hands.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Onetill, OnetillProblem, OnetillUnreachable } from "onetill-client";

const { ONETILL_URL: url = "", ONETILL_KEY: key = "", SIMULATOR_URL: simulator } = process.env;
const shop = new Onetill(url, key);
let orders = 0;

/** @param {Onetill} client */
async function create(client) {
  const id = `ts-${++orders}`;
  const customer = { name: "Minji Kim", email: "minji@mail.example", phone: "010-5555-7788" };
  const order = { order_id: id, order_name: "Mug", amount: 24000, currency: "KRW", gateway: "portone_v2", customer };
  return client.createPayment(order, { idempotencyKey: id });
}

/** @param {import("onetill-client").Payment} payment */
async function buyerPays({ id, attempts }) {
  const [{ gateway, reference } = assert.fail()] = attempts;
  const answer = await fetch(`${simulator}/_sim/pay`, { method: "POST", body: JSON.stringify({ gateway, reference }) });
  return { payment_id: id, .../** @type {Record<string, string>} */ (await answer.json()) };
}

/**
 * A network on which the first `lost` answers are lost after the server has done its work.
 * @param {number} lost
 */
function losing(lost) {
  /** @type {(string | null)[]} */
  const keys = [];
  /** @param {Request} request */
  const fetching = async (request) => {
    const answer = await fetch(request);
    keys.push(request.headers.get("Idempotency-Key"));
    if (keys.length <= lost) throw new TypeError("the line is cut");
    return answer;
  };
  return { keys, client: new Onetill(url, key, { fetch: fetching }) };
}

test("it pays and refunds", async () => {
  const payment = await create(shop);
  const paid = await shop.completePayment(await buyerPays(payment));
  assert.equal(paid.status, "paid");
  const { refundable_amount } = await shop.getRefundOptions(payment.id);
  const body = { reason: "Broken", expected_refundable: refundable_amount };
  const refund = await shop.createRefund(payment.id, body, { idempotencyKey: `${payment.order_id}-back` });
  assert.equal((await shop.getRefund(refund.id)).status, "succeeded");
  assert.deepEqual((await shop.listRefunds(payment.id)).data.map((each) => each.id), [refund.id]);
  assert.deepEqual(
    (await shop.listPayments({ order_id: payment.order_id, status: "refunded" })).data.map((each) => each.id),
    [payment.id],
  );
  assert.equal((await shop.listPaymentEvents(payment.id, { limit: 1 })).data[0]?.reason, "created");
});

test("a buyer tries again, the gateway is asked, and an order is closed", async () => {
  const { id, order_id } = await create(shop);
  const again = await shop.createAttempt(id, { gateway: "point3" }, { idempotencyKey: `${order_id}-second` });
  assert.equal(again.gateway, "point3");
  assert.equal((await shop.syncPayment(id)).status, "open");
  assert.equal((await shop.cancelPayment(id)).status, "canceled");
  assert.equal((await shop.getPayment(id)).status, "canceled");
});

test("it receives what happened, by the feed and by an endpoint", async () => {
  const { id, secret } = await shop.createNotificationEndpoint({ url: "http://127.0.0.1:9/nobody-listens", events: ["payment.paid"] });
  assert.match(secret, /^whsec_/);
  const payment = await create(shop);
  await shop.completePayment(await buyerPays(payment));
  /** @type {string[]} */
  let types = [];
  for (let after = 0; !types.length; ) {
    const page = await shop.listEvents({ after, payment_id: payment.id });
    types = page.data.map((each) => each.type);
    after = page.next_cursor;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.deepEqual(types, ["payment.paid"]);
  assert.equal((await shop.replayNotifications({ endpoint_id: id, since: payment.created_at, preview: true })).count, 1);
  assert.notEqual((await shop.rotateNotificationSecret(id, { overlap_days: 0 })).secret, secret);
  assert.equal((await shop.testNotificationEndpoint(id)).status, null);
  assert.equal((await shop.changeNotificationEndpoint(id, { paused: true })).status, "paused");
  assert.equal((await shop.getNotificationEndpoint(id)).pause_reason, "asked");
  assert.equal((await shop.listNotifications({ endpoint: id })).data[0]?.payment_id, payment.id);
  assert.equal((await shop.listNotificationEndpoints()).data.length, 1);
  await shop.deleteNotificationEndpoint(id);
  assert.deepEqual((await shop.listNotificationEndpoints()).data, []);
});

test("lost answers open one payment and give back once", async () => {
  const { keys, client } = losing(2);
  const payment = await create(client);
  assert.deepEqual(keys, [payment.order_id, payment.order_id, payment.order_id]);
  assert.equal((await shop.listPayments({ order_id: payment.order_id })).data.length, 1);
  await shop.completePayment(await buyerPays(payment));
  const refunding = losing(2);
  const idempotencyKey = `${payment.order_id}-half`;
  const half = await refunding.client.createRefund(payment.id, { reason: "Chipped", amount: 12000 }, { idempotencyKey });
  assert.deepEqual(refunding.keys, [idempotencyKey, idempotencyKey, idempotencyKey]);
  assert.deepEqual((await shop.listRefunds(payment.id)).data.map((each) => each.id), [half.id]);
});

test("what may not happen twice is sent once", async () => {
  const { id } = await create(shop);
  const attempt = losing(1);
  await assert.rejects(attempt.client.createAttempt(id), OnetillUnreachable);
  assert.deepEqual(attempt.keys, [null]);
  const resolving = losing(1);
  await assert.rejects(resolving.client.resolvePayment(id, { action: "close", note: "tried" }), OnetillUnreachable);
  assert.deepEqual(resolving.keys, [null]);
});

test("a refusal has a code and is final", async () => {
  const { keys, client } = losing(0);
  await assert.rejects(client.getPayment(`pay_${"0".repeat(32)}`), (error) => {
    assert(error instanceof OnetillProblem);
    assert.deepEqual([error.code, error.problem.status, error.name], ["not_found", 404, "OnetillProblem"]);
    return true;
  });
  assert.equal(keys.length, 1);
});
