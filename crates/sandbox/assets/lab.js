// The sandbox's own panel: faults, clock, limits, the month's use.
import { say, when } from './words.js';
import { el, icon, call } from './dom.js';
import { go } from './app.js';

const pane = document.getElementById('pane');
const HOUR = 3600000;
const KINDS = [
  ['latency', { kind: 'latency', ms: 3000 }], ['status503', { kind: 'status', status: 503 }], ['drop', { kind: 'drop', after: false }],
  ['dropAfter', { kind: 'drop', after: true }], ['half', { kind: 'half' }], ['html', { kind: 'html' }], ['banned', { kind: 'banned' }],
  ['throttle', { kind: 'throttle' }], ['busy', { kind: 'busy' }], ['flow_control', { kind: 'flow_control' }],
];
const SCOPES = ['', '/robot/send', '/v1.0/robot/', '/v1.0/oauth2/', '/gettoken', '/topapi/'];

export async function showLab() {
  const [faults, clock, rules, quota] = await Promise.all(['faults', 'clock', 'rules', 'quota'].map(name => call('GET', `/sandbox/${name}`)));
  pane.replaceChildren(
    el('header', { class: 'head' },
      el('button', { type: 'button', class: 'icon-button back', ariaLabel: say('back'), onclick: () => go(null) }, icon('back')), el('h1', {}, el('span', {}, say('lab')))),
    el('div', { class: 'lab' }, el('p', { class: 'hint' }, say('labHint')),
      el('div', { class: 'cards' }, faultsCard(faults.faults), el('div', {}, clockCard(clock), limitsCard(rules), quotaCard(quota), dataCard()))));
}

const change = async (method, path, body) => { await call(method, path, body); await showLab(); };

function faultsCard(active) {
  const kind = el('select', {}, ...KINDS.map(([word], at) => el('option', { value: at }, say(word))));
  const scope = el('select', {}, ...SCOPES.map(path => el('option', { value: path }, path || say('allPaths'))));
  const times = el('select', {}, ...[1, 3, 10].map(n => el('option', { value: n }, say('nextN')(n))), el('option', { value: 0 }, say('always')));
  const submit = event => {
    event.preventDefault();
    const fault = { ...KINDS[Number(kind.value)][1], path: scope.value };
    if (Number(times.value)) fault.next = Number(times.value);
    change('POST', '/sandbox/faults', fault);
  };
  const rows = active.map((fault, at) => el('li', { class: fault.next === 0 ? 'spent' : '' },
    el('b', {}, nameOf(fault)), el('code', {}, fault.path || say('allPaths')),
    el('small', {}, [fault.next !== undefined ? say('left')(fault.next) : say('always'), say('struck')(fault.struck)].join(' · ')),
    el('button', { type: 'button', class: 'icon-button', ariaLabel: say('remove'), onclick: () => change('DELETE', `/sandbox/faults/${at}`) }, icon('close'))));
  const field = (label, input) => el('label', { class: 'field' }, el('span', {}, label), input);
  return el('section', { class: 'lab-card' }, el('h2', {}, say('faults')),
    el('form', { class: 'inject', onsubmit: submit }, field(say('kind'), kind), field(say('scope'), scope), field(say('times'), times), el('button', { class: 'primary', type: 'submit' }, say('add'))),
    rows.length ? el('ul', { class: 'active' }, ...rows) : el('p', { class: 'hint' }, say('noFaults')),
    rows.length > 1 && el('button', { type: 'button', class: 'quiet', onclick: () => change('DELETE', '/sandbox/faults') }, say('clear')));
}

function nameOf(fault) {
  if (fault.kind === 'latency') return `${say('latency')} ${fault.ms} ${say('milliseconds')}`;
  if (fault.kind === 'status') return `HTTP ${fault.status}`;
  if (fault.kind === 'drop') return say(fault.after ? 'dropAfter' : 'drop');
  return say(fault.kind);
}

function clockCard(clock) {
  const minutes = Math.round(Math.abs(clock.offset_ms) / 60000);
  const amount = minutes >= 1440 ? `${(minutes / 1440).toFixed(1)} ${say('day')}` : minutes >= 60 ? `${(minutes / 60).toFixed(1)} ${say('hour')}` : `${minutes} ${say('minutes')}`;
  const step = (label, ms) => el('button', { type: 'button', class: 'step', onclick: () => change('POST', '/sandbox/clock', { advance_ms: ms }) }, label);
  return el('section', { class: 'lab-card' }, el('h2', {}, say('clock')),
    el('p', { class: 'big' }, when(clock.now_ms), el('small', {}, minutes ? `${say(clock.offset_ms > 0 ? 'ahead' : 'behind')} ${amount}` : say('onTime'))),
    el('div', { class: 'steps' }, step(`−1 ${say('hour')}`, -HOUR), step(`+1 ${say('hour')}`, HOUR), step(`+1 ${say('day')}`, 24 * HOUR),
      el('button', { type: 'button', class: 'step', onclick: () => change('POST', '/sandbox/clock', { offset_ms: 0 }) }, say('trueTime'))),
    el('p', { class: 'hint' }, say('clockHint')));
}

function limitsCard(rules) {
  const row = (label, name, value) => el('label', { class: 'field switch' }, el('span', {}, label),
    el('input', { type: 'checkbox', checked: rules.limits[name] !== null, onchange: event => change('POST', '/sandbox/rules', { limits: { [name]: event.target.checked ? value : null } }) }));
  return el('section', { class: 'lab-card' }, el('h2', {}, say('limits')), row(say('pace20'), 'webhook_per_minute', 20), row(say('qps'), 'calls_per_second', 20));
}

function quotaCard(quota) {
  const row = (label, used, limit) => el('div', { class: 'meter' }, el('span', {}, label), el('b', {}, `${used} / ${limit ?? '∞'}`),
    el('progress', { value: used, max: limit ?? Math.max(used, 1) }));
  return el('section', { class: 'lab-card' }, el('h2', {}, `${say('quota')} ${quota.month}`),
    row(say('calls'), quota.used.calls, quota.calls_limit), row(say('webhooks'), quota.used.webhooks, quota.webhooks_limit));
}

function dataCard() {
  return el('section', { class: 'lab-card' }, el('h2', {}, say('data')), el('div', { class: 'steps' },
    el('a', { class: 'step', href: '/sandbox/messages', target: '_blank', rel: 'noopener' }, say('rawMessages')),
    el('button', { type: 'button', class: 'step danger', onclick: () => { if (confirm(say('wipeSure'))) change('DELETE', '/sandbox/messages'); } }, say('wipe'))));
}
