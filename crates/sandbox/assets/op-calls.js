// The call log: what apps called and what they were answered, live.
import { say, clockTime } from './words.js';
import { el, icon, call } from './dom.js';
import { title, empty, step, field, json } from './op-parts.js';
import { rows } from './rows.js';

const KEPT = 5000;

export async function calls(place) {
  const [{ calls: known }, { apps }] = await Promise.all([call('GET', `/sandbox/calls?limit=${KEPT}`), call('GET', '/sandbox/apps')]);
  let all = known.reverse();
  let opened = null;
  let paused = false;
  const nameOf = id => apps.find(app => app.client_id === id)?.name ?? id ?? '—';

  const app = el('select', {}, el('option', { value: '' }, say('allApps')), ...apps.map(one => el('option', { value: one.client_id }, one.name || one.client_id)));
  const path = el('input', { type: 'search', placeholder: say('pathOrName') });
  const outcome = el('select', {}, ...['all', 'refused', 'accepted', 'faulty'].map(name => el('option', { value: name }, say(`outcome_${name}`))));
  const metered = el('select', {}, ...['', 'api', 'push', 'none'].map(name => el('option', { value: name }, say(`metered_${name || 'all'}`))));
  const count = el('small', { class: 'count', role: 'status' });
  const detail = el('aside', { class: 'call-detail', hidden: true });
  const nothing = el('div', {});
  const list = rows(matchMedia('(max-width: 720px)').matches ? 64 : 40, drawCall, say('op_calls'));

  const wanted = one => (!app.value || one.app === app.value)
    && (!path.value || `${one.path} ${one.name}`.toLowerCase().includes(path.value.trim().toLowerCase()))
    && (outcome.value === 'all' || (outcome.value === 'refused' && one.refusal !== null) || (outcome.value === 'accepted' && one.refusal === null && one.status < 400) || (outcome.value === 'faulty' && one.fault !== null))
    && (!metered.value || one.metered === metered.value);

  function drawCall(one) {
    const bad = one.refusal !== null || one.status >= 400;
    return el('button', { type: 'button', role: 'listitem', class: `call${bad ? ' bad' : ''}${one === opened ? ' open' : ''}`, onclick: () => open(one) },
      el('time', {}, `${clockTime(one.at_ms)}:${String(new Date(one.at_ms).getSeconds()).padStart(2, '0')}`), el('span', { class: 'who' }, nameOf(one.app)), el('b', {}, one.method), el('code', { title: one.path }, one.path), el('span', { class: 'named' }, one.name),
      el('span', { class: 'code' }, one.refusal ?? String(one.status), one.fault && el('i', { class: 'tag warn' }, say(one.fault === 'status' ? 'status' : one.fault))), el('span', { class: `meter-mark ${one.metered}` }, one.metered === 'none' ? '' : say(`metered_${one.metered}`)));
  }
  function open(one) {
    opened = opened === one ? null : one;
    detail.hidden = opened === null;
    show(true);
    if (opened === null) return;
    const pair = (word, value) => [el('dt', {}, say(word)), el('dd', {}, value)];
    detail.replaceChildren(
      el('header', {}, el('h2', {}, `${one.method} ${one.path}`), el('button', { type: 'button', class: 'icon-button', ariaLabel: say('close'), onclick: () => open(one) }, icon('close'))),
      el('dl', {}, ...pair('callName', one.name), ...pair('callApp', nameOf(one.app)), ...pair('callStatus', `HTTP ${one.status}${one.refusal ? ` · ${one.refusal}` : ''}`), ...pair('callMetered', say(`metered_${one.metered}`)), ...pair('callTook', `${one.took_ms} ms`), ...(one.fault ? pair('callFault', one.fault) : [])),
      el('h3', {}, say('query')), json(one.query), el('h3', {}, say('request')), json(one.request), el('h3', {}, say('answer')), json(one.answer));
  }
  function show(afresh = false) {
    const found = all.filter(wanted);
    list.set(found, afresh);
    count.textContent = found.length === all.length ? String(all.length) : `${found.length} / ${all.length}`;
    nothing.replaceChildren(...(found.length ? [] : [empty(all.length ? 'noSuchCalls' : 'noCalls')]));
    list.node.hidden = found.length === 0;
  }
  for (const input of [app, path, outcome, metered]) input.addEventListener('input', () => show());
  const live = el('label', { class: 'field switch live' }, el('span', {}, say('live')), el('input', { type: 'checkbox', checked: true, onchange: event => { paused = !event.target.checked; if (!paused) catchUp(); } }));
  place.replaceChildren(
    title('op_calls', count, el('span', { class: 'space' }), live, step(say('clearCalls'), async () => { await call('DELETE', '/sandbox/calls'); all = []; if (opened) open(opened); show(); })),
    el('div', { class: 'filters' }, field(say('callApp'), app), field(say('path'), path), field(say('outcome'), outcome), field(say('callMetered'), metered)),
    el('div', { class: 'calls-body' }, el('div', { class: 'calls-list' }, nothing, list.node), detail));
  show();

  async function catchUp() {
    const { calls: missed } = await call('GET', `/sandbox/calls?limit=${KEPT}&after=${all[0]?.id ?? 0}`);
    const fresh = missed.reverse().filter(one => !all.some(known => known.id === one.id));
    all = [...fresh, ...all].slice(0, KEPT);
    show();
  }
  const wire = new EventSource('/sandbox/calls/events');
  let waiting;
  wire.addEventListener('call', event => {
    if (paused) return;
    const one = JSON.parse(event.data);
    if (all.length && one.id <= all[0].id) return;
    all.unshift(one);
    if (all.length > KEPT) all.pop();
    waiting ??= setTimeout(() => { waiting = undefined; show(); }, 80);
  });
  for (const name of ['hello', 'missed']) wire.addEventListener(name, () => { if (!paused) catchUp().catch(() => {}); });
  return () => { wire.close(); clearTimeout(waiting); };
}
