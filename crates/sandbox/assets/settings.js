// The drawer of a group: its settings (members, robots with their webhooks), its files, its announcements.
import { say, when } from './words.js';
import { el, icon, face, robotFace, size, call, copy, toast } from './dom.js';
import { state } from './app.js';

const drawer = document.getElementById('drawer');
const dialog = document.getElementById('robot');
const MEMBERS_SHOWN = 15;
let group = null;
let drawn = null;
let path = [];

const open = (id, what) => {
  if (group === id && drawn === what && !drawer.hidden) { closeDrawer(); return Promise.resolve(); }
  group = id;
  drawn = what;
  drawer.hidden = false;
  return refreshDrawer();
};
export const openSettings = id => open(id, drawSettings);
export const openGroupAnnouncements = id => open(id, drawAnnouncements);
export const openFiles = id => { path = []; return open(id, drawFiles); };

export function closeDrawer() {
  group = null;
  drawer.hidden = true;
}

export async function refreshDrawer() {
  if (group === null) return;
  try {
    await drawn();
  } catch {
    inside('settings', el('p', { class: 'none' }, say('loadFailed'), ' ', el('button', { type: 'button', class: 'quiet', onclick: refreshDrawer }, say('retry'))));
  }
}

function inside(title, ...nodes) {
  drawer.replaceChildren(
    el('header', { class: 'head' }, el('h2', {}, say(title)),
      el('button', { type: 'button', class: 'icon-button', ariaLabel: say('close'), onclick: closeDrawer }, icon('close'))),
    el('div', { class: 'inside' }, ...nodes));
}

async function drawSettings() {
  const settings = await call('GET', `/chat/group?id=${encodeURIComponent(group)}`);
  inside('settings',
    el('section', {}, el('h3', {}, say('groupMembers'), el('small', {}, String(settings.members.length))), members(settings.members)),
    el('section', {}, el('h3', {}, say('robots'), el('small', {}, String(settings.robots.length + settings.app_robots.length))),
      ...settings.robots.map(robotCard),
      ...settings.app_robots.map(app => el('div', { class: 'robot-card' }, el('div', { class: 'top' }, robotFace(app.name, 'small'), el('b', {}, app.name), el('i', { class: 'tag' }, say('appRobot'))))),
      el('button', { type: 'button', class: 'add', onclick: () => robotForm(null) }, icon('plus'), say('addRobot'))));
}

async function drawAnnouncements() {
  const { announcements } = await call('GET', `/chat/group-announcements?conversation=${encodeURIComponent(group)}`);
  const rows = announcements.map(one => el('li', { class: 'robot-card' },
    el('div', { class: 'top' }, el('b', {}, one.by), one.sticky && el('i', { class: 'tag' }, say('pinned'))),
    el('p', { class: 'said' }, one.content), el('small', {}, `${when(one.at_ms)} · ${say('readersOf')(one.readers, one.receivers)}`)));
  inside('groupAnnouncements', rows.length ? el('ul', {}, ...rows) : el('p', { class: 'none' }, say('noGroupAnnouncements')));
}

// The newest version on top; a folder opens in place.
async function drawFiles() {
  const folder = path.at(-1);
  const { files } = await call('GET', `/chat/files?conversation=${encodeURIComponent(group)}${folder ? `&folder=${encodeURIComponent(folder.id)}` : ''}`);
  const crumbs = [{ name: say('allFiles') }, ...path].map((one, at) => el('button', { type: 'button', class: 'quiet', disabled: at === path.length, onclick: () => { path = path.slice(0, at); refreshDrawer(); } }, one.name));
  const rows = files.map(file => (file.folder
    ? el('li', {}, el('button', { type: 'button', class: 'drive-row', onclick: () => { path = [...path, file]; refreshDrawer(); } }, icon('folder'), el('span', {}, el('b', {}, file.name), el('small', {}, `${file.by} · ${when(file.at_ms)}`)), icon('forward')))
    : el('li', {}, el('a', { class: 'drive-row', href: file.href, target: '_blank', rel: 'noopener' }, icon('file'),
      el('span', {}, el('b', {}, file.name), el('small', {}, `${size(file.size)} · ${file.by} · ${when(file.at_ms)}`)), icon('download')),
    file.versions.length > 1 && el('details', {}, el('summary', {}, say('versions')(file.versions.length)),
      ...file.versions.map(one => el('a', { href: one.href, target: '_blank', rel: 'noopener' }, `${say('version')(one.number)} · ${size(one.size)} · ${one.by} · ${when(one.at_ms)}`))))));
  inside('files', path.length > 0 && el('nav', { class: 'crumbs' }, ...crumbs), rows.length ? el('ul', { class: 'drive' }, ...rows) : el('p', { class: 'none' }, say('noFiles')));
}

