  // The simulator's stand-in for https://cdn.iamport.kr/v1/iamport.js: the global `IMP`.
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
      const sent = { user_code: userCode, params, is_mobile: IS_MOBILE.test(navigator.userAgent) };
      return await (await post("/browser/payments", sent)).json();
    } catch {
      return { rsp: neverOpened(params, "F0000", "PortOne (simulator) cannot be reached"), redirect: null };
    }
  };

  const pay = async (params, callback) => {
    const answer = await open(params);
    const target = answer.window ? home + answer.window : answer.redirect;
    if (target && IS_MOBILE.test(navigator.userAgent)) {
      window.top.location.assign(target); // this page ends here; the result comes in the query of m_redirect_url
      return;
    }
    callback?.(answer.window ? await inIframe(answer.window, answer.imp_uid, "iamport") : answer.rsp);
  };

  window.IMP = {
    init: (code) => { userCode = code; },
    agency: (code) => { userCode = code; }, // the second argument, the tier, has no meaning here
    request_pay: (params, callback) => { pay(params, callback); },
  };
