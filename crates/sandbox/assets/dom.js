// Small tools over the DOM. Text is always set as text; only the server's bubbles are inserted as HTML.
import { say } from './words.js';

export function el(tag, fields = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'class') node.className = value;
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(node.dataset, value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

const ICONS = {
  robot: 'M12 3.200v2.600M7.500 5.800h9a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3h-9a3 3 0 0 1-3-3v-7a3 3 0 0 1 3-3zM9.200 11v1.800M14.800 11v1.800M9.500 15.600h5',
  back: 'M15 5l-7 7 7 7', close: 'M6 6l12 12M18 6L6 18', dots: 'M5.500 12h.01M12 12h.01M18.500 12h.01',
  copy: 'M9 9h10v10H9zM5 15V5h10', check: 'M5 12.500l4.500 4.500L19 7.500', plus: 'M12 5v14M5 12h14',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon ${name}`);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

const initials = name => (/^[\x00-\x7f]+$/.test(name) ? name.split(/\s+/).map(word => word[0]).join('').slice(0, 2).toUpperCase() : [...name].slice(-2).join(''));

export function face(person, size = '') {
  const node = el('span', { class: `face ${size}` }, initials(person.name));
  node.style.background = person.colour;
  return node;
}

const ROBOT_COLOURS = ['#1677ff', '#0d94a6', '#7a5af0', '#e07b28', '#2ba471', '#d9506c'];

export function robotFace(name, size = '') {
  const node = el('span', { class: `face robot ${size}` }, icon('robot'));
  const sum = [...name].reduce((total, letter) => total + letter.codePointAt(0), 0);
  node.style.background = ROBOT_COLOURS[sum % ROBOT_COLOURS.length];
  return node;
}

export function groupFace(faces) {
  const node = el('span', { class: `face group n${Math.min(faces.length, 4)}` });
  for (const one of faces) {
    const part = el('i', {}, [...one.name].slice(-1)[0]);
    part.style.background = one.colour;
    node.append(part);
  }
  return node;
}

let fading;
export function toast(text) {
  const node = document.getElementById('toast');
  node.textContent = text;
  node.classList.add('on');
  clearTimeout(fading);
  fading = setTimeout(() => node.classList.remove('on'), 2200);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el('textarea', { value: text });
    (document.querySelector('dialog[open]') || document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  toast(say('copied'));
}

// JSON over HTTP; a refusal's own words are shown and thrown.
export async function call(method, path, body) {
  const init = { method, headers: {} };
  if (body !== undefined) {
    init.headers['content-type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  const answer = await fetch(path, init);
  const text = await answer.text();
  let json = null;
  try { json = text ? JSON.parse(text) : null; } catch { /* a plain-text refusal */ }
  if (!answer.ok) {
    const words = json && (document.documentElement.lang === 'en' ? json.en : json.zh);
    toast(words || say('failed'));
    throw new Error(words || text || answer.statusText);
  }
  return json;
}
