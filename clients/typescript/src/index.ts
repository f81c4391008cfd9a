/** The calls of a shop's server, one method for each, named and typed after `docs/openapi.json`. */

import createClient, { type Client } from "openapi-fetch";

import { baseUrl, keyHeader, pathWith } from "./checks.js";
import type { components, operations, paths } from "./schema.js";
import { type Patience, send } from "./sending.js";

export type { components, operations, paths } from "./schema.js";
export { OnetillError, OnetillProblem, OnetillUnreachable, type Patience, type Problem } from "./sending.js";

type Schemas = components["schemas"];
export type Payment = Schemas["PaymentView"];
export type Refund = Schemas["RefundView"];
export type NewEndpoint = Schemas["NewEndpointView"];
type RotateSecret = Schemas["RotateSecret"];

type Query<Operation extends keyof operations> = NonNullable<operations[Operation]["parameters"]["query"]>;

/** The name of one intent: choose it before the first try, for example from your order. */
export interface Keyed {
  idempotencyKey: string;
}

export interface Options extends Patience {
  /** Of problems: "en", or "ko". */
  language?: string;
  /** Send the key by http to another machine, in a network that is yours alone. Else the address is https, but on this machine. */
  allowHttp?: boolean;
}

/**
 * One store's calls, with its secret key or a payment's client token.
 *
 * A call whose answer is lost, or whose problem is `retryable`, is sent again with the same Idempotency-Key;
 * what has no key and may not happen twice, as `resolvePayment`, is sent once. Every method throws OnetillProblem or
 * OnetillUnreachable; OnetillError itself where the address, an id or a key cannot be right: nothing was sent.
 */
export class Onetill {
  /** Every call of the API by its path, for what has no method here. */
  readonly api: Client<paths>;

  constructor(url: string, key: string, { language = "en", allowHttp = false, ...patience }: Options = {}) {
    this.api = createClient<paths>({
      baseUrl: baseUrl(url, allowHttp),
      pathSerializer: pathWith,
      headers: { Authorization: `Bearer ${key}`, "Accept-Language": language },
      fetch: (request) => send(request, patience),
    });
  }

  /** Ask for money. */
  async createPayment(body: Schemas["CreatePayment"], { idempotencyKey }: Keyed): Promise<Payment> {
    return told(await this.api.POST("/payments", { body, params: { header: keyHeader(idempotencyKey) } }));
  }

  /** Read a payment. Deliver when its `status` is `paid`, and only then. */
  async getPayment(id: string): Promise<Payment> {
    return told(await this.api.GET("/payments/{id}", { params: { path: { id } } }));
  }

  /** Search, newest first. */
  async listPayments(query: Query<"listPayments"> = {}): Promise<Schemas["PaymentPage"]> {
    return told(await this.api.GET("/payments", { params: { query } }));
  }

  /** A payment's audit trail, in order. */
  async listPaymentEvents(id: string, query: Query<"listPaymentEvents"> = {}): Promise<Schemas["EventPage"]> {
    return told(await this.api.GET("/payments/{id}/events", { params: { path: { id }, query } }));
  }

  /** Say that the buyer is done, with what the browser brought. Still undecided where `status` is `processing`. */
  async completePayment(body: Schemas["CompletePayment"]): Promise<Payment> {
    return told(await this.api.POST("/payments/complete", { body }));
  }

  /** Ask the gateway now, about every attempt that may hold money. */
  async syncPayment(id: string): Promise<Payment> {
    return told(await this.api.POST("/payments/{id}/sync", { params: { path: { id } } }));
  }

  /** Let the buyer try again, at the same or another gateway. */
  async createAttempt(id: string, body: Schemas["CreateAttempt"] = {}, keyed: Partial<Keyed> = {}): Promise<Payment> {
    const params = { path: { id }, header: headerOf(keyed) };
    return told(await this.api.POST("/payments/{id}/attempts", { body, params }));
  }

  /** Close a payment without money. */
  async cancelPayment(id: string): Promise<Payment> {
    return told(await this.api.POST("/payments/{id}/cancel", { params: { path: { id } } }));
  }

  /** End a payment's link for browsers that have not opened it yet. */
  async closeLink(id: string): Promise<Payment> {
    return told(await this.api.POST("/payments/{id}/close-link", { params: { path: { id } } }));
  }

  /** A payment's link as a QR code, an SVG image. */
  async getLinkQr(id: string): Promise<string> {
    return told(await this.api.GET("/payments/{id}/qr.svg", { params: { path: { id } }, parseAs: "text" }));
  }

