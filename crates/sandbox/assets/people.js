// Whom one is: found by name, letters, mobile, title or department; those one has been lately come first.
import { say } from './words.js';
import { el, face, badge, call } from './dom.js';
import { state } from './app.js';

const KEY = 'dingtalk_sandbox_recent';
const KEPT = 6;

const recent = () => { try { return JSON.parse(localStorage.getItem(KEY)) || []; } catch { return []; } };

function remember(person) {
  const rest = recent().filter(one => one.userid !== person.userid);
  const kept = [person, ...rest].slice(0, KEPT).map(({ userid, name, colour, department, title }) => ({ userid, name, colour, department, title }));
  try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* remembered by nobody then */ }
}

export async function choosePersona(become) {
  const dialog = document.getElementById('people');
  const results = el('ul', {});
  const count = el('small', { class: 'count', role: 'status' });
  const search = el('input', { type: 'search', placeholder: say('search'), ariaLabel: say('search') });
  const department = el('select', { ariaLabel: say('allDepartments') }, el('option', { value: '' }, say('allDepartments')));
  const row = person => el('li', {}, el('button', {
    type: 'button', class: person.userid === state.persona.userid ? 'person on' : 'person',
    onclick: () => {
      remember(person);
      dialog.close();
      become(person.userid).catch(() => {});
    },
  }, face(person), el('span', {}, el('b', {}, person.name), el('small', {}, [person.department, person.title].filter(Boolean).join(' · '))), badge(person.unread ?? 0)));
  const find = async () => {
    const words = search.value.trim();
    const { people, found, departments } = await call('GET', `/chat/people?q=${encodeURIComponent(words)}${department.value && `&department=${department.value}`}`);
    if (words !== search.value.trim()) return;
    if (department.options.length === 1) {
      const depth = one => (one.parent_id === null ? 0 : 1 + depth(departments.find(other => other.id === one.parent_id) ?? { parent_id: null }));
      department.append(...departments.filter(one => one.parent_id !== null).map(one => el('option', { value: one.id }, '　'.repeat(Math.max(0, depth(one) - 1)) + one.name)));
    }
    const nodes = people.map(row);
    const lately = words || department.value ? [] : recent();
    if (lately.length) nodes.unshift(el('li', { class: 'group-of' }, say('recent')), ...lately.map(row), el('li', { class: 'group-of' }, say('everyone')));
    if (people.length === 0) nodes.push(el('li', { class: 'none' }, say('noPeople')));
    if (found > people.length) nodes.push(el('li', { class: 'none' }, say('narrower')(found - people.length)));
    results.replaceChildren(...nodes);
    count.textContent = say('found')(found);
  };
  let waiting;
  search.addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(() => find().catch(() => {}), 80); });
  department.addEventListener('change', () => find().catch(() => {}));
  // Arrows go from the search to the people and among them.
  dialog.onkeydown = event => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const all = [search, ...results.querySelectorAll('button')];
    const at = all.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    all[at]?.focus();
    event.preventDefault();
  };
  search.addEventListener('keydown', event => { if (event.key === 'Enter') results.querySelector('button')?.click(); });
  dialog.replaceChildren(el('h2', {}, say('switchTo'), count), search, department, results);
  await find();
  dialog.showModal();
  search.focus();
}
