// People come, change, move and leave; departments are made, renamed, moved and removed. Apps are told.
import { say, when } from './words.js';
import { el, face, call, toast } from './dom.js';
import { title, step, empty, field, text, toggle, choice, ask } from './op-parts.js';
import { rows } from './rows.js';

const organisation = async () => (await call('GET', '/sandbox/organisation')).organisation;
const namesOf = (ids, departments) => ids.map(id => departments.find(one => one.id === id)?.name ?? id).join('、');

let showLeavers = false;

export async function people(place) {
  const [{ people: all, leavers }, { departments }] = await Promise.all([call('GET', '/sandbox/people'), organisation()]);
  const again = () => people(place);
  const search = el('input', { type: 'search', placeholder: say('searchPeople'), ariaLabel: say('searchPeople') });
  const here = new Set(all.map(one => one.userid));
  const gone = [...leavers].reverse().filter((one, at, list) => !here.has(one.person.userid) && list.findIndex(other => other.person.userid === one.person.userid) === at);
  const draw = one => {
    const person = one.person ?? one;
    return el('div', { class: 'person-row', role: 'listitem' }, face({ name: person.name, colour: person.avatar_colour }, 'small'),
      el('span', {}, el('b', {}, person.name, !person.active && el('i', { class: 'tag warn' }, say('inactive')), person.admin !== 'none' && el('i', { class: 'tag' }, say(`admin_${person.admin}`))),
        el('small', {}, [person.userid, namesOf(person.department_ids, departments), person.title, one.person && `${say('left_')} ${when(one.left_ms)}`].filter(Boolean).join(' · '))),
      ...(one.person ? [step(say('rehire'), async () => { await call('POST', `/sandbox/people/${encodeURIComponent(person.userid)}/return`); toast(say('saved')); await again(); })]
        : [step(say('change'), () => edit(person, departments, again)), step(say('leave'), () => leave(person, again), 'danger')]));
  };
  const list = rows(64, draw, say('op_people'));
  const nothing = el('div', {});
  const show = () => {
    const words = search.value.trim().toLowerCase();
    const found = (showLeavers ? gone : all).filter(one => {
      const person = one.person ?? one;
      return !words || [person.name, person.userid, person.mobile, person.title, namesOf(person.department_ids, departments)].some(value => value.toLowerCase().includes(words));
    });
    list.set(found);
    list.node.hidden = found.length === 0;
    nothing.replaceChildren(...(found.length ? [] : [empty(showLeavers ? 'noLeavers' : 'noPeople')]));
  };
  search.addEventListener('input', show);
  const pick = (value, label) => el('button', { type: 'button', class: showLeavers === value ? 'on' : '', ariaPressed: String(showLeavers === value), onclick: () => { showLeavers = value; again(); } }, label);
  place.replaceChildren(title('op_people', el('span', { class: 'space' }), step(say('hire'), () => edit(null, departments, again), 'main')),
    el('div', { class: 'filters one' }, el('div', { class: 'choice' }, pick(false, `${say('here')} ${all.length}`), pick(true, `${say('leavers')} ${gone.length}`)), search), nothing, list.node);
  show();
}

function leave(person, again) {
  let reason = 'leave';
  ask('leave', [el('p', {}, `${person.name} (${person.userid})`), choice(say('reason'), reason, ['leave', 'delete', 'oapi', 'cancel', 'unknown'].map(name => [name, say(`reason_${name}`)]), value => { reason = value; })], async () => {
    await call('DELETE', `/sandbox/people/${encodeURIComponent(person.userid)}?reason=${reason}`);
    toast(say('saved'));
    await again();
  });
}

