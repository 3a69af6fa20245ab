// Stream connections, what became of the pushes, and how each app is reached.
import { say, when } from './words.js';
import { el, call, toast } from './dom.js';
import { title, card, step, empty, field, text, toggle, ask, json } from './op-parts.js';

const COUNTS = ['queued', 'delivered', 'acked', 'refused', 'timed_out', 'repeated', 'failed', 'lost_by_switch', 'duplicated_by_switch', 'stray_acks'];

export async function stream(place) {
  const { apps } = await call('GET', '/sandbox/apps');
  const nameOf = id => apps.find(app => app.client_id === id)?.name || id;
  const body = el('div', { class: 'columns' });
  place.replaceChildren(title('op_stream'), body);
  let seen = '';
  async function show() {
    const state = await call('GET', '/sandbox/stream');
    const now = JSON.stringify(state);
    if (now === seen) return;
    seen = now;
    body.replaceChildren(connectionsCard(state, nameOf, show), countsCard(state.apps, nameOf), appsCard(apps), failedCard(state.failed, nameOf));
  }
  await show();
  const timer = setInterval(() => show().catch(() => {}), 1500);
  return () => clearInterval(timer);
}

function connectionsCard({ connections, tickets }, nameOf, again) {
  const hand = (path, id) => async () => { await call('POST', `/sandbox/stream/${path}?client_id=${encodeURIComponent(id)}`); await again(); };
  const rows = connections.map(one => el('li', { class: 'connection' },
    el('b', {}, nameOf(one.client_id), one.leaving && el('i', { class: 'tag warn' }, say('leaving'))),
    el('small', {}, `${say('since')} ${when(one.since_ms)} · ${one.subscriptions.map(sub => `${sub.type} ${sub.topic}`).join(', ')}`),
    el('small', {}, say('frames')(one.frames, one.acks, one.pings, one.pongs)),
    el('div', { class: 'steps' }, step(say('disconnect'), hand('disconnect', one.client_id)), step(say('cut'), hand('cut', one.client_id), 'danger'))));
  return card('connections', rows.length ? el('ul', {}, ...rows) : empty('noConnections'), el('p', { class: 'hint' }, say('tickets')(tickets)));
}

function countsCard(counts, nameOf) {
  const rows = Object.entries(counts).map(([id, count]) => el('section', { class: 'counts' }, el('h3', {}, nameOf(id)),
    el('dl', {}, ...COUNTS.map(name => el('div', { class: count[name] ? '' : 'zero' }, el('dt', {}, say(`count_${name}`)), el('dd', {}, String(count[name])))))));
  return card('pushes', ...(rows.length ? rows : [empty('noPushes')]));
}

function failedCard(failed, nameOf) {
  const rows = [...failed].reverse().map(one => el('li', {}, el('details', {}, el('summary', {}, `${one.event_type} · ${nameOf(one.client_id)}`), json(one))));
  return card('failedPushes', rows.length ? el('ul', {}, ...rows) : empty('noFailed'));
}

function appsCard(apps) {
  const rows = apps.map(app => el('li', { class: 'connection' }, el('b', {}, app.name || app.client_id), el('small', {}, `${app.client_id} · robotCode ${app.robot_code} · agentId ${app.agent_id}`),
    el('div', { class: 'steps' }, step(say('reach'), () => reach(app)))));
  return card('apps', rows.length ? el('ul', {}, ...rows) : empty('noApps'));
}

// Stream, or an HTTP address with the secrets callbacks are signed and encrypted with.
async function reach(app) {
  const path = `/sandbox/apps/${encodeURIComponent(app.client_id)}/push`;
  const push = await call('GET', path);
  const callback = push.event_callback;
  const url = text(callback?.url, { placeholder: 'http://…' });
  const token = text(callback?.token);
  const key = text(callback?.aes_key);
  const robot = text(push.robot_url, { placeholder: 'http://…' });
  const ticked = text(push.events?.join(', '), { placeholder: say('allEvents') });
  const unpublished = toggle(say('unpublished'), push.unpublished, () => {});
  ask('reach', [el('p', { class: 'hint' }, say('reachHint')), field(say('eventUrl'), url), field('Token', token), field('AES Key', key), field(say('robotUrl'), robot), field(say('tickedEvents'), ticked), unpublished], async () => {
    const events = ticked.value.split(/[,，\s]+/).filter(Boolean);
    await call('PUT', path, {
      ...push, event_callback: url.value.trim() ? { url: url.value.trim(), token: token.value.trim(), aes_key: key.value.trim() } : null,
      robot_url: robot.value.trim() || null, events: events.length ? events : null, unpublished: unpublished.querySelector('input').checked,
    });
    toast(say('saved'));
  });
}
