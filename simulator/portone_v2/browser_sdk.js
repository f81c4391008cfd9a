  // The simulator's stand-in for https://cdn.portone.io/v2/browser-sdk.js: the global `PortOne` and its `requestPayment`.
  const IS_MOBILE = /Mobi|Android|iPhone|iPad/i;

  // As the real SDK marks its errors, so that `isPaymentError` of the npm package recognises them.
  class PaymentError extends Error {
    constructor(fields) {
      super(fields.message);
      this.name = "PaymentError";
      this.__portOneErrorType = "PaymentError";
      this.transactionType = "PAYMENT";
      Object.assign(this, fields);
    }
  }

  const wayOf = (request) => {
    const isMobile = IS_MOBILE.test(navigator.userAgent);
    const chosen = request?.windowType?.[isMobile ? "mobile" : "pc"];
    const way = chosen ?? (isMobile ? "REDIRECTION" : "IFRAME");
    const isRedirected = way === "REDIRECTION" || (request?.forceRedirect === true && Boolean(request.redirectUrl));
    return { way, isMobile, isRedirected };
  };

  const open = async (request, { isMobile, isRedirected }) => {
    let response;
    try {
      response = await post("/v2/browser/payments", { request, page: { url: location.href, isMobile }, isRedirected });
    } catch {
      throw new PaymentError({ code: "Unavailable", message: "PortOne (simulator) cannot be reached" });
    }
    const answer = await response.json();
    if (!response.ok) {
      const paymentId = typeof request?.paymentId === "string" ? { paymentId: request.paymentId } : {};
      throw new PaymentError({ ...answer, ...paymentId });
    }
    return answer;
  };

  const closed = (popup) => new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!popup.closed) return;
      clearInterval(timer);
      resolve();
    }, 100);
  });

  const inPopup = async (answer) => {
    const popup = window.open(home + answer.window, "portone-simulator", "popup,width=420,height=680");
    if (popup === null) {
      throw new PaymentError({ code: "FailedPrecondition", message: "the browser blocked the payment popup" });
    }
    const left = closed(popup).then(async () => {
      // Its own message may still be on the way when the popup is gone.
      await new Promise((resolve) => setTimeout(resolve, 200));
      const response = await post("/v2/window/leave", { txId: answer.txId });
      return (await response.json()).result;
    });
    const result = await Promise.race([resultFrom(() => popup, answer.txId), left]);
    popup.close();
    return result;
  };

  const requestPayment = async (request) => {
    const ways = wayOf(request);
    const answer = await open(request, ways);
    if (ways.isRedirected) {
      location.assign(home + answer.window);
      return new Promise(() => {}); // this page ends here; the result comes in the query of redirectUrl
    }
    return ways.way === "POPUP" ? inPopup(answer) : inIframe(answer.window, answer.txId, "portone");
  };

  window.PortOne = { requestPayment, PaymentError };
