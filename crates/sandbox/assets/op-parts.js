// Pieces that several sections of the operator's panel are made of.
import { say } from './words.js';
import { el, call, toast } from './dom.js';

export const title = (word, ...rest) => el('header', { class: 'place-head' }, el('h1', {}, say(word)), ...rest);
export const card = (word, ...rest) => el('section', { class: 'lab-card' }, el('h2', {}, say(word)), ...rest);
export const empty = (word, ...rest) => el('p', { class: 'none' }, say(word), ...rest);
export const step = (label, onclick, more = '') => el('button', { type: 'button', class: `step ${more}`, onclick: () => Promise.resolve(onclick()).catch(() => {}) }, label);
export const field = (label, input, hint) => el('label', { class: 'field' }, el('span', {}, label), input, hint && el('small', {}, hint));
export const text = (value, more = {}) => el('input', { type: 'text', value: value ?? '', ...more });

// A number that is saved when it is left; empty is null where `nullable`.
export function number(label, value, save, { nullable = false, hint, unit } = {}) {
  const input = el('input', { type: 'text', inputMode: 'numeric', value: value ?? '', placeholder: nullable ? '∞' : '' });
  input.addEventListener('change', () => {
    const written = input.value.trim();
    if (written === '' && nullable) { save(null); return; }
    if (!/^-?\d+$/.test(written)) { toast(say('wholeNumber')); input.value = value ?? ''; return; }
    save(Number(written));
  });
  return field(unit ? `${label} (${unit})` : label, input, hint);
}

export const toggle = (label, on, save, hint) => el('label', { class: 'field switch' }, el('span', {}, label), el('input', { type: 'checkbox', checked: on, onchange: event => save(event.target.checked) }), hint && el('small', {}, hint));

export function choice(label, value, options, save, hint) {
  const select = el('select', { onchange: event => save(event.target.value) }, ...options.map(([key, words]) => el('option', { value: key }, words)));
  select.value = value;
  return field(label, select, hint);
}

// Lines of text as a list of strings.
export function lines(label, value, save, hint) {
  const input = text(value.join(', '));
  input.addEventListener('change', () => save(input.value.split(/[,，、\s]+/).filter(Boolean)));
  return field(label, input, hint);
}

// Draws a section again; whoever was at a field or button is there again.
export async function again(place, draw) {
  const places = () => [...place.querySelectorAll('input, select, textarea, button, a')];
  const at = places().indexOf(document.activeElement);
  await draw(place);
  if (at >= 0) places()[at]?.focus();
}

export const setRules = async change => { await call('POST', '/sandbox/rules', change); toast(say('saved')); };

// A form in the one dialog. `send` is given the event's form data and may throw to keep it open.
export function ask(word, fields, send) {
  const dialog = document.getElementById('form');
  const problem = el('p', { class: 'problem', role: 'alert' });
  const submit = async event => {
    event.preventDefault();
    problem.textContent = '';
    try {
      await send();
      dialog.close();
    } catch (error) {
      problem.textContent = String(error.message ?? error);
    }
  };
  dialog.replaceChildren(el('form', { onsubmit: submit }, el('h2', {}, say(word)), ...fields, problem,
    el('footer', {}, el('span', { class: 'space' }), el('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, say('cancel')), el('button', { type: 'submit', class: 'primary' }, say('save')))));
  dialog.showModal();
}

export const json = value => el('pre', { class: 'json', tabIndex: 0 }, value === null || value === undefined ? '—' : JSON.stringify(value, null, 2));
