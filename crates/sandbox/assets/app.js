// The chat client: the rail, the conversation list, who one is, and the wire to the server.
import { say, language, switchLanguage, setNow, when } from './words.js';
import { el, icon, face, robotFace, groupFace, markFace, badge, call } from './dom.js';
import { showConversation, hear, heardRead, heardCard, refreshConversation, showNothing } from './conversation.js';
import { showTodos, showAnnouncements, refreshInbox } from './inbox.js';
import { showMail, heardMail } from './mail.js';
import { closeDrawer, refreshDrawer } from './settings.js';
import { choosePersona } from './people.js';
import { closeBrowser } from './browser.js';

const $ = id => document.getElementById(id);
export const state = { persona: null, corpId: '', conversations: new Map(), robots: [], open: null, mailsUnread: 0, todosOpen: 0, announcementsUnread: 0 };
const app = $('app');

const TABS = [['chats', '#/', 'chat'], ['todo', '#/todo', 'todo'], ['announcements', '#/announcements', 'horn'], ['mail', '#/mail', 'letter']];
const TOOLS = [
  ['operator', 'flask', () => { window.open('/sandbox/ui', 'sandbox-ui'); }],
  ['phoneFrame', 'mobile', () => { location.href = `/sandbox/phone${location.hash}`; }],
  ['theme', 'moon', () => window.sandboxTheme.toggle()],
  ['language', 'globe', switchLanguage],
];

export async function load() {
  const home = await call('GET', '/chat/home');
  setNow(home.now_ms);
  Object.assign(state, {
    persona: home.persona, corpId: home.corp_id, robots: home.robots, mailsUnread: home.mails_unread, todosOpen: home.todos_open,
    announcementsUnread: home.announcements_unread, conversations: new Map(home.conversations.map(row => [row.id, row])),
  });
  // A robot one has not talked with yet can be talked with.
  if (state.open && !state.conversations.has(state.open)) addRobotRow(state.open);
  $('organisation').textContent = home.organisation;
  $('who').textContent = [home.persona.name, home.persona.title].filter(Boolean).join(' · ');
  for (const id of ['me', 'me-phone']) {
    $(id).replaceChildren(face(home.persona));
    $(id).title = say('switchTo');
    $(id).setAttribute('aria-label', `${say('switchTo')}: ${home.persona.name}`);
  }
  drawList();
}

function addRobotRow(id) {
  const robot = state.robots.find(one => one.id === id);
  if (!robot) return false;
  state.conversations.set(id, { id, kind: 'robot', title: robot.name, members: 1, faces: [], preview: '', last_ms: 0, unread: 0, mentioned: false });
  return true;
}

let drawing;
function drawListSoon() {
  drawing ??= requestAnimationFrame(() => { drawing = undefined; drawList(); });
}

function drawList() {
  const words = $('find').value.trim().toLowerCase();
  const all = [...state.conversations.values()];
  const rows = all.filter(row => row.last_ms > 0 || row.kind === 'group' || row.id === state.open)
    .filter(row => !words || row.title.toLowerCase().includes(words) || row.preview.toLowerCase().includes(words))
    .sort((a, b) => b.last_ms - a.last_ms);
  const listed = new Set(rows.map(row => row.id));
  const robots = state.robots.filter(one => !listed.has(one.id) && (!words || one.name.toLowerCase().includes(words)));
  const items = rows.map(drawRow);
  if (robots.length) {
    items.push(el('li', { class: 'group-of' }, say('appRobots')), ...robots.map(one => el('li', {}, el('button', { type: 'button', class: 'row', onclick: () => go(one.id) },
      robotFace(one.name), el('span', { class: 'what' }, el('span', { class: 'top' }, el('b', {}, one.name), el('i', { class: 'tag' }, say('robot'))), el('span', { class: 'line' }, el('span', {}, say('startChat'))))))));
  }
  if (items.length === 0) items.push(el('li', { class: 'none' }, say(words ? 'noMatch' : 'emptyList')));
  $('conversations').replaceChildren(...items);
  const unread = all.reduce((sum, row) => sum + row.unread, 0);
  document.title = (unread ? `(${unread}) ` : '') + say('chats');
  for (const [name, count] of [['chats', unread], ['todo', state.todosOpen], ['announcements', state.announcementsUnread], ['mail', state.mailsUnread]]) {
    const tab = $(`tab-${name}`);
    tab.querySelector('.badge')?.remove();
    if (count) tab.append(badge(count));
  }
}

export function avatar(row, size) {
  if (row.kind === 'group') return groupFace(row.faces, size);
  return row.kind === 'robot' ? robotFace(row.title, size) : markFace(row.kind, size);
}

function drawRow(row) {
  const open = state.open === row.id;
  return el('li', {}, el('button', { type: 'button', class: open ? 'row open' : 'row', ariaCurrent: open ? 'true' : 'false', onclick: () => go(row.id) },
    avatar(row),
    el('span', { class: 'what' },
      el('span', { class: 'top' },
        el('b', {}, row.title),
        row.kind === 'robot' && el('i', { class: 'tag' }, say('robot')),
        row.last_ms > 0 && el('time', {}, when(row.last_ms, true))),
      el('span', { class: 'line' },
        row.unread > 0 && row.mentioned && el('strong', {}, say('mentioned')),
        el('span', {}, row.preview || say('empty')),
        badge(row.unread)))));
}

export const go = id => { location.hash = id === null ? '' : `#/c/${encodeURIComponent(id)}`; };

