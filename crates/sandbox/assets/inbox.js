// To-dos and announcements of the persona.
import { say, when } from './words.js';
import { el, icon, call } from './dom.js';
import { load, state } from './app.js';
import { openPage } from './browser.js';

const pane = document.getElementById('pane');
let showDone = false;

export async function showTodos() {
  pane.replaceChildren(el('header', { class: 'head' }, el('h1', {}, el('span', {}, say('todo')))), el('div', { class: 'sheet' }));
  await drawTodos();
}

export async function showAnnouncements() {
  pane.replaceChildren(el('header', { class: 'head' }, el('h1', {}, el('span', {}, say('announcements')))), el('div', { class: 'sheet' }));
  await drawAnnouncements();
}

export async function refreshInbox(view) {
  if (view === 'todo') await drawTodos();
  if (view === 'announcements') await drawAnnouncements();
}

const sheet = () => pane.querySelector('.sheet');
const isPhone = () => matchMedia('(max-width: 720px)').matches;
const nothing = words => el('div', { class: 'nothing' }, icon('check'), el('b', {}, words));

async function drawTodos() {
  const { open, done } = await call('GET', '/chat/todos');
  const choice = (value, label, count) => el('button', { type: 'button', class: showDone === value ? 'on' : '', ariaPressed: String(showDone === value), onclick: () => { showDone = value; drawTodos(); } }, `${label} ${count || ''}`);
  const rows = (showDone ? done : open).map(drawTodo);
  sheet()?.replaceChildren(
    el('div', { class: 'choice' }, choice(false, say('open'), open.length), choice(true, say('doneTodos'), done.length)),
    rows.length ? el('ul', { class: 'todos' }, ...rows) : nothing(say(showDone ? 'noDone' : 'noTodos')));
}

function drawTodo(todo) {
  const tick = async () => { await call('POST', `/chat/todos/${todo.id}`, { done: !todo.done }); await drawTodos(); await load(); };
  const url = isPhone() ? todo.phone_url : todo.url;
  const late = !todo.done && todo.due_ms !== null && todo.due_ms < Date.now();
  const fields = Array.isArray(todo.fields) ? todo.fields : [];
  const label = say(todo.done ? 'markOpen' : 'markDone');
  const about = [
    el('b', {}, todo.subject),
    todo.description && el('p', {}, todo.description),
    fields.length > 0 && el('dl', {}, ...fields.map(field => el('div', {}, el('dt', {}, String(field.fieldKey ?? '')), el('dd', {}, String(field.fieldValue ?? ''))))),
    el('small', {},
      todo.due_ms !== null && el('span', { class: late ? 'late' : '' }, `${say(late ? 'overdue' : 'due')} ${when(todo.due_ms)}`),
      el('span', {}, `${say('from')} ${[todo.app, todo.creator].filter(Boolean).join(' · ')}`),
      todo.executors > 1 && el('span', {}, say('doneOf')(todo.executors_done, todo.executors))),
  ];
  return el('li', { class: todo.done ? 'todo done' : 'todo' },
    el('button', { type: 'button', class: 'tickbox', role: 'checkbox', ariaChecked: String(todo.done), ariaLabel: `${label}: ${todo.subject}`, title: label, onclick: () => tick().catch(() => {}) }, todo.done && icon('check')),
    url ? el('button', { type: 'button', class: 'about', onclick: () => openPage(url, todo.client_id) }, ...about) : el('div', { class: 'about' }, ...about));
}

// Opening its page is reading it; the conversation that told of it has then been seen as well.
function open(one) {
  openPage(`/sandbox/announcements/${encodeURIComponent(one.id)}`);
  call('POST', '/chat/read', { conversation: `oto/announcement/${state.persona.userid}` }).catch(() => {});
}

async function drawAnnouncements() {
  const { announcements } = await call('GET', '/chat/announcements');
  const rows = announcements.map(one => el('li', {}, el('button', { type: 'button', class: one.read_ms === null ? 'announcement unread' : 'announcement', onclick: () => open(one) },
    el('span', { class: 'top' }, one.read_ms === null && el('i', { class: 'dot', title: say('unreadMark'), role: 'img', ariaLabel: say('unreadMark') }), el('b', {}, one.title),
      one.pinned && el('i', { class: 'tag' }, say('pinned')), one.confidential && el('i', { class: 'tag warn' }, say('confidential'))),
    el('span', { class: 'text' }, one.text),
    el('small', {}, [one.author, one.category, when(one.created_ms), say('readersOf')(one.readers, one.receivers)].filter(Boolean).join(' · ')),
    one.cover && el('img', { src: one.cover, alt: '', loading: 'lazy' }))));
  sheet()?.replaceChildren(rows.length ? el('ul', { class: 'announcements' }, ...rows) : nothing(say('noAnnouncements')));
}
