// A drop-in for DingTalk's JSAPI (window.dd) in pages that the sandbox's chat client shows.
//
// It talks to the window that holds the page (its frame's parent, or its opener) by postMessage. That window is asked
// only if it is of the sandbox's origin, which is where this script came from, and only its answers are believed.
//   page → client  {dingtalkSandbox: 1, id, api, args}
//   client → page  {dingtalkSandbox: 1, id, ok: true, result} or {dingtalkSandbox: 1, id, ok: false, error: {errorCode, errorMessage}}
// The client answers {api: "hello"} with {version, corpId, language}; before that dd.ready waits.
// Outside the client every call fails as it does in a browser, and dd.env.platform is "notInDingTalk".
(function () {
  "use strict";
  const script = document.currentScript;
  const home = new URL(script ? script.src : location.href).origin;
  const client = window.parent !== window ? window.parent : window.opener;
  const waiting = new Map();
  const readyCalls = [];
  const errorCalls = [];
  let state = client ? "asking" : "outside";
  let next = 1;

  const isPhone = /Android|iPhone|iPad|Mobile/i.test(navigator.userAgent);
  const env = { platform: client ? (isPhone ? (/iPhone|iPad/i.test(navigator.userAgent) ? "ios" : "android") : "pc") : "notInDingTalk", version: "0.0.0", appType: client ? "WEB" : "unknown" };

  window.addEventListener("message", (event) => {
    if (event.origin !== home || event.source !== client) return;
    const data = event.data;
    if (!data || data.dingtalkSandbox !== 1 || !waiting.has(data.id)) return;
    const { done, failed } = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.ok) done(data.result === undefined ? {} : data.result);
    else failed(data.error || { errorCode: "-1", errorMessage: "unknown error" });
  });

  function ask(api, args) {
    return new Promise((done, failed) => {
      if (!client) {
        failed({ errorCode: "7", errorMessage: "not in DingTalk: " + api + " works in the chat client only" });
        return;
      }
      const id = next++;
      waiting.set(id, { done, failed });
      client.postMessage({ dingtalkSandbox: 1, id, api, args }, home);
      // The client answers at once or shows a dialog; ten seconds mean that it is not ours.
      setTimeout(() => {
        if (waiting.delete(id)) failed({ errorCode: "7", errorMessage: "the client did not answer " + api });
      }, 10000);
    });
  }

  // Every API takes callbacks in its one argument and returns a promise as well.
  function api(name) {
    return function (options) {
      const { onSuccess, onFail, success, fail, complete, ...args } = options || {};
      const promise = ask(name, args);
      promise.then(
        (result) => { for (const call of [onSuccess, success, complete]) if (call) call(result); },
        (error) => { for (const call of [onFail, fail, complete]) if (call) call(error); },
      );
      // With callbacks nobody looks at the promise.
      if (onFail || fail || complete) promise.catch(() => {});
      return promise;
    };
  }

  const requestAuthCode = api("requestAuthCode");
  const dd = {
    env,
    version: env.version,
    SDK: { version: "sandbox" },
    requestAuthCode,
    getAuthCode: requestAuthCode,
    closePage: api("closePage"),
    openLink: api("openLink"),
    setTitle: api("setTitle"),
    getVersion: api("getVersion"),
    ready(call) { if (state === "ready") call(); else readyCalls.push(call); },
    error(call) { if (state === "outside") call({ errorCode: "7", errorMessage: "not in DingTalk" }); else errorCalls.push(call); },
    // Nothing here needs a signature, so any is taken.
    config() {},
    runtime: { permission: {
      // Older pages give a corpId only; the client knows which app it shows.
      requestAuthCode: (options) => requestAuthCode(options),
    } },
    biz: {
      navigation: { close: api("closePage"), setTitle: api("setTitle") },
      util: { openLink: api("openLink") },
    },
  };
  window.dd = dd;

  if (client) {
    ask("hello", {}).then(
      (about) => {
        env.version = dd.version = String((about && about.version) || env.version);
        if (about && about.corpId) env.corpId = about.corpId;
        if (about && about.language) env.language = about.language;
        state = "ready";
        for (const call of readyCalls.splice(0)) call();
      },
      (error) => {
        state = "outside";
        env.platform = "notInDingTalk";
        for (const call of errorCalls.splice(0)) call(error);
      },
    );
  }
})();
