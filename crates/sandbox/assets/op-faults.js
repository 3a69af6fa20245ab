// What goes wrong: faults of the API, of pushes, and what the administrator does not allow.
import { say } from './words.js';
import { el, icon, call } from './dom.js';
import { title, card, step, field, text, number, toggle, choice, lines, again as drawAgain, setRules } from './op-parts.js';

const KINDS = [
  ['latency', { kind: 'latency', ms: 3000 }], ['status503', { kind: 'status', status: 503 }], ['drop', { kind: 'drop', after: false }],
  ['dropAfter', { kind: 'drop', after: true }], ['half', { kind: 'half' }], ['html', { kind: 'html' }], ['banned', { kind: 'banned' }],
  ['throttle', { kind: 'throttle' }], ['throttle_all', { kind: 'throttle_all' }], ['busy', { kind: 'busy' }], ['flow_control', { kind: 'flow_control' }],
];
const SCOPES = ['', '/robot/send', '/v1.0/robot/', '/v1.0/oauth2/', '/v1.0/card/', '/v1.0/todo/', '/v1.0/gateway/', '/gettoken', '/topapi/message/', '/topapi/v2/', '/topapi/'];

export async function faults(place) {
  const [{ faults: active }, rules, { apps }] = await Promise.all([call('GET', '/sandbox/faults'), call('GET', '/sandbox/rules'), call('GET', '/sandbox/apps')]);
  const again = () => drawAgain(place, faults);
  const change = async rule => { await setRules(rule); await again(); };
  place.replaceChildren(title('op_faults'), el('p', { class: 'hint' }, say('labHint')), el('div', { class: 'columns' }, faultsCard(active, again), accessCard(rules, apps, change), pushCard(rules.push, change), contactsCard(rules, change), moderationCard(rules.moderation, change)));
}

function faultsCard(active, again) {
  const change = async (method, path, body) => { await call(method, path, body); await again(); };
  const kind = el('select', {}, ...KINDS.map(([word], at) => el('option', { value: at }, say(word))));
  const scope = text('', { placeholder: say('allPaths') });
  scope.setAttribute('list', 'scopes');
  const scopes = el('datalist', { id: 'scopes' }, ...SCOPES.filter(Boolean).map(path => el('option', { value: path })));
  const amount = text('3000', { inputMode: 'numeric' });
  const amountField = field(say('milliseconds'), amount);
  const times = el('select', {}, ...[1, 3, 10].map(n => el('option', { value: `next ${n}` }, say('nextN')(n))), el('option', { value: '' }, say('always')), ...[10, 50].map(n => el('option', { value: `rate ${n / 100}` }, say('share')(n))));
  const shape = () => {
    const { kind: name } = KINDS[Number(kind.value)][1];
    amountField.hidden = !['latency', 'status'].includes(name);
    amountField.firstChild.textContent = say(name === 'status' ? 'httpStatus' : 'milliseconds');
    amount.value = name === 'status' ? '503' : '3000';
  };
  kind.addEventListener('change', shape);
  const submit = event => {
    event.preventDefault();
    const fault = { ...KINDS[Number(kind.value)][1], path: scope.value.trim() };
    if (fault.kind === 'latency') fault.ms = Number(amount.value) || 3000;
    if (fault.kind === 'status') fault.status = Number(amount.value) || 503;
    const [how, n] = times.value.split(' ');
    if (how) fault[how] = Number(n);
    change('POST', '/sandbox/faults', fault).catch(() => {});
  };
  const rows = active.map((fault, at) => el('li', { class: fault.next === 0 ? 'spent' : '' },
    el('b', {}, nameOf(fault)), el('code', {}, fault.path || say('allPaths')),
    el('small', {}, [fault.next !== undefined ? say('left')(fault.next) : fault.rate !== undefined ? say('share')(Math.round(fault.rate * 100)) : say('always'), say('struck')(fault.struck)].join(' · ')),
    el('button', { type: 'button', class: 'icon-button', ariaLabel: `${say('remove')} ${nameOf(fault)}`, onclick: () => change('DELETE', `/sandbox/faults/${at}`).catch(() => {}) }, icon('close'))));
  const node = card('faults',
    rows.length ? el('ul', { class: 'active' }, ...rows) : el('p', { class: 'hint' }, say('noFaults')),
    rows.length > 1 && step(say('clear'), () => change('DELETE', '/sandbox/faults')),
    el('form', { class: 'inject', onsubmit: submit }, field(say('kind'), kind), amountField, field(say('scope'), scope), scopes, field(say('times'), times), el('button', { class: 'primary', type: 'submit' }, say('add'))));
  shape();
  return node;
}

