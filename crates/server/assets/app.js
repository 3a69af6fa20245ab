// Small improvements on pages that already work without script; console and employee pages share it.
// Invariant: nothing here decides anything; under every action lies a plain link or form.
// Everything is found by data- attributes, also in fragments that htmx swaps in.
(() => {
  'use strict';
  const doc = document, zh = doc.documentElement.lang.startsWith('zh');
  const say = (a, b) => (zh ? a : b);
  const all = (q, root) => Array.from((root || doc).querySelectorAll(q));

  // Time: <time datetime data-rel>. The server's clock counts (body data-now, epoch ms): the demo's is not ours.
  let serverNow = Number(doc.body.dataset.now) || Date.now();
  const steps = [[45, 0], [3600, 'minute', 60], [86400, 'hour', 3600], [604800, 'day', 86400]];
  function tellTimes(root) {
    if (!window.Intl || !Intl.RelativeTimeFormat) return;
    const rel = new Intl.RelativeTimeFormat(zh ? 'zh-CN' : 'en', { numeric: 'auto' });
    for (const el of all('time[data-rel]', root)) {
      const seconds = (Date.parse(el.dateTime) - serverNow - performance.now()) / 1000;
      const step = steps.find((s) => Math.abs(seconds) < s[0]);
      if (!el.title) el.title = el.textContent;
      // Beyond a week the server's date is clearer.
      el.textContent = !step ? el.title : step[1] ? rel.format(Math.round(seconds / step[2]), step[1]) : say('刚刚', 'just now');
    }
  }

  // Live pages: <main data-live="/…/events">. An event says only "changed"; the page is fetched again under the address
  // that stands in the browser, at most once a second, and only what differs is changed: rows are known by their ids,
  // what somebody has typed, ticked, opened or focused stays.
  const keyed = (node, id) => Array.from(node.children).find((child) => child.id === id);
  function morph(have, want) {
    if (have.isEqualNode(want) || have.matches('input:not([type=hidden]), select, textarea, noscript, dialog[open]')) return;
    if (have.matches('time[data-rel]')) {
      if (have.dateTime === want.dateTime) return;
      have.removeAttribute('title');
    }
    for (const { name } of Array.from(have.attributes)) if (name !== 'open' && name !== 'title' && !want.hasAttribute(name)) have.removeAttribute(name);
    for (const { name, value } of want.attributes) if (name !== 'open' && have.getAttribute(name) !== value) have.setAttribute(name, value);
    Array.from(have.children).forEach((child) => { if (child.id && !keyed(want, child.id)) child.remove(); });
    let at = have.firstChild;
    for (const next of Array.from(want.childNodes)) {
      const known = next.id ? keyed(have, next.id) : at;
      // Blanks left by a row that went away, else every row below it would have to move.
      while (next.id && known && at && at !== known && at.nodeType !== 1) { const gone = at; at = at.nextSibling; gone.remove(); }
      if (known && known.nodeName === next.nodeName && (known.id || '') === (next.id || '')) {
        if (known === at) at = at.nextSibling; else have.insertBefore(known, at);
        if (known.nodeType === 1) morph(known, next); else if (known.data !== next.data) known.data = next.data;
      } else have.insertBefore(doc.importNode(next, true), at);
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  }
  function listen(el) {
    if (el.live || !window.EventSource) return;
    let source = null, timer = 0;
    el.live = true;
    const soon = (ms) => { if (!timer) timer = setTimeout(refresh, ms); };
    async function refresh() {
      timer = 0;
      if (doc.hidden || !el.isConnected) return;
      const asked = location.pathname + location.search;
      try {
        const answer = await fetch(asked, { headers: { 'HX-Request': 'true' } });
        if (answer.redirected || answer.status === 401) return location.reload();
        const page = answer.ok && new DOMParser().parseFromString(await answer.text(), 'text/html');
        // Meanwhile another filter was chosen, or a form is on its way.
        if (!page || asked !== location.pathname + location.search || all('form').some((form) => form.sent)) return;
        for (const part of [el, ...all('.nav')]) {
          const want = page.querySelector(part.id ? '#' + part.id : '.nav');
          if (want) morph(part, want);
        }
        serverNow = Number(page.body.dataset.now) - performance.now() || serverNow;
        if (window.htmx) window.htmx.process(el);
        start(el);
      } catch (_) { /* offline: the next event brings it up to date */ }
    }
    function follow() {
      if (source) source.close();
      source = null;
      if (doc.hidden || !el.isConnected) return;
      source = new EventSource(el.dataset.live);
      source.addEventListener('changed', () => soon(1000));
    }
    doc.addEventListener('visibilitychange', () => { follow(); soon(100); });
    addEventListener('pagehide', () => { if (source) source.close(); });
    follow();
  }

  // <form data-keep>: what was typed is kept in this tab when it is sent. If the session was over, the way leads through
  // the sign-in page back to the form, and it is filled in again; files the browser does not let us keep.
  const kept = 'yuezhi-form';
  const typed = (form) => Array.from(form.elements).filter((el) => el.name && !['file', 'password', 'hidden', 'submit'].includes(el.type));
  function keep(form) {
    const fields = typed(form).map((el) => (el.matches('[type=checkbox], [type=radio]') ? el.checked : el.value));
    try { sessionStorage.setItem(kept, JSON.stringify({ path: location.pathname, fields })); } catch (_) { /* full or forbidden: then nothing is kept */ }
  }
  function fillAgain() {
    let found = null;
    try { found = JSON.parse(sessionStorage.getItem(kept)); sessionStorage.removeItem(kept); } catch (_) { return; }
    const form = doc.querySelector('form[data-keep]'), signedIn = /\/console\/sign-in(\?|$)/.test(doc.referrer);
    if (!found || !form || !signedIn || found.path !== location.pathname) return;
    const elements = typed(form);
    if (elements.length !== found.fields.length) return;
    elements.forEach((el, n) => { if (typeof found.fields[n] === 'boolean') el.checked = found.fields[n]; else el.value = found.fields[n]; });
    all('details', form).forEach((more) => { if (all('textarea', more).some((el) => el.value)) more.open = true; });
    const note = doc.createElement('div');
    note.className = 'note';
    note.setAttribute('role', 'status');
    note.textContent = form.dataset.keep;
    form.before(note);
  }

  // <form data-confirm="question" data-confirm-yes="word" [data-confirm-kind="danger"]>: asks before it sends.
  function ask(form, button) {
    const make = (tag, name, text) => { const el = doc.createElement(tag); el.className = name; el.textContent = text || ''; return el; };
    const dialog = make('dialog'), body = make('div', 'dialog-body'), foot = make('div', 'dialog-foot');
    const no = make('button', 'btn', say('返回', 'Back'));
    const yes = make('button', 'btn btn-' + (form.dataset.confirmKind || 'primary'), form.dataset.confirmYes || say('确定', 'OK'));
    body.append(make('h2', '', form.dataset.confirm));
    foot.append(no, yes);
    dialog.append(body, foot);
    doc.body.append(dialog);
    dialog.addEventListener('close', () => dialog.remove());
    no.onclick = () => dialog.close();
    yes.onclick = () => { form.asked = true; dialog.close(); form.requestSubmit(button); };
    dialog.showModal();
  }

  // Selection: [data-all] ticks the rows of its form; [data-picked] says how many; [data-needs-pick] waits for one.
  const rowBoxes = (form) => all('td input[type=checkbox][name]', form);
  function countPicked(form) {
    const boxes = rowBoxes(form), picked = boxes.filter((b) => b.checked).length;
    all('[data-all]', form).forEach((b) => { b.checked = picked > 0 && picked === boxes.length; b.indeterminate = picked > 0 && !b.checked; });
    all('[data-picked]', form).forEach((el) => { el.textContent = picked; });
    all('[data-needs-pick]', form).forEach((el) => { el.disabled = !picked; });
  }

  doc.addEventListener('click', (event) => {
    const at = (q) => event.target.closest(q);
    // <a href="#id" data-dialog>: without script the same link shows the dialog through :target.
    const opener = at('[data-dialog]'), opened = opener && doc.getElementById(opener.hash.slice(1));
    if (opened && opened.showModal) { event.preventDefault(); opened.showModal(); }
    const closer = at('[data-close]'), dialog = event.target.closest('dialog');
    if (dialog && dialog.open && (closer || event.target === dialog)) { event.preventDefault(); dialog.close(); }
    else if (closer && closer.closest('.note')) closer.closest('.note').remove();
    const copier = at('[data-copy]');
    if (copier) {
      const from = doc.getElementById(copier.dataset.copy), before = copier.textContent;
      const done = (word) => { copier.textContent = word; setTimeout(() => { copier.textContent = before; }, 1600); };
      const select = () => { getSelection().selectAllChildren(from); done(say('请按 Ctrl+C', 'Press Ctrl+C')); };
      // The clipboard needs https or localhost; elsewhere the text is selected for the reader to copy.
      if (navigator.clipboard) navigator.clipboard.writeText(from.textContent.trim()).then(() => done(say('已复制', 'Copied')), select);
      else select();
    }
    all('details.menu[open]').forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  doc.addEventListener('submit', (event) => {
    const form = event.target, button = event.submitter;
    if (form.dataset.confirm && !form.asked && window.HTMLDialogElement) {
      event.preventDefault();
      event.stopPropagation();
      return ask(form, button);
    }
    form.asked = false;
    // A double click is one click.
    if (form.sent) return event.preventDefault();
    if ('keep' in form.dataset) keep(form);
    form.sent = form.method === 'post';
    setTimeout(() => { form.sent = false; }, 10000);
    // data-once="word": after this turn, so that the button's own name and value are still sent.
    if ('once' in form.dataset && button) setTimeout(() => { button.disabled = true; button.textContent = form.dataset.once || say('正在提交…', 'Sending…'); });
  }, true);

  doc.addEventListener('change', ({ target }) => {
    const form = target.form;
    if (!form) return;
    if ('all' in target.dataset) rowBoxes(form).forEach((b) => { b.checked = target.checked; });
    countPicked(form);
    if ('auto' in form.dataset && target.type !== 'search') form.requestSubmit();
  });

  // Keys: "/" searches, j and k walk the rows, Enter opens; [data-key] names its own.
  doc.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest('input, select, textarea, dialog')) return;
    let target = event.key === '/' ? doc.querySelector('[type=search]') : null;
    if (event.key === 'j' || event.key === 'k') {
      const links = all('[data-rows] tbody tr').map((row) => row.querySelector('a')).filter(Boolean), at = links.indexOf(doc.activeElement);
      target = links[event.key === 'j' ? at + 1 : Math.max(at - 1, 0)];
    }
    if (target) { event.preventDefault(); return target.focus(); }
    target = all('[data-key]').find((el) => el.dataset.key === event.key);
    if (target) { event.preventDefault(); target.click(); }
  });

  // Back from the browser's cache: numbers are old and buttons pressed.
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
  const start = (root) => { tellTimes(root); all('[data-live]', root).forEach(listen); all('form', root).forEach(countPicked); };
  doc.addEventListener('htmx:load', (event) => start(event.target));
  start(doc);
  if (doc.querySelector('.side')) fillAgain();
  const here = doc.querySelector('.nav [aria-current]');
  if (here) here.parentElement.scrollLeft = here.offsetLeft - 60;
  setInterval(() => { if (!doc.hidden) tellTimes(doc); }, 30000);
})();
