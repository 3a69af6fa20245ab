// One conversation: its bubbles, the older ones above, what was just said, and links that open.
import { say, when, clockTime } from './words.js';
import { el, icon, face, robotFace, call } from './dom.js';
import { state, go } from './app.js';
import { openSettings } from './settings.js';

const pane = document.getElementById('pane');
const GAP_MS = 5 * 60000;
let shown = { id: null, messages: [], more: false, scroll: null };

export function showNothing() {
  shown = { id: null, messages: [], more: false, scroll: null };
  pane.replaceChildren(el('div', { class: 'nothing' }, icon('robot'), el('b', {}, say('pick')), el('p', {}, say('pickHint'))));
}

export async function showConversation(row) {
  const isGroup = row.kind === 'group';
  const scroll = el('div', { class: 'scroll', tabIndex: 0 });
  scroll.addEventListener('click', openLink);
  const settings = isGroup && el('button', { type: 'button', class: 'icon-button', title: say('settings'), ariaLabel: say('settings'), onclick: () => openSettings(row.id) }, icon('dots'));
  const head = el('header', { class: 'head' },
    el('button', { type: 'button', class: 'icon-button back', ariaLabel: say('back'), onclick: () => go(null) }, icon('back')),
    el('h1', {}, el('span', {}, row.title), isGroup ? el('small', {}, say('members')(row.members)) : el('i', { class: 'tag' }, say('robot'))),
    settings);
  pane.replaceChildren(head, scroll);
  if (isGroup) pane.append(composer(row.id));
  shown = { id: row.id, messages: [], more: false, scroll };
  await refreshConversation();
}

export async function refreshConversation() {
  const id = shown.id;
  if (!id) return;
  const page = await call('GET', `/chat/messages?conversation=${encodeURIComponent(id)}`);
  if (shown.id !== id) return;
  shown.messages = page.messages;
  shown.more = page.more;
  draw();
  toEnd();
  markRead();
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

// Someone has read: ticks and counts are drawn again, once for a burst of reads.
let redraw;
export function heardRead(mine) {
  if (!mine) markRead();
  clearTimeout(redraw);
  if (shown.scroll?.querySelector('.tick.open')) redraw = setTimeout(redrawTicks, 60);
}

async function redrawTicks() {
  const id = shown.id;
  const page = await call('GET', `/chat/messages?conversation=${encodeURIComponent(id)}`);
  if (shown.id !== id) return;
  for (const message of page.messages) {
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
  if (shown.more) nodes.push(el('button', { type: 'button', class: 'earlier', onclick: loadEarlier }, say('earlier')));
  if (shown.messages.length === 0) nodes.push(el('p', { class: 'empty' }, say('empty')));
  shown.messages.forEach((message, at) => nodes.push(...drawMessage(message, shown.messages[at - 1])));
  shown.scroll.replaceChildren(...nodes);
}

async function loadEarlier() {
  const { scroll, id } = shown;
  const page = await call('GET', `/chat/messages?conversation=${encodeURIComponent(id)}&before=${shown.messages[0].id}`);
  if (shown.id !== id) return;
  const fromEnd = scroll.scrollHeight - scroll.scrollTop;
  shown.messages = [...page.messages, ...shown.messages];
  shown.more = page.more;
  draw();
  scroll.scrollTop = scroll.scrollHeight - fromEnd;
}

function drawMessage(message, previous, isNew = false) {
  const nodes = [];
  if (!previous || message.at_ms - previous.at_ms > GAP_MS) nodes.push(el('time', { class: 'since' }, when(message.at_ms)));
  if (message.system) {
    const line = el('p', { class: 'since', data: { id: message.id } });
    line.innerHTML = message.html; // drawn and escaped by the server
    return [...nodes, line];
  }
  const { sender } = message;
  const bubble = el('div', { class: message.plain ? 'bubble plain' : 'bubble rich' });
  bubble.innerHTML = message.html; // drawn and escaped by the server
  const name = !message.mine && el('div', { class: 'name' }, sender.name, sender.robot && el('i', { class: 'tag' }, say('robot')));
  const body = el('div', { class: 'body-of' }, name, bubble, drawTick(message));
  nodes.push(el('article', { class: `message${message.mine ? ' mine' : ''}${isNew ? ' new' : ''}`, data: { id: message.id } },
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

function composer(conversation) {
  const area = el('textarea', { rows: 1, placeholder: say('say'), ariaLabel: say('say'), maxLength: 5000 });
  const send = async event => {
    event?.preventDefault();
    const text = area.value.trim();
    if (!text) return;
    await call('POST', '/chat/messages', { conversation, text });
    area.value = '';
    area.style.height = '';
  };
  area.addEventListener('input', () => { area.style.height = ''; area.style.height = `${Math.min(area.scrollHeight, 140)}px`; });
  area.addEventListener('keydown', event => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event); });
  return el('form', { class: 'composer', onsubmit: send }, area, el('button', { class: 'primary', type: 'submit' }, say('send')));
}

const isAtEnd = () => shown.scroll.scrollHeight - shown.scroll.scrollTop - shown.scroll.clientHeight < 120;
function toEnd() {
  const { scroll } = shown;
  scroll.scrollTop = scroll.scrollHeight;
  for (const image of scroll.querySelectorAll('img')) image.addEventListener('load', () => { scroll.scrollTop = scroll.scrollHeight; }, { once: true });
}

// A window of a phone's size beside the chat on a desktop; the same tab on a phone.
function openLink(event) {
  const link = event.target.closest('a[href]');
  if (!link || event.ctrlKey || event.metaKey || event.button !== 0) return;
  event.preventDefault();
  if (!/^https?:$/.test(new URL(link.href).protocol)) return;
  if (matchMedia('(max-width: 720px)').matches) { location.href = link.href; return; }
  const height = Math.min(860, screen.availHeight - 80);
  const left = Math.max(0, Math.round(screenX + outerWidth - 460)), top = Math.max(0, screenY + 60);
  open(link.href, '_blank', `popup,noopener,width=420,height=${height},left=${left},top=${top}`);
}
