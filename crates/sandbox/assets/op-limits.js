// Quotas, limits, the clock, and what the sandbox keeps.
import { say, when, setNow } from './words.js';
import { el, call, toast } from './dom.js';
import { title, card, step, number, choice, toggle, again as drawAgain, setRules } from './op-parts.js';

const HOUR = 3600000;

export async function limits(place) {
  let shown = await draw(place);
  const timer = setInterval(async () => {
    const fresh = await call('GET', '/sandbox/quota').catch(() => null);
    const isWriting = document.activeElement?.matches('input, select') && place.contains(document.activeElement);
    if (fresh && !isWriting && JSON.stringify(fresh) !== shown) shown = await draw(place);
  }, 3000);
  return () => clearInterval(timer);
}

// Answers the quota it shows.
async function draw(place) {
  const [quota, clock, rules] = await Promise.all(['quota', 'clock', 'rules'].map(name => call('GET', `/sandbox/${name}`)));
  setNow(clock.now_ms);
  const again = () => drawAgain(place, draw);
  const change = async rule => { await setRules(rule); await again(); };
  place.replaceChildren(title('op_limits'), el('div', { class: 'columns' }, quotaCard(quota, rules, change, again), clockCard(clock, again), limitsCard(rules, change), textsCard(rules, change), dataCard()));
  return JSON.stringify(quota);
}

function meter(label, used, limit) {
  const share = limit ? Math.min(100, Math.round((used / limit) * 100)) : 0;
  return el('div', { class: share >= 100 ? 'meter full' : 'meter' }, el('span', {}, label), el('b', {}, `${used.toLocaleString()} / ${limit?.toLocaleString() ?? '∞'}`), el('progress', { value: used, max: limit || Math.max(used, 1), ariaLabel: label }));
}

const EDITIONS = { standard: [5000, 3000], professional: [200000, 50000], extended: [5200000, 550000] };

function quotaCard(quota, rules, change, again) {
  const { calls_per_month: calls, webhooks_per_month: webhooks, month_grace_ms: grace } = rules.limits;
  const edition = Object.entries(EDITIONS).find(([, [a, b]]) => a === calls && b === webhooks)?.[0] ?? 'own';
  const options = Object.keys(EDITIONS).map(name => [name, say(`edition_${name}`)]);
  if (edition === 'own') options.unshift(['own', say('edition_own')]);
  const setUsed = async used => { await call('POST', '/sandbox/quota', used); toast(say('saved')); await again(); };
  const since = (at, word) => at && el('p', { class: 'hint warn' }, `${say(word)} ${when(at)} · ${say('graceUntil')} ${when(at + grace)}`);
  return card('quota', el('p', { class: 'hint' }, quota.month),
    meter(say('calls'), quota.used.calls, quota.calls_limit), since(quota.used.exhausted_ms, 'usedUp'),
    meter(say('webhooks'), quota.used.webhooks, quota.webhooks_limit), since(quota.used.webhooks_exhausted_ms, 'usedUp'),
    choice(say('edition'), edition, options, value => change({ edition: value })),
    el('div', { class: 'two' }, number(say('usedCalls'), quota.used.calls, value => setUsed({ calls: Math.max(0, value) })), number(say('usedWebhooks'), quota.used.webhooks, value => setUsed({ webhooks: Math.max(0, value) }))),
    el('div', { class: 'steps' },
      step(say('useUp'), () => setUsed({ calls: calls ?? 0, webhooks: webhooks ?? 0 })), step(say('almost'), () => setUsed({ calls: Math.floor((calls ?? 0) * 0.95), webhooks: Math.floor((webhooks ?? 0) * 0.95) })), step(say('newMonth'), () => setUsed({ calls: 0, webhooks: 0 }))),
    el('div', { class: 'two' }, number(say('calls'), calls, value => change({ limits: { calls_per_month: value } }), { nullable: true, hint: say('limitHint') }), number(say('webhooks'), webhooks, value => change({ limits: { webhooks_per_month: value } }), { nullable: true })),
    number(say('grace'), Math.round(grace / HOUR), value => change({ limits: { month_grace_ms: value * HOUR } }), { unit: say('hour') }),
    choice(say('pastQuota'), rules.webhook_past_quota, [['accept', say('past_accept')], ['refuse', say('past_refuse')]], value => change({ webhook_past_quota: value })));
}

