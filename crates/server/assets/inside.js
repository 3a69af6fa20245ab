// Signs in whoever opened the page inside DingTalk (免登): asks the client for a code that says who they are, and posts
// it. Loaded only by sign-in pages and only there. Where it fails, the page's other ways in are still there.
(() => {
  'use strict';
  const form = document.querySelector('form[data-inside]');
  const dd = window.dd;
  if (!form || !dd || !dd.env || dd.env.platform === 'notInDingTalk') return;
  const working = document.querySelector('[data-inside-working]');
  const say = (is) => { if (working) working.hidden = !is; };
  const ask = (api, options) => new Promise((done, failed) => {
    const asked = api(Object.assign({ onSuccess: done, onFail: failed }, options));
    if (asked && asked.then) asked.then(done, failed);
  });
  const { clientId, corpId } = form.dataset;
  // Clients before 7.0.45 know the older call only.
  const code = () => ask(dd.requestAuthCode, { clientId, corpId })
    .catch(() => ask(dd.runtime.permission.requestAuthCode, { corpId }));
  say(true);
  code().then((result) => {
    if (!result || !result.code) throw new Error('no code');
    form.elements.code.value = result.code;
    form.submit();
  }).catch(() => say(false));
})();