async function route() {
  const [, place, id] = location.hash.match(/^#\/(\w+)(?:\/(.+))?$/) || [];
  closeDrawer();
  // On a phone a page lies over everything; going elsewhere leaves it.
  if (matchMedia('(max-width: 720px)').matches) closeBrowser();
  state.open = null;
  const wanted = decodeURIComponent(id || '');
  // The pane is on the screen before it is filled: only then can it be scrolled to its end.
  const show = view => { app.dataset.view = view; return view; };
  let view;
  if (place === 'todo') {
    view = show('todo');
    await showTodos();
  } else if (place === 'announcements') {
    view = show('announcements');
    await showAnnouncements();
  } else if (place === 'mail') {
    view = show(id ? 'letter' : 'mail');
    await showMail(id ? Number(id) : null);
    state.mailsUnread = (await call('GET', '/chat/home')).mails_unread;
  } else if (place === 'c' && (state.conversations.has(wanted) || addRobotRow(wanted))) {
    view = show('chat');
    state.open = wanted;
    await showConversation(state.conversations.get(wanted));
  } else {
    view = show('list');
    showNothing();
  }
  const tabs = { chats: ['list', 'chat'], todo: ['todo'], announcements: ['announcements'], mail: ['mail', 'letter'] };
  for (const [name, views] of Object.entries(tabs)) {
    const on = views.includes(view);
    $(`tab-${name}`).classList.toggle('on', on);
    $(`tab-${name}`).setAttribute('aria-current', on ? 'page' : 'false');
  }
  drawList();
}

let wire;
function listen() {
  wire?.close();
  wire = new EventSource('/chat/events');
  let lost = false;
  const on = (name, heard) => wire.addEventListener(name, event => heard(JSON.parse(event.data)));
  on('hello', () => { if (lost) reloadSoon(); lost = false; app.classList.remove('offline'); });
  wire.onerror = () => { lost = true; app.classList.add('offline'); };
  on('message', ({ conversation, message }) => {
    state.conversations.set(conversation.id, conversation);
    if (conversation.id === state.open) hear(message);
    if (conversation.kind === 'ding' && !message.mine) ring(conversation);
    if (conversation.kind === 'announcement') reloadSoon();
    drawListSoon();
  });
  on('read', ({ conversation, mine }) => {
    state.conversations.set(conversation.id, conversation);
    if (conversation.id === state.open) heardRead(mine);
    drawListSoon();
  });
  on('card', ({ messages, tops }) => heardCard(messages, tops));
  on('mail', ({ mine }) => {
    if (mine) state.mailsUnread += 1;
    if (app.dataset.view === 'mail' || app.dataset.view === 'letter') heardMail();
    drawListSoon();
  });
  on('changed', reloadSoon);
}

// Many changes at once are one look at the server.
let reloading;
function reloadSoon() {
  reloading ??= setTimeout(() => { reloading = undefined; reload().catch(() => {}); }, 150);
}

async function reload() {
  await load();
  if (state.open) await refreshConversation(true);
  await refreshInbox(app.dataset.view);
  await refreshDrawer();
}

// A DING is shown over everything until it is looked at or put away.
function ring(conversation) {
  if (state.open === conversation.id) return;
  const alarm = $('alarm');
  const hide = () => { alarm.hidden = true; };
  alarm.replaceChildren(icon('bolt'), el('span', {}, el('b', {}, say('dinged')), el('small', {}, conversation.preview)),
    el('button', { type: 'button', class: 'quiet', onclick: () => { hide(); go(conversation.id); } }, say('look')),
    el('button', { type: 'button', class: 'icon-button', ariaLabel: say('close'), onclick: hide }, icon('close')));
  alarm.hidden = false;
}

async function become(userid) {
  await call('POST', '/chat/persona', { userid });
  closeBrowser();
  $('alarm').hidden = true;
  await load();
  listen();
  await route();
}

function drawRail() {
  const tab = ([name, hash, picture]) => el('a', { class: 'tab', id: `tab-${name}`, href: hash }, icon(picture), el('span', {}, say(name)));
  // In the phone's frame, the ways out stand beside it.
  const tools = window.top === window ? TOOLS : [];
  const tool = ([name, picture, onclick], at) => el('button', { type: 'button', class: at === 0 ? 'tab tool first' : 'tab tool', onclick }, icon(picture), el('span', {}, say(name)));
  const small = ([name, picture, onclick]) => el('button', { type: 'button', class: 'icon-button', title: say(name), ariaLabel: say(name), onclick }, icon(picture));
  $('rail').setAttribute('aria-label', say('chats'));
  $('rail').replaceChildren(el('button', { id: 'me', class: 'me', type: 'button' }), ...TABS.map(tab), ...tools.map(tool));
  $('tools').replaceChildren(...tools.filter(([name]) => name !== 'phoneFrame').map(small));
  $('me').onclick = () => choosePersona(become).catch(() => {});
  $('me-phone').onclick = () => choosePersona(become).catch(() => {});
}

function start() {
  document.documentElement.lang = language === 'en' ? 'en' : 'zh-CN';
  app.dataset.offline = say('offline');
  drawRail();
  $('find').placeholder = say('searchChats');
  $('find').setAttribute('aria-label', say('searchChats'));
  $('find').addEventListener('input', drawListSoon);
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
  }
  // A picture that cannot be loaded leaves a quiet box.
  document.addEventListener('error', event => {
    if (event.target.tagName === 'IMG') event.target.replaceWith(el('span', { class: `${event.target.className} none` }));
  }, true);
  document.addEventListener('visibilitychange', () => { if (!document.hidden && state.open) heardRead(false); });
  addEventListener('hashchange', () => route().catch(() => {}));
  load().then(() => { listen(); return route(); }).catch(() => {
    $('pane').replaceChildren(el('div', { class: 'nothing' }, el('b', {}, say('loadFailed')), el('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, say('retry'))));
    app.dataset.view = 'chat';
  });
}

start();