function clockCard(clock, again) {
  const move = async change => { await call('POST', '/sandbox/clock', change); await again(); };
  const minutes = Math.round(Math.abs(clock.offset_ms) / 60000);
  const amount = minutes >= 1440 ? `${(minutes / 1440).toFixed(1)} ${say('day')}` : minutes >= 60 ? `${(minutes / 60).toFixed(1)} ${say('hour')}` : `${minutes} ${say('minutes')}`;
  const at = el('input', { type: 'datetime-local', ariaLabel: say('freezeAt') });
  const local = new Date(clock.now_ms - new Date(clock.now_ms).getTimezoneOffset() * 60000);
  at.value = local.toISOString().slice(0, 16);
  return card('clock', el('p', { class: 'big' }, when(clock.now_ms), el('small', {}, clock.frozen ? say('frozen') : minutes ? `${say(clock.offset_ms > 0 ? 'ahead' : 'behind')} ${amount}` : say('onTime'))),
    el('div', { class: 'steps' }, ...[['−1', 'hour', -HOUR], ['+5', 'minutes', 300000], ['+1', 'hour', HOUR], ['+1', 'day', 24 * HOUR], ['+7', 'day', 168 * HOUR]].map(([n, unit, ms]) => step(`${n} ${say(unit)}`, () => move({ advance_ms: ms }))),
      step(say('trueTime'), () => move({ run: true })), step(say(clock.frozen ? 'letRun' : 'freeze'), () => move({ run: clock.frozen }))),
    el('div', { class: 'inline' }, at, step(say('freezeAt'), () => { const ms = new Date(at.value).getTime(); return Number.isNaN(ms) ? undefined : move({ freeze_at_ms: ms }); })),
    el('p', { class: 'hint' }, say('clockHint')));
}

function limitsCard(rules, change) {
  const row = (name, more = {}) => number(say(`limit_${name}`), rules.limits[name], value => change({ limits: { [name]: value } }), { nullable: true, ...more });
  return card('limits', el('p', { class: 'hint' }, say('limitHint')), el('div', { class: 'two' },
    row('webhook_per_minute'), row('calls_per_second'), row('calls_per_address'), row('personal_per_minute'), row('notices_per_person_day'), row('notice_recipients_per_minute'), row('notices_to_all_per_day'), row('dings_per_minute'),
    row('read_status_delay_ms', { nullable: false, unit: 'ms' }), row('notice_delivery_ms', { nullable: false, unit: 'ms' })));
}

function textsCard(rules, change) {
  return card('texts',
    choice(say('errorLanguage'), rules.error_language, ['description', 'labelled', 'english'].map(name => [name, say(`error_${name}`)]), value => change({ error_language: value })),
    choice(say('codes'), rules.codes, ['wire', 'documented'].map(name => [name, say(`codes_${name}`)]), value => change({ codes: value })),
    choice(say('banAnswer'), rules.ban_answer, [['html', 'HTML'], ['json', 'JSON 1111']], value => change({ ban_answer: value })),
    toggle(say('outsiders'), rules.login.outsiders, value => change({ login: { outsiders: value } })),
    toggle(say('homeSchool'), rules.directory.home_school, value => change({ directory: { home_school: value } })),
    toggle(say('spacesForbidden'), rules.drive.spaces_forbidden, value => change({ drive: { spaces_forbidden: value } })));
}

function dataCard() {
  const json = (path, label) => el('a', { class: 'step', href: path, target: '_blank', rel: 'noopener' }, label);
  return card('data', el('div', { class: 'steps' }, json('/sandbox/messages', say('rawMessages')), json('/sandbox/rules', say('rawRules')), json('/sandbox/organisation', say('rawOrganisation')),
    step(say('wipe'), async () => { if (confirm(say('wipeSure'))) { await call('DELETE', '/sandbox/messages'); toast(say('saved')); } }, 'danger')));
}
