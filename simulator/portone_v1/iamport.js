// The simulator's stand-in for https://cdn.iamport.kr/v1/iamport.js: the global `IMP`.
"use strict";
(() => {
  const home = new URL(document.currentScript.src).origin;
  const IS_MOBILE = /Mobi|Android|iPhone/;
  let userCode = null;

  const neverOpened = (params, code, message) => ({
    success: false,
    imp_success: false,
    imp_uid: null,
    merchant_uid: typeof params?.merchant_uid === "string" ? params.merchant_uid : null,
    error_code: code,
    error_msg: message,
  });

  const open = async (params) => {
    try {
      // text/plain: a simple request, for which browsers ask no permission first.
      const response = await fetch(home + "/browser/payments", {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body: JSON.stringify({ user_code: userCode, params, is_mobile: IS_MOBILE.test(navigator.userAgent) }),
      });
      return await response.json();
    } catch {
      return { rsp: neverOpened(params, "F0000", "PortOne (simulator) cannot be reached"), redirect: null };
    }
  };

  // The window tells its result to the page that frames it; messages of anybody else are not heard.
  const resultFrom = (frame, impUid) => new Promise((resolve) => {
    const listen = (event) => {
      const isOurs = event.origin === home && event.source === frame.contentWindow && event.data?.iamport === impUid;
      if (!isOurs) return;
      window.removeEventListener("message", listen);
      resolve(event.data.rsp);
    };
    window.addEventListener("message", listen);
  });

  const inIframe = async (answer) => {
    const overlay = document.createElement("div");
    overlay.id = "iamport-simulator";
    overlay.style.cssText = "position:fixed;inset:0;z-index:2147483647;display:grid;place-items:center;background:#0008";
    const frame = document.createElement("iframe");
    frame.title = "PortOne V1 (simulator)";
    frame.allow = "payment";
    frame.style.cssText = "width:min(420px,100%);height:min(680px,100%);border:0;border-radius:16px;background:#fff";
    frame.src = home + answer.window;
    overlay.append(frame);
    document.body.append(overlay);
    try {
      return await resultFrom(frame, answer.imp_uid);
    } finally {
      overlay.remove();
    }
  };

  const pay = async (params, callback) => {
    const answer = await open(params);
    const target = answer.window ? home + answer.window : answer.redirect;
    if (target && IS_MOBILE.test(navigator.userAgent)) {
      window.top.location.assign(target); // this page ends here; the result comes in the query of m_redirect_url
      return;
    }
    callback?.(answer.window ? await inIframe(answer) : answer.rsp);
  };

  window.IMP = {
    init: (code) => { userCode = code; },
    agency: (code) => { userCode = code; }, // the second argument, the tier, has no meaning here
    request_pay: (params, callback) => { pay(params, callback); },
  };
})();
