// One conversation: what stands at its top, its bubbles, the older ones above, what was just said, clicks on cards.
import { say, when, clockTime } from './words.js';
import { el, icon, face, robotFace, fill, call } from './dom.js';
import { state, go, avatar } from './app.js';
import { openSettings, openFiles, openGroupAnnouncements } from './settings.js';
import { openPage } from './browser.js';
import { composer } from './composer.js';

const pane = document.getElementById('pane');
const GAP_MS = 5 * 60000;
const nobody = () => ({ id: null, messages: [], more: false, scroll: null, tops: null });
let shown = nobody();

export function showNothing() {
  shown = nobody();
  pane.replaceChildren(el('div', { class: 'nothing' }, icon('robot'), el('b', {}, say('pick')), el('p', {}, say('pickHint'))));
}

export async function showConversation(row) {
  const isGroup = row.kind === 'group';
  const scroll = el('div', { class: 'scroll', tabIndex: 0, role: 'log', ariaLabel: row.title });
  scroll.addEventListener('click', clicked);
  scroll.addEventListener('scroll', () => { if (scroll.scrollTop < 120 && shown.more && !shown.loading) loadEarlier().catch(() => {}); }, { passive: true });
  const tops = el('div', { class: 'tops' });
  tops.addEventListener('click', clicked);
  const tool = (name, label, onclick) => isGroup && el('button', { type: 'button', class: 'icon-button', title: say(label), ariaLabel: say(label), onclick }, icon(name));
  const head = el('header', { class: 'head' },
    el('button', { type: 'button', class: 'icon-button back', ariaLabel: say('back'), onclick: () => go(null) }, icon('back')),
    avatar(row, 'small'),
    el('h1', {}, el('span', {}, row.title), isGroup ? el('small', {}, say('members')(row.members)) : row.kind === 'robot' && el('i', { class: 'tag' }, say('robot'))),
    tool('horn', 'groupAnnouncements', () => openGroupAnnouncements(row.id)), tool('folder', 'files', () => openFiles(row.id)), tool('dots', 'settings', () => openSettings(row.id)));
  pane.replaceChildren(head, tops, scroll);
  if (isGroup || state.robots.some(robot => robot.id === row.id)) pane.append(composer(row));
  shown = { ...nobody(), id: row.id, scroll, tops, isGroup };
  await refreshConversation();
}

// `gently`: after a change somewhere; what is on the screen stays where it is.
export async function refreshConversation(gently = false) {
  const { id } = shown;
  if (!id) return;
  let page;
  try {
    page = await call('GET', `/chat/messages?conversation=${encodeURIComponent(id)}`);
  } catch {
    if (shown.id === id && !gently) shown.scroll.replaceChildren(el('p', { class: 'empty' }, say('loadFailed'), ' ', el('button', { type: 'button', class: 'quiet', onclick: () => refreshConversation() }, say('retry'))));
    return;
  }
  if (shown.id !== id) return;
  drawTops().catch(() => {});
  const first = page.messages[0]?.id ?? Infinity;
  const older = gently && page.messages.length ? shown.messages.filter(message => message.id < first) : [];
  const messages = [...older, ...page.messages];
  if (gently && JSON.stringify(messages) === JSON.stringify(shown.messages)) return;
  const atEnd = !gently || isAtEnd();
  const from = shown.scroll.scrollTop;
  shown.messages = messages;
  if (older.length === 0) shown.more = page.more;
  draw();
  if (atEnd) toEnd();
  else shown.scroll.scrollTop = from;
  markRead();
}

