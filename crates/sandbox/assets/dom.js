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
  forward: 'M9 5l7 7-7 7', reload: 'M19 12a7 7 0 1 1-2.200-5.100L19 9M19 4.500V9h-4.500', out: 'M13 5h6v6M19 5l-8.500 8.500M17 14v5H5V7h5', folder: 'M3.500 7.500v11h17v-9.500h-8.500l-2-2.500h-5a1.500 1.500 0 0 0-1.500 1z',
  bell: 'M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15zM10 20.500h4', bolt: 'M13 3L5 13.500h6L10 21l9-11h-6.500z', horn: 'M4 10v4h3l7 4.500v-13L7 10zM17.500 9a4 4 0 0 1 0 6', file: 'M6 3.500h8l4 4V20.500H6zM14 3.500v4h4',
  download: 'M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 19.500h14', search: 'M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM15.500 15.500L20 20', pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  moon: 'M12 3.500a8.500 8.500 0 1 0 8.500 8.500A6.500 6.500 0 0 1 12 3.500z', globe: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM3.500 12h17M12 3.500c5 5 5 12 0 17-5-5-5-12 0-17z', flask: 'M9.500 3.500h5M10.500 3.500v6L5 18.300A1.500 1.500 0 0 0 6.300 20.500h11.400a1.500 1.500 0 0 0 1.300-2.200L13.500 9.500v-6M7.500 15h9',
  mobile: 'M8 3h8a1.500 1.500 0 0 1 1.500 1.500v15A1.500 1.500 0 0 1 16 21H8a1.500 1.500 0 0 1-1.500-1.500v-15A1.500 1.500 0 0 1 8 3zM11 18h2', chat: 'M5 4.500h14a1.500 1.500 0 0 1 1.500 1.500v9.500A1.500 1.500 0 0 1 19 17h-7l-4.500 3.500V17H5a1.500 1.500 0 0 1-1.500-1.500V6A1.500 1.500 0 0 1 5 4.500zM8 9.200h8M8 12.500h5', todo: 'M5 4.500h14v15.500H5zM8.500 12l2.500 2.500 4.500-5',
  letter: 'M4.500 5.500h15a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1zM4 7l8 6 8-6',
  copy: 'M9 9h10v10H9zM5 15V5h10', check: 'M5 12.500l4.500 4.500L19 7.500', plus: 'M12 5v14M5 12h14',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
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

export function groupFace(faces, size = '') {
  const node = el('span', { class: `face group ${size} n${Math.min(faces.length, 4)}` });
  for (const one of faces) {
    const part = el('i', {}, [...one.name].slice(-1)[0]);
    part.style.background = one.colour;
    node.append(part);
  }
  return node;
}

const MARKS = { notice: ['bell', '#0068db'], ding: ['bolt', '#d92c20'], announcement: ['horn', '#b45a00'] };

// The picture of a conversation that is no group's and no robot's.
export function markFace(kind, size = '') {
  const [name, colour] = MARKS[kind];
  const node = el('span', { class: `face robot ${size}` }, icon(name));
  node.style.background = colour;
  return node;
}

// HTML drawn and escaped by the server. Colours come as data, as the page allows no style attributes.
export function fill(node, html) {
  node.innerHTML = html;
  for (const one of node.querySelectorAll('[data-tint]')) one.style.background = one.dataset.tint;
  for (const one of node.querySelectorAll('[data-edge]')) one.style.borderTopColor = one.dataset.edge;
  return node;
}

export const size = bytes => (bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);

export const badge = count => count > 0 && el('em', { class: 'badge' }, count > 99 ? '99+' : String(count));

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