function nameOf(fault) {
  if (fault.kind === 'latency') return `${say('latency')} ${fault.ms} ${say('milliseconds')}`;
  if (fault.kind === 'status') return `HTTP ${fault.status}`;
  if (fault.kind === 'drop') return say(fault.after ? 'dropAfter' : 'drop');
  return say(fault.kind);
}

// For all apps, or for one in place of all.
let whose = '';
function accessCard(rules, apps, change) {
  const own = rules.access_by_app[whose];
  const access = own ?? rules.access;
  const save = part => change(whose ? { access_by_app: { [whose]: { ...access, ...part } } } : { access: part });
  const node = card('access', choice(say('callApp'), whose, [['', say('allApps')], ...apps.map(app => [app.client_id, app.name || app.client_id])], value => { whose = value; node.replaceWith(accessCard(rules, apps, change)); }),
    whose && !own && el('p', { class: 'hint' }, say('likeAll')),
    lines(say('withheld'), access.withheld_scopes, value => save({ withheld_scopes: value }), say('withheldHint')), lines(say('egress'), access.egress_ips, value => save({ egress_ips: value }), say('egressHint')),
    number(say('tokenLife'), access.token_life_s, value => save({ token_life_s: value }), { unit: 's', hint: say('tokenLifeHint') }),
    toggle(say('robotEnabled'), access.robot_enabled, value => save({ robot_enabled: value })), toggle(say('groupAnnouncementsAllowed'), access.group_announcements, value => save({ group_announcements: value })), toggle(say('dingQuota'), access.ding_quota, value => save({ ding_quota: value })));
  return node;
}

function pushCard(push, change) {
  const save = part => change({ push: part });
  const row = (name, more) => number(say(`push_${name}`), push[name], value => save({ [name]: value }), more);
  const hand = async path => { const { told } = await call('POST', `/sandbox/stream/${path}`); return told; };
  const told = el('p', { class: 'hint', role: 'status' });
  const shout = path => async () => { told.textContent = say('told')(await hand(path)); };
  return card('pushFaults', el('div', { class: 'steps' }, step(say('cutAll'), shout('cut'), 'danger'), step(say('disconnectAll'), shout('disconnect'))), told,
    choice(say('halfDead'), push.half_dead, ['no', 'mute', 'frozen'].map(name => [name, say(`half_${name}`)]), value => save({ half_dead: value })),
    el('div', { class: 'two' }, row('lose_next'), row('lose_percent', { unit: '%' }), row('duplicate_next'), row('duplicate_percent', { unit: '%' }), row('disconnect_every_ms', { nullable: true, unit: 'ms' }), row('ping_every_ms', { nullable: true, unit: 'ms' }),
      row('event_ack_ms', { unit: 'ms' }), row('card_ack_ms', { unit: 'ms' }), row('ticket_ms', { unit: 'ms' }), row('robot_again_ms', { nullable: true, unit: 'ms' })),
    toggle(say('push_over_quota'), push.over_quota, value => save({ over_quota: value })), toggle(say('push_newest_connection_only'), push.newest_connection_only, value => save({ newest_connection_only: value })));
}

function contactsCard(rules, change) {
  return card('directoryFaults',
    choice(say('contactEvents'), rules.directory.contact_events, ['delivered', 'lost', 'doubled'].map(name => [name, say(`fate_${name}`)]), value => change({ directory: { contact_events: value } })),
    number(say('groupsAtMost'), rules.groups.groups_at_most, value => change({ groups: { groups_at_most: value } }), { nullable: true }),
    number(say('settling'), rules.groups.settling_ms, value => change({ groups: { settling_ms: value } }), { unit: 'ms' }));
}

function moderationCard(moderation, change) {
  const row = name => lines(say(`moderate_${name}`), moderation[name], value => change({ moderation: { [name]: value } }));
  return card('moderation', el('p', { class: 'hint' }, say('moderationHint')), row('links'), row('texts'), row('pictures'), row('contents'));
}
