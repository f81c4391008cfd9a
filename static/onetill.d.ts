/** Types of Onetill's drop-in script. Everything may grow; nothing narrows within version "1". */

/** Where a payment stands. "unknown": this browser cannot say. More may come. */
export type PaymentStatus =
  | "open"
  | "processing"
  | "awaiting_deposit"
  | "paid"
  | "partially_refunded"
  | "refunded"
  | "canceled"
  | "expired"
  | "review"
  | "unknown"
  | (string & {});

/**
 * What the checkout says. It comes from a browser and is a hint: before anything is delivered, the shop's server reads the
 * payment (`GET /payments/{id}`) or waits for the signed notification.
 */
export interface Result {
  readonly version: "1";
  /**
   * "success": our server has proven the payment, of which part may have gone back since ("paid", "partially_refunded").
   * "error": it is not paid, as far as this browser knows, all of it went back, or a person has to decide.
   */
  readonly status: "success" | "error";
  /**
   * After a success, the gateway's name of what was paid; else a reason: "closed" ("open", "processing", "awaiting_deposit",
   * "unknown"), "declined" ("open"), "mismatch" ("unknown"), or where it stands: "awaiting_deposit", "canceled", "expired",
   * "refunded", "review".
   */
  readonly msg: string;
  /** Empty only where the checkout never came. */
  readonly payment_id: string;
  readonly payment_status: PaymentStatus;
}

export interface OpenOptions {
  /** `client_token` of the payment that your server has created. */
  clientToken: string;
  /** Over the page (the default), in place of it, or inside `container`. */
  mode?: "overlay" | "redirect" | "inline";
  /** For `inline`: an element, or a selector of one. What is in it is replaced. */
  container?: Element | string;
  /** Called for everything that is learned on the way: a buyer who was declined may still try again and pay. */
  onResult?: (result: Result) => void;
}

export interface OnetillApi {
  readonly version: "1";
  /** Where Onetill runs. Taken from the script's own address; set it where the file is served from elsewhere. */
  origin: string | null;
  /**
   * Opens the checkout. The promise ends with the last result when the overlay closes, or, inline, when the payment has ended
   * or is in "review". How it ended is told each time that it is opened.
   * Where the buyer must leave the page for the gateway's, it does not end here: he comes back to the payment's `return_url`.
   * The same payment opened again is the same checkout, and both calls get its result.
   * Rejects with a TypeError for wrong options, among them another payment while an overlay is open, and with nothing else.
   */
  open(options: OpenOptions): Promise<Result>;
}

declare global {
  // eslint-disable-next-line no-var
  var Onetill: OnetillApi;
}

export declare const Onetill: OnetillApi;
export default Onetill;