function edit(person, departments, again) {
  const input = {};
  const row = (name, more) => { input[name] = text(person?.[name], more); return field(say(`person_${name}`), input[name]); };
  const chosen = el('select', { multiple: true, size: 5, class: 'many' }, ...departments.map(one => el('option', { value: one.id, selected: person?.department_ids.includes(one.id) ?? false }, one.name)));
  const active = toggle(say('person_active'), person?.active ?? true, () => {});
  let admin = person?.admin ?? 'none';
  ask(person ? 'change' : 'hire', [
    el('div', { class: 'two' }, row('name', { required: true }), row('userid', { required: true, disabled: person !== null }), row('mobile'), row('title'), row('email'), row('job_number')), row('manager_userid'),
    field(say('person_departments'), chosen), choice(say('person_admin'), admin, ['none', 'main', 'sub'].map(name => [name, say(`admin_${name}`)]), value => { admin = value; }), active,
  ], async () => {
    const fields = Object.fromEntries(Object.entries(input).map(([name, one]) => [name, one.value.trim()]));
    fields.manager_userid ||= null;
    Object.assign(fields, { department_ids: [...chosen.selectedOptions].map(one => Number(one.value)), active: active.querySelector('input').checked, admin });
    if (person) await call('PUT', `/sandbox/people/${encodeURIComponent(person.userid)}`, fields);
    else await call('POST', '/sandbox/people', { unionid: `union-${fields.userid}`, avatar_colour: '#1677ff', ...fields });
    toast(say('saved'));
    await again();
  });
}

export async function departments(place) {
  const { departments: all, people: everyone } = await organisation();
  const again = () => departments(place);
  const counts = new Map();
  for (const person of everyone) for (const id of person.department_ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const flat = [];
  const walk = (parent, depth) => {
    for (const one of all.filter(other => other.parent_id === parent).sort((a, b) => a.order - b.order || a.id - b.id)) {
      flat.push({ ...one, depth });
      walk(one.id, depth + 1);
    }
  };
  walk(null, 0);
  const draw = one => {
    const row = el('div', { class: 'person-row', role: 'listitem' }, el('span', {}, el('b', {}, one.name), el('small', {}, [`id ${one.id}`, say('peopleIn')(counts.get(one.id) ?? 0), one.managers.length && `${say('managers')} ${one.managers.join('、')}`].filter(Boolean).join(' · '))),
      step(say('change'), () => editDepartment(one, all, again)), one.parent_id !== null && step(say('removeIt'), async () => { await call('DELETE', `/sandbox/departments/${one.id}`); toast(say('saved')); await again(); }, 'danger'));
    row.style.paddingLeft = `${12 + Math.min(one.depth, 6) * 20}px`;
    return row;
  };
  const list = rows(64, draw, say('op_departments'));
  list.set(flat);
  place.replaceChildren(title('op_departments', el('small', { class: 'count' }, String(flat.length)), el('span', { class: 'space' }), step(say('addDepartment'), () => editDepartment(null, all, again), 'main')), flat.length ? list.node : empty('noDepartments'));
}

function editDepartment(department, all, again) {
  const name = text(department?.name, { required: true });
  const order = text(department?.order ?? 0, { inputMode: 'numeric' });
  const managers = text(department?.managers.join(', '));
  let parent = String(department?.parent_id ?? 1);
  const isRoot = department !== null && department.parent_id === null;
  ask(department ? 'change' : 'addDepartment', [field(say('departmentName'), name),
    !isRoot && choice(say('parent'), parent, all.filter(one => one.id !== department?.id).map(one => [String(one.id), one.name]), value => { parent = value; }),
    field(say('order'), order), field(say('managers'), managers, say('managersHint'))].filter(Boolean), async () => {
    const fields = { name: name.value.trim(), order: Number(order.value) || 0, managers: managers.value.split(/[,，\s]+/).filter(Boolean), parent_id: isRoot ? null : Number(parent) };
    if (department) await call('PUT', `/sandbox/departments/${department.id}`, fields);
    else await call('POST', '/sandbox/departments', fields);
    toast(say('saved'));
    await again();
  });
}