function members(all) {
  const list = el('div', { class: 'faces' });
  const show = count => list.replaceChildren(
    ...all.slice(0, count).map(person => el('span', { title: [person.department, person.title].join(' · ') }, face(person), el('small', {}, person.userid === state.persona.userid ? say('you') : person.name))),
    ...(all.length > count ? [el('button', { type: 'button', class: 'quiet', onclick: () => show(all.length) }, say('moreMembers')(all.length))] : []));
  show(MEMBERS_SHOWN);
  return list;
}

function robotCard(robot) {
  const active = robot.state === 'active';
  const rules = [
    robot.keywords.length > 0 && el('span', { class: 'chip' }, `${say('keywords')}：${robot.keywords.join('、')}`),
    robot.secret !== null && el('span', { class: 'chip' }, say('signing')),
    robot.ips.length > 0 && el('span', { class: 'chip' }, `IP：${robot.ips.join('、')}`),
  ];
  return el('div', { class: active ? 'robot-card' : 'robot-card off' },
    el('div', { class: 'top' }, robotFace(robot.name, 'small'), el('b', {}, robot.name), !active && el('i', { class: 'tag warn' }, say('disabled')),
      el('button', { type: 'button', class: 'quiet', onclick: () => robotForm(robot) }, say('edit'))),
    el('div', { class: 'chips' }, ...rules),
    copyable(say('webhook'), robot.webhook),
    robot.secret && copyable(say('secret'), robot.secret));
}

function copyable(label, text) {
  return el('div', { class: 'copyable' }, el('small', {}, label), el('code', { title: text }, text),
    el('button', { type: 'button', class: 'icon-button', ariaLabel: `${say('copy')} ${label}`, title: say('copy'), onclick: () => copy(text) }, icon('copy')));
}

function robotForm(robot) {
  const split = text => text.split(/[,，、\n]/).map(word => word.trim()).filter(Boolean);
  const name = el('input', { type: 'text', value: robot?.name ?? '', maxLength: 20, required: true });
  const keywords = el('input', { type: 'text', value: robot?.keywords.join('，') ?? '' });
  const signed = el('input', { type: 'checkbox', checked: robot ? Boolean(robot.secret) : true });
  const ips = el('input', { type: 'text', value: robot?.ips.join(', ') ?? '', placeholder: '10.0.0.0/16' });
  const send = async next => {
    const body = { name: name.value, keywords: split(keywords.value), signed: signed.checked, ips: split(ips.value), state: next };
    const saved = robot
      ? await call('PUT', `/chat/robots/${encodeURIComponent(robot.access_token)}`, body)
      : await call('POST', '/chat/robots', { ...body, group });
    await refreshDrawer();
    if (robot) dialog.close();
    else showCreated(saved);
  };
  const submit = event => { event.preventDefault(); send(robot?.state ?? 'active').catch(() => {}); };
  const toggle = robot && el('button', { type: 'button', class: 'quiet', onclick: () => send(robot.state === 'active' ? 'disabled' : 'active').catch(() => {}) }, say(robot.state === 'active' ? 'disable' : 'enable'));
  const remove = robot && el('button', { type: 'button', class: 'quiet danger', onclick: () => { if (confirm(say('removeSure'))) send('removed').catch(() => {}); } }, say('remove'));
  const field = (label, input, hint) => el('label', { class: 'field' }, el('span', {}, label), input, hint && el('small', {}, hint));
  dialog.replaceChildren(el('form', { onsubmit: submit },
    el('h2', {}, robot ? robot.name : say('addRobot')),
    field(say('name'), name),
    el('h3', {}, say('security')),
    field(say('keywords'), keywords, say('keywordsHint')),
    el('label', { class: 'field switch' }, el('span', {}, say('signing')), signed, el('small', {}, say('signingHint'))),
    field(say('ips'), ips, say('ipsHint')),
    el('footer', {}, remove, toggle, el('span', { class: 'space' }),
      el('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, say('cancel')),
      el('button', { type: 'submit', class: 'primary' }, say('save')))));
  if (!dialog.open) dialog.showModal();
}

function showCreated(robot) {
  toast(say('created'));
  dialog.replaceChildren(el('div', { class: 'created' },
    robotFace(robot.name), el('h2', {}, robot.name),
    copyable(say('webhook'), robot.webhook),
    robot.secret && copyable(say('secret'), robot.secret),
    el('footer', {}, el('span', { class: 'space' }), el('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, say('done')))));
}