  /** Say what becomes of a payment that needs a person. */
  async resolvePayment(id: string, body: Schemas["ResolvePayment"]): Promise<Payment> {
    return told(await this.api.POST("/payments/{id}/resolve", { body, params: { path: { id } } }));
  }

  /** Give money back, all that is left or `amount`. One key is one refund, however often it is sent. */
  async createRefund(id: string, body: Schemas["CreateRefund"], { idempotencyKey }: Keyed): Promise<Refund> {
    const params = { path: { id }, header: keyHeader(idempotencyKey) };
    return told(await this.api.POST("/payments/{id}/refunds", { body, params }));
  }

  /** Read a refund. */
  async getRefund(id: string): Promise<Refund> {
    return told(await this.api.GET("/refunds/{id}", { params: { path: { id } } }));
  }

  /** The refunds of a payment, oldest first. */
  async listRefunds(id: string, query: Query<"listRefunds"> = {}): Promise<Schemas["RefundPage"]> {
    return told(await this.api.GET("/payments/{id}/refunds", { params: { path: { id }, query } }));
  }

  /** What can be refunded now, and if not, why. */
  async getRefundOptions(id: string): Promise<Schemas["OptionsView"]> {
    return told(await this.api.GET("/payments/{id}/refund-options", { params: { path: { id } } }));
  }

  /** What happened, in one order, `after` a position: keep `next_cursor`, and go on with it. */
  async listEvents(query: Query<"listEvents"> = {}): Promise<Schemas["ShopEventPage"]> {
    return told(await this.api.GET("/events", { params: { query } }));
  }

  /** Have events sent to an address. The answer has the signing `secret`, this once. */
  async createNotificationEndpoint(body: Schemas["CreateEndpoint"], keyed: Partial<Keyed> = {}): Promise<NewEndpoint> {
    return told(await this.api.POST("/notification-endpoints", { body, params: { header: headerOf(keyed) } }));
  }

  /** The store's endpoints, oldest first. */
  async listNotificationEndpoints(query: Query<"listNotificationEndpoints"> = {}): Promise<Schemas["EndpointPage"]> {
    return told(await this.api.GET("/notification-endpoints", { params: { query } }));
  }

  /** Read an endpoint, and how it fares. */
  async getNotificationEndpoint(id: string): Promise<Schemas["EndpointView"]> {
    return told(await this.api.GET("/notification-endpoints/{id}", { params: { path: { id } } }));
  }

  /** Set what is named; `paused` stops it and goes on. */
  async changeNotificationEndpoint(id: string, body: Schemas["ChangeEndpoint"]): Promise<Schemas["EndpointView"]> {
    return told(await this.api.PATCH("/notification-endpoints/{id}", { body, params: { path: { id } } }));
  }

  /** End it, and drop what waits for it. */
  async deleteNotificationEndpoint(id: string): Promise<void> {
    await this.api.DELETE("/notification-endpoints/{id}", { params: { path: { id } } });
  }

  /** A new signing secret; the old one signs beside it for `overlap_days`. */
  async rotateNotificationSecret(id: string, body: RotateSecret = {}, keyed: Partial<Keyed> = {}): Promise<NewEndpoint> {
    const params = { path: { id }, header: headerOf(keyed) };
    return told(await this.api.POST("/notification-endpoints/{id}/rotate-secret", { body, params }));
  }

  /** Send a signed `endpoint.test` now; what came of it. */
  async testNotificationEndpoint(id: string): Promise<Schemas["TestView"]> {
    return told(await this.api.POST("/notification-endpoints/{id}/test", { params: { path: { id } } }));
  }

  /** What was sent to whom, newest first. */
  async listNotifications(query: Query<"listNotifications"> = {}): Promise<Schemas["NotificationPage"]> {
    return told(await this.api.GET("/notifications", { params: { query } }));
  }

  /** Send events again, with the ids and bodies of then; with `preview` only count them. */
  async replayNotifications(body: Schemas["Replay"]): Promise<Schemas["ReplayView"]> {
    return told(await this.api.POST("/notifications/replay", { body }));
  }
}

function headerOf({ idempotencyKey }: Partial<Keyed>): { "Idempotency-Key"?: string } {
  return idempotencyKey === undefined ? {} : keyHeader(idempotencyKey);
}

/** The body of an answer; `send` has thrown for every other one. */
function told<Data>({ data }: { data?: Data }): Data {
  return data as Data;
}
