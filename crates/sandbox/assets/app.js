// The chat client: the conversation list, who one is, and the wire to the server.
import { say, language, switchLanguage, setNow, when } from './words.js';
import { el, face, robotFace, groupFace, call } from './dom.js';
import { showConversation, hear, heardRead, refreshConversation, showNothing } from './conversation.js';
import { showLab } from './lab.js';
import { showMail, heardMail } from './mail.js';
import { closeDrawer, refreshDrawer } from './settings.js';

const $ = id => document.getElementById(id);
export const state = { persona: null, conversations: new Map(), open: null, mailsUnread: 0 };
const app = $('app');

export async function load() {
  const home = await call('GET', '/chat/home');
  setNow(home.now_ms);
  state.persona = home.persona;
  state.mailsUnread = home.mails_unread;
  state.conversations = new Map(home.conversations.map(row => [row.id, row]));
  $('organisation').textContent = home.organisation;
  $('who').textContent = `${home.persona.name} · ${home.persona.title}`;
  for (const id of ['me', 'me-phone']) {
    $(id).replaceChildren(face(home.persona));
    $(id).title = say('switchTo');
    $(id).setAttribute('aria-label', say('switchTo'));
  }
  drawList();
}

function drawList() {
  const rows = [...state.conversations.values()].sort((a, b) => b.last_ms - a.last_ms);
  $('conversations').replaceChildren(...rows.map(drawRow));
  if (rows.length === 0) $('conversations').append(el('li', { class: 'none' }, say('emptyList')));
  const unread = rows.reduce((sum, row) => sum + row.unread, 0);
  document.title = (unread ? `(${unread}) ` : '') + say('chats');
  for (const [id, count] of [['tab-chats', unread], ['tab-mail', state.mailsUnread]]) {
    $(id).querySelector('.badge')?.remove();
    if (count) $(id).append(el('em', { class: 'badge' }, count > 99 ? '99+' : String(count)));
  }
}

function drawRow(row) {
  const avatar = row.kind === 'group' ? groupFace(row.faces) : robotFace(row.title);
  const open = state.open === row.id;
  return el('li', {}, el('button', { type: 'button', class: open ? 'row open' : 'row', onclick: () => go(row.id) },
    avatar,
    el('span', { class: 'what' },
      el('span', { class: 'top' },
        el('b', {}, row.title),
        row.kind === 'robot' && el('i', { class: 'tag' }, say('robot')),
        row.last_ms > 0 && el('time', {}, when(row.last_ms, true))),
      el('span', { class: 'line' },
        row.unread > 0 && row.mentioned && el('strong', {}, say('mentioned')),
        el('span', {}, row.preview || say('empty')),
        row.unread > 0 && el('em', { class: 'badge' }, row.unread > 99 ? '99+' : String(row.unread))))));
}

export const go = id => { location.hash = id === null ? '' : `#/c/${encodeURIComponent(id)}`; };

async function route() {
  const [, place, id] = location.hash.match(/^#\/(\w+)(?:\/(.+))?$/) || [];
  closeDrawer();
  state.open = null;
  let view = 'list';
  if (place === 'lab') {
    view = 'lab';
    await showLab();
  } else if (place === 'mail') {
    view = id ? 'letter' : 'mail';
    await showMail(id ? Number(id) : null);
    state.mailsUnread = (await call('GET', '/chat/home')).mails_unread;
  } else if (place === 'c' && state.conversations.has(decodeURIComponent(id || ''))) {
    view = 'chat';
    state.open = decodeURIComponent(id);
    await showConversation(state.conversations.get(state.open));
  } else {
    showNothing();
  }
  app.dataset.view = view;
  $('tab-chats').classList.toggle('on', view === 'list' || view === 'chat');
  $('tab-mail').classList.toggle('on', view === 'mail' || view === 'letter');
  $('tab-lab').classList.toggle('on', view === 'lab');
  drawList();
}

let wire;
function listen() {
  wire?.close();
  wire = new EventSource('/chat/events');
  let lost = false;
  wire.addEventListener('hello', () => { if (lost) reload(); lost = false; app.classList.remove('offline'); });
  wire.onerror = () => { lost = true; app.classList.add('offline'); };
  wire.addEventListener('message', event => {
    const { conversation, message } = JSON.parse(event.data);
    state.conversations.set(conversation.id, conversation);
    if (conversation.id === state.open) hear(message);
    drawList();
  });
  wire.addEventListener('read', event => {
    const { conversation, mine } = JSON.parse(event.data);
    state.conversations.set(conversation.id, conversation);
    if (conversation.id === state.open) heardRead(mine);
    drawList();
  });
  wire.addEventListener('mail', event => {
    if (JSON.parse(event.data).mine) state.mailsUnread += 1;
    if (app.dataset.view === 'mail' || app.dataset.view === 'letter') heardMail();
    drawList();
  });
  wire.addEventListener('changed', reload);
}

async function reload() {
  await load();
  if (state.open) await refreshConversation();
  await refreshDrawer();
}

async function choosePersona() {
  const dialog = $('people');
  const results = el('ul', {});
  const search = el('input', { type: 'search', placeholder: say('search'), ariaLabel: say('search') });
  const find = async () => {
    const { people } = await call('GET', `/chat/people?q=${encodeURIComponent(search.value)}`);
    results.replaceChildren(...people.map(person => el('li', {}, el('button', {
      type: 'button', class: person.userid === state.persona.userid ? 'person on' : 'person',
      onclick: async () => {
        await call('POST', '/chat/persona', { userid: person.userid });
        dialog.close();
        await load();
        listen();
        await route();
      },
    }, face(person), el('span', {}, el('b', {}, person.name), el('small', {}, [person.department, person.title].filter(Boolean).join(' · '))),
      person.unread > 0 && el('em', { class: 'badge' }, person.unread > 99 ? '99+' : String(person.unread))))));
    if (people.length === 0) results.append(el('li', { class: 'none' }, say('noPeople')));
  };
  search.addEventListener('input', find);
  dialog.replaceChildren(el('h2', {}, say('switchTo')), search, results);
  await find();
  dialog.showModal();
  search.focus();
}

function start() {
  document.documentElement.lang = language === 'en' ? 'en' : 'zh-CN';
  for (const [id, word] of [['tab-chats', 'chats'], ['tab-mail', 'mail'], ['tab-lab', 'lab'], ['language', 'language']]) {
    $(id).querySelector('span').textContent = say(word);
  }
  app.dataset.offline = say('offline');
  $('tab-chats').onclick = () => go(null);
  $('tab-mail').onclick = () => { location.hash = '#/mail'; };
  $('tab-lab').onclick = () => { location.hash = '#/lab'; };
  $('language').onclick = switchLanguage;
  $('me').onclick = choosePersona;
  $('me-phone').onclick = choosePersona;
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
  }
  // A picture that cannot be loaded leaves a quiet box.
  document.addEventListener('error', event => {
    if (event.target.tagName === 'IMG') event.target.replaceWith(el('span', { class: `${event.target.className} none` }));
  }, true);
  document.addEventListener('visibilitychange', () => { if (!document.hidden && state.open) heardRead(false); });
  addEventListener('hashchange', route);
  load().then(() => { listen(); return route(); });
}

start();
