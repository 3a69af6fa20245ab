// Small improvements on pages that already work without script. Used by console and employee pages alike.
// Invariant: nothing here decides anything; every action is a plain link or form underneath.
// Everything is found by data- attributes, also in fragments that htmx swaps in.
(() => {
  'use strict';
  const doc = document, zh = (doc.documentElement.lang || 'zh').startsWith('zh');
  const say = (a, b) => (zh ? a : b);
  const all = (q, root) => Array.from((root || doc).querySelectorAll(q));
  const hit = (event, q) => (event.target instanceof Element ? event.target.closest(q) : null);

  // ── Time: <time datetime data-rel>. The server's clock counts (data-now, epoch ms): the demo's differs from ours.
  const started = performance.now();
  const serverNow = Number(doc.body.dataset.now) || Date.now();
  const steps = [[60, 'second'], [3600, 'minute', 60], [86400, 'hour', 3600], [604800, 'day', 86400]];
  function tellTimes(root) {
    if (!window.Intl || !Intl.RelativeTimeFormat) return;
    const rel = new Intl.RelativeTimeFormat(zh ? 'zh-CN' : 'en', { numeric: 'auto' });
    const now = serverNow + performance.now() - started;
    for (const el of all('time[data-rel]', root)) {
      const seconds = (Date.parse(el.dateTime) - now) / 1000, size = Math.abs(seconds);
      const step = steps.find((s) => size < s[0]);
      if (!step || isNaN(seconds)) continue; // older than a week: the date the server wrote is clearer
      if (!el.title) el.title = el.textContent;
      el.textContent = size < 45 ? say('刚刚', 'just now') : rel.format(Math.round(seconds / (step[2] || 1)), step[1]);
    }
  }

  // ── Live regions: <section data-live="/…/events" data-live-src="/…/fragment">. An event says only "changed";
  //    the fragment is fetched again, at most once a second, never under the reader's hands.
  function listen(el) {
    if (el.listening || !window.EventSource) return;
    let source, timer, dirty = false;
    el.listening = true;
    const busy = () => doc.hidden || el.querySelector('input:checked, dialog[open]') || (el.contains(doc.activeElement) && doc.activeElement.matches('input, select, textarea'));
    const close = () => { clearTimeout(timer); timer = 0; if (source) source.close(); source = null; };
    async function refresh() {
      timer = 0;
      if (!el.isConnected) return close();
      if (busy()) { timer = setTimeout(refresh, 2000); return; }
      dirty = false;
      try {
        const answer = await fetch(el.dataset.liveSrc, { headers: { 'HX-Request': 'true' } });
        if (answer.redirected || answer.status === 401) return location.reload();
        if (!answer.ok) return;
        el.innerHTML = await answer.text();
        if (window.htmx) window.htmx.process(el);
        tellTimes(el);
      } catch (_) { dirty = true; } // offline: the next event or the next visit brings it up to date
    }
    const changed = () => { dirty = true; if (!timer) timer = setTimeout(refresh, 1000); };
    const open = () => { if (!source && el.isConnected) { source = new EventSource(el.dataset.live); source.addEventListener('changed', changed); } };
    doc.addEventListener('visibilitychange', () => { if (doc.hidden) close(); else { open(); changed(); } });
    addEventListener('pagehide', close);
    open();
    if (dirty) changed();
  }

  // ── Dialogs: <a href="#id" data-dialog>; without script the same link shows it through :target.
  function openDialog(link) {
    const dialog = doc.getElementById((link.getAttribute('href') || '').slice(1));
    if (!dialog || !dialog.showModal) return false;
    if (!dialog.open) dialog.showModal();
    return true;
  }
  // <form data-confirm="text" data-confirm-yes="word">: asks before it sends.
  function ask(form, button) {
    const dialog = doc.createElement('dialog');
    const make = (tag, name, text) => { const el = doc.createElement(tag); el.className = name; el.textContent = text || ''; return el; };
    const body = make('div', 'dialog-body'), foot = make('div', 'dialog-foot');
    const no = make('button', 'btn', say('返回', 'Back'));
    const yes = make('button', 'btn ' + (form.dataset.confirmKind === 'danger' ? 'btn-danger' : 'btn-primary'), form.dataset.confirmYes || say('确定', 'OK'));
    body.append(make('h2', '', form.dataset.confirm));
    foot.append(no, yes);
    dialog.append(body, foot);
    doc.body.append(dialog);
    dialog.addEventListener('close', () => dialog.remove());
    no.onclick = () => dialog.close();
    yes.onclick = () => { form.asked = true; dialog.close(); form.requestSubmit(button || undefined); };
    dialog.showModal();
  }

  // ── Selection: [data-all] ticks every [name] of its form; [data-picked] says how many.
  function countPicked(form) {
    const boxes = all('input[type=checkbox][name]:not([data-all])', form).filter((b) => b.closest('table'));
    const picked = boxes.filter((b) => b.checked).length, master = form.querySelector('[data-all]');
    if (master) { master.checked = picked > 0 && picked === boxes.length; master.indeterminate = picked > 0 && picked < boxes.length; }
    all('[data-picked]', form).forEach((el) => { el.textContent = picked; });
    all('[data-needs-pick]', form).forEach((el) => { el.disabled = picked === 0; });
  }

  doc.addEventListener('click', (event) => {
    const opener = hit(event, '[data-dialog]');
    if (opener && openDialog(opener)) event.preventDefault();
    const closer = hit(event, '[data-close]');
    if (closer) {
      const dialog = closer.closest('dialog');
      if (dialog && dialog.open) { event.preventDefault(); dialog.close(); } else if (!dialog) closer.closest('.note').remove();
    }
    if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close(); // the backdrop
    const copier = hit(event, '[data-copy]');
    if (copier) {
      const from = copier.dataset.copy ? doc.getElementById(copier.dataset.copy) : null;
      const text = from ? (from.value || from.textContent).trim() : location.href, before = copier.textContent;
      const done = (word) => { copier.textContent = word; setTimeout(() => { copier.textContent = before; }, 1600); };
      // The clipboard needs https or localhost; elsewhere the text is selected for the reader to copy.
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => done(say('已复制', 'Copied')));
      else if (from) { getSelection().selectAllChildren(from); done(say('请按 Ctrl+C', 'Press Ctrl+C')); }
    }
    if (hit(event, '[data-print]')) { event.preventDefault(); print(); }
    all('details.menu[open]').forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  doc.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.dataset.confirm && !form.asked && window.HTMLDialogElement) { event.preventDefault(); event.stopPropagation(); ask(form, event.submitter); return; }
    form.asked = false;
    if ('once' in form.dataset) {
      const button = event.submitter || form.querySelector('[type=submit]');
      // After this turn, so that the button's own name and value are still sent.
      setTimeout(() => { if (button) { button.disabled = true; button.textContent = form.dataset.once || say('正在提交…', 'Sending…'); } });
    }
  }, true);

  doc.addEventListener('change', (event) => {
    const input = event.target, form = input.form;
    if (!form) return;
    if ('all' in input.dataset) all('input[type=checkbox][name]', form).forEach((b) => { if (b.closest('table')) b.checked = input.checked; });
    if (form.querySelector('[data-picked]')) countPicked(form);
    if ('auto' in form.dataset && !input.matches('[type=search], [type=text]')) form.requestSubmit();
  });

  // ── Keys: "/" searches, j and k walk the rows, Enter opens; [data-key] names its own.
  doc.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || hit(event, 'input, select, textarea, [contenteditable], dialog')) return;
    if (event.key === '/') {
      const search = doc.querySelector('[type=search]');
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === 'j' || event.key === 'k') {
      const links = all('[data-rows] tbody tr').map((row) => row.querySelector('a[href]')).filter(Boolean);
      const at = links.indexOf(doc.activeElement), next = links[event.key === 'j' ? at + 1 : Math.max(at - 1, 0)];
      if (next) { event.preventDefault(); next.focus(); next.scrollIntoView({ block: 'nearest' }); }
    } else {
      const target = all('[data-key]').find((el) => el.dataset.key === event.key);
      if (target) { event.preventDefault(); target.click(); }
    }
  });

  // The page was restored from the back/forward cache: buttons work again.
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

  function start(root) {
    tellTimes(root);
    all('[data-live]', root).forEach(listen);
    all('form', root).forEach((form) => { if (form.querySelector('[data-picked]')) countPicked(form); });
  }
  doc.addEventListener('htmx:load', (event) => start(event.target));
  start(doc);
  const here = doc.querySelector('.nav [aria-current]');
  if (here && here.parentElement.scrollWidth > here.parentElement.clientWidth) here.parentElement.scrollLeft = here.offsetLeft - 60;
  setInterval(() => { if (!doc.hidden) tellTimes(doc); }, 30000);
})();