// Top cards (吊顶) and the newest announcement of a group.
async function drawTops() {
  const { id, tops, isGroup } = shown;
  if (!isGroup) return;
  const query = `conversation=${encodeURIComponent(id)}`;
  const [cards, announced] = await Promise.all([call('GET', `/chat/tops?${query}`), call('GET', `/chat/group-announcements?${query}`)]);
  if (shown.id !== id) return;
  const [newest, ...rest] = announced.announcements;
  tops.replaceChildren(...cards.tops.map(card => fill(el('div', { class: 'top-card' }), card.bubble)));
  if (newest) {
    tops.prepend(el('button', { type: 'button', class: 'top-line', onclick: () => openGroupAnnouncements(id) }, icon('horn'),
      el('b', {}, say('groupAnnouncement')), el('span', {}, newest.content.replace(/^[#>\s]+|\*\*/gm, '').replaceAll('\n', ' ')), el('small', {}, rest.length ? say('moreOf')(rest.length) : say('readersOf')(newest.readers, newest.receivers))));
  }
}

// A message that has just arrived.
export function hear(message) {
  if (shown.messages.some(known => known.id === message.id)) return;
  const atEnd = isAtEnd();
  const previous = shown.messages.at(-1);
  shown.messages.push(message);
  if (previous === undefined) draw();
  else shown.scroll.append(...drawMessage(message, previous, true));
  if (atEnd || message.mine) toEnd();
  markRead();
}

// A card has changed: its bubbles are drawn again where they stand.
export function heardCard(messages, tops) {
  for (const message of messages) {
    const at = shown.messages.findIndex(known => known.id === message.id);
    if (at < 0) continue;
    shown.messages[at] = message;
    const bubble = shown.scroll.querySelector(`[data-id="${message.id}"] .bubble`);
    if (bubble) fill(bubble, message.html);
  }
  if (shown.id && tops.includes(shown.id)) drawTops().catch(() => {});
}

// Someone has read: ticks and counts are drawn again, once for a burst of reads.
let redraw;
export function heardRead(mine) {
  if (!mine) markRead();
  clearTimeout(redraw);
  if (shown.scroll?.querySelector('.tick.open')) redraw = setTimeout(redrawTicks, 60);
}

async function redrawTicks() {
  const { id } = shown;
  const page = await call('GET', `/chat/messages?conversation=${encodeURIComponent(id)}`);
  if (shown.id !== id) return;
  for (const message of page.messages) {
    const at = shown.messages.findIndex(known => known.id === message.id);
    if (at >= 0) shown.messages[at] = message;
    const tick = drawTick(message);
    const old = shown.scroll.querySelector(`[data-id="${message.id}"] .tick`);
    if (old && tick) old.replaceWith(tick);
  }
}

function markRead() {
  const row = state.conversations.get(shown.id);
  if (document.hidden || !row) return;
  call('POST', '/chat/read', { conversation: shown.id }).catch(() => {});
}

function draw() {
  const nodes = [];
  if (shown.more) nodes.push(el('button', { type: 'button', class: 'earlier', onclick: () => loadEarlier().catch(() => {}) }, say('earlier')));
  if (shown.messages.length === 0) nodes.push(el('p', { class: 'empty' }, say('empty')));
  shown.messages.forEach((message, at) => nodes.push(...drawMessage(message, shown.messages[at - 1])));
  shown.scroll.replaceChildren(...nodes);
}

async function loadEarlier() {
  const { scroll, id } = shown;
  shown.loading = true;
  try {
    const page = await call('GET', `/chat/messages?conversation=${encodeURIComponent(id)}&before=${shown.messages[0].id}`);
    if (shown.id !== id) return;
    const fromEnd = scroll.scrollHeight - scroll.scrollTop;
    const oldFirst = shown.messages[0];
    shown.messages = [...page.messages, ...shown.messages];
    shown.more = page.more;
    // Only what is new is drawn, before what stands there.
    scroll.querySelector('.earlier')?.remove();
    const nodes = page.messages.flatMap((message, at) => drawMessage(message, page.messages[at - 1]));
    const since = scroll.firstElementChild;
    const last = page.messages.at(-1);
    if (last && since?.matches('time.since') && oldFirst.at_ms - last.at_ms <= GAP_MS) since.remove();
    if (shown.more) nodes.unshift(el('button', { type: 'button', class: 'earlier', onclick: () => loadEarlier().catch(() => {}) }, say('earlier')));
    scroll.prepend(...nodes);
    scroll.scrollTop = scroll.scrollHeight - fromEnd;
  } finally {
    shown.loading = false;
  }
}

function drawMessage(message, previous, isNew = false) {
  const nodes = [];
  if (!previous || message.at_ms - previous.at_ms > GAP_MS) nodes.push(el('time', { class: 'since' }, when(message.at_ms)));
  if (message.system) return [...nodes, fill(el('p', { class: 'since', data: { id: message.id } }), message.html)];
  const { sender } = message;
  const bubble = fill(el('div', { class: message.plain ? 'bubble plain' : 'bubble rich' }), message.html);
  const name = !message.mine && el('div', { class: 'name' }, sender.name, sender.robot && el('i', { class: 'tag' }, say('robot')));
  const body = el('div', { class: 'body-of' }, name, bubble, drawTick(message));
  nodes.push(el('article', { class: `message${message.mine ? ' mine' : ''}${isNew ? ' new' : ''}`, data: { id: message.id, app: message.app ?? '' } },
    sender.robot ? robotFace(sender.name, 'small') : face(sender, 'small'), body));
  return nodes;
}

// Personal messages: read and when. One's own in a group: how many have not.
function drawTick(message) {
  if (message.unread_by !== undefined) {
    return el('div', { class: message.unread_by ? 'tick open' : 'tick' }, message.unread_by ? say('unreadBy')(message.unread_by) : say('allRead'));
  }
  if (!('read_ms' in message)) return null;
  return message.read_ms === null
    ? el('div', { class: 'tick open' }, say('unread'))
    : el('div', { class: 'tick' }, icon('check'), `${say('read')} ${clockTime(message.read_ms)}`);
}

const isAtEnd = () => shown.scroll.scrollHeight - shown.scroll.scrollTop - shown.scroll.clientHeight < 120;
// The heights of bubbles that were never on the screen are guessed, so the end moves while they are drawn.
const FRAMES_TO_END = 5;
function toEnd() {
  const { scroll } = shown;
  let frames = FRAMES_TO_END;
  const step = () => {
    scroll.scrollTop = scroll.scrollHeight;
    frames -= 1;
    if (frames > 0 && scroll.isConnected) requestAnimationFrame(step);
  };
  step();
  for (const image of scroll.querySelectorAll('img')) image.addEventListener('load', () => { scroll.scrollTop = scroll.scrollHeight; }, { once: true });
}

function clicked(event) {
  const button = event.target.closest('button[data-action]');
  if (button) {
    press(button).catch(() => {});
    return;
  }
  const link = event.target.closest('a[href]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  // A file is shown or saved by the browser itself.
  if (link.origin === location.origin && link.pathname.startsWith('/sandbox/files/')) { window.open(link.href, '_blank', 'noopener'); return; }
  openPage(link.href, link.closest('[data-app]')?.dataset.app);
}

// A button of a card waits for the app as in the real client: a spinner, then the card as it is now, or why not.
async function press(button) {
  const { card, action } = button.dataset;
  const buttons = button.parentElement;
  if (buttons.querySelector('.busy')) return;
  button.classList.add('busy');
  button.setAttribute('aria-busy', 'true');
  buttons.parentElement.querySelector('.outcome')?.remove();
  try {
    const answer = await call('POST', '/chat/cards/click', { out_track_id: card, action_id: action });
    if (answer.zh) {
      const words = answer.result === 'unanswered' ? say('timedOut') : document.documentElement.lang === 'en' ? answer.en : answer.zh;
      buttons.after(el('p', { class: 'outcome', role: 'status' }, words));
    }
  } finally {
    button.classList.remove('busy');
    button.removeAttribute('aria-busy');
  }
}
