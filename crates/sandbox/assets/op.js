// The operator's panel: one section at a time, each with its empty and its failed state.
import { say, language, switchLanguage, setNow } from './words.js';
import { el, icon, call } from './dom.js';
import './op-words.js';
import { calls } from './op-calls.js';
import { limits } from './op-limits.js';
import { faults } from './op-faults.js';
import { stream } from './op-stream.js';
import { people, departments } from './op-people.js';
import { events } from './op-events.js';
import { templates } from './op-templates.js';

const SECTIONS = { calls, limits, faults, stream, people, departments, events, templates };
const place = document.getElementById('place');
// Ends what the section before had running.
let leave = () => {};

async function route() {
  const wanted = location.hash.replace(/^#\/?/, '');
  const name = Object.hasOwn(SECTIONS, wanted) ? wanted : 'calls';
  leave();
  leave = () => {};
  for (const link of document.querySelectorAll('#sections a')) link.setAttribute('aria-current', link.dataset.name === name ? 'page' : 'false');
  document.querySelector('#sections a[aria-current="page"]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  document.title = `${say(`op_${name}`)} · ${say('operator')}`;
  place.dataset.section = name;
  place.replaceChildren(el('p', { class: 'hint loading' }, say('loading')));
  try {
    setNow((await call('GET', '/sandbox/clock')).now_ms);
    const ended = await SECTIONS[name](place);
    if (typeof ended === 'function') leave = ended;
  } catch (error) {
    place.replaceChildren(el('div', { class: 'nothing' }, el('b', {}, say('loadFailed')), el('p', {}, String(error.message ?? error)),
      el('button', { type: 'button', class: 'primary', onclick: route }, say('retry'))));
  }
}

function start() {
  document.documentElement.lang = language === 'en' ? 'en' : 'zh-CN';
  const link = ([name]) => el('a', { href: `#/${name}`, data: { name } }, say(`op_${name}`));
  document.getElementById('bar').append(
    el('b', {}, say('sandboxTitle')), el('span', { class: 'space' }),
    el('a', { class: 'quiet', href: '/', target: 'sandbox-chat' }, icon('out'), say('openChat')), el('a', { class: 'quiet phone-link', href: '/sandbox/phone', target: 'sandbox-chat' }, say('phoneFrame')),
    el('button', { type: 'button', class: 'quiet', onclick: () => window.sandboxTheme.toggle() }, say('theme')),
    el('button', { type: 'button', class: 'quiet', onclick: switchLanguage }, say('language')));
  document.getElementById('sections').setAttribute('aria-label', say('operator'));
  document.getElementById('sections').append(...Object.entries(SECTIONS).map(link));
  const dialog = document.getElementById('form');
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
  addEventListener('hashchange', route);
  route();
}

start();
