  // What both of PortOne's scripts begin with. They are made of it and their own part in one scope (simulator/portone.py).
  const home = new URL(document.currentScript.src).origin;

  // text/plain: a simple request, for which browsers ask no permission first.
  const post = (path, sent) =>
    fetch(home + path, { method: "POST", headers: { "Content-Type": "text/plain" }, body: JSON.stringify(sent) });

  // The window tells its result to whoever holds it; messages of anybody else are not heard.
  const resultFrom = (getWindow, id) => new Promise((resolve) => {
    const listen = (event) => {
      const isOurs = event.origin === home && event.source === getWindow() && event.data?.portone === id;
      if (!isOurs) return;
      window.removeEventListener("message", listen);
      resolve(event.data.result);
    };
    window.addEventListener("message", listen);
  });

  const inIframe = async (address, id, name) => {
    const overlay = document.createElement("div");
    overlay.id = name + "-simulator";
    overlay.style.cssText = "position:fixed;inset:0;z-index:2147483647;display:grid;place-items:center;background:#0008";
    const frame = document.createElement("iframe");
    frame.title = name + " (simulator)";
    frame.allow = "payment";
    frame.style.cssText = "width:min(420px,100%);height:min(680px,100%);border:0;border-radius:16px;background:#fff";
    frame.src = home + address;
    overlay.append(frame);
    document.body.append(overlay);
    try {
      return await resultFrom(() => frame.contentWindow, id);
    } finally {
      overlay.remove();
    }
  };

