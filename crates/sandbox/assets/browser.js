// The in-app browser: a page beside the chat (on a phone over it), with the JSAPI bridge of /sandbox/jsapi.js.
//
// Only the frame shown here is answered, and only while it speaks from the origin that was opened; a page that has gone
// elsewhere gets nothing. The codes it asks for are minted by the server for the persona of this window.
import { say, language } from './words.js';
import { el, icon, toast } from './dom.js';
import { state } from './app.js';

const panel = document.getElementById('browser');
const VERSION = '7.6.0';
// The pages one came through, oldest first: {url, app, title, frame, loads}.
let pages = [];

export function openPage(address, app) {
  let url;
  try { url = new URL(address.replaceAll('$CORPID$', state.corpId), location.href); } catch { return; }
  if (!/^https?:$/.test(url.protocol)) return;
  // The sandbox's own pages have no script; those of an app run theirs, without reaching this window.
  const rights = url.origin === location.origin ? 'allow-same-origin' : 'allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads allow-modals';
  const frame = el('iframe', { title: url.host, sandbox: rights, referrerPolicy: 'no-referrer' });
  const page = { url, app: app || state.robots[0]?.client_id || '', title: '', frame, loads: 0, spoke: false };
  frame.addEventListener('load', () => { page.loads += 1; frame.classList.add('loaded'); });
  frame.src = url.href;
  pages.push(page);
  draw();
}

export function closeBrowser() {
  pages = [];
  panel.replaceChildren();
  panel.hidden = true;
}

function back() {
  const page = pages.at(-1);
  if (page.loads > 1) {
    page.loads -= 2;
    history.back();
  } else if (pages.length > 1) {
    pages.pop();
    draw();
  } else {
    closeBrowser();
  }
}

function draw() {
  const page = pages.at(-1);
  const tool = (name, label, onclick) => el('button', { type: 'button', class: 'icon-button', title: label, ariaLabel: label, onclick }, icon(name));
  const head = el('header', { class: 'head' },
    tool('back', say('back'), back),
    el('h2', {}, el('span', {}, page.title || page.url.host), el('small', {}, page.title ? page.url.host : '')),
    tool('reload', say('reload'), () => { page.frame.classList.remove('loaded'); page.loads = -1; page.frame.src = page.url.href; page.loads = 0; }),
    el('a', { class: 'icon-button', href: page.url.href, target: '_blank', rel: 'noopener noreferrer', title: say('openOutside'), ariaLabel: say('openOutside') }, icon('out')),
    tool('close', say('closePage'), closeBrowser));
  for (const one of pages) one.frame.hidden = one !== page;
  const known = panel.querySelector('header');
  if (known) known.replaceWith(head);
  else panel.append(head, el('div', { class: 'frames' }), el('p', { class: 'foot' }, say('pageBlank'), ' ', el('a', { target: '_blank', rel: 'noopener noreferrer' }, say('openOutside'))));
  const frames = panel.querySelector('.frames');
  for (const old of [...frames.children]) if (!pages.some(one => one.frame === old)) old.remove();
  if (!page.frame.isConnected) frames.append(page.frame);
  const foot = panel.querySelector('.foot');
  foot.hidden = page.spoke || page.url.origin === location.origin;
  foot.querySelector('a').href = page.url.href;
  const wasHidden = panel.hidden;
  panel.hidden = false;
  if (wasHidden) head.querySelector('button').focus();
}

async function authCode(page, args) {
  const body = { corpId: String(args.corpId ?? ''), clientId: String(args.clientId || page.app) };
  const answer = await fetch('/chat/auth-code', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw { errorCode: String(json.errorCode ?? answer.status), errorMessage: json.errorMessage ?? json.zh ?? answer.statusText };
  return json;
}

const APIS = {
  hello: () => ({ version: VERSION, corpId: state.corpId, language: language === 'en' ? 'en_US' : 'zh_CN' }),
  getVersion: () => ({ version: VERSION }),
  requestAuthCode: authCode,
  closePage: page => { setTimeout(() => { if (pages.at(-1) === page) { pages.pop(); if (pages.length) draw(); else closeBrowser(); } }); return {}; },
  openLink: (page, args) => { openPage(String(args.url ?? ''), page.app); return {}; },
  setTitle: (page, args) => { page.title = String(args.title ?? '').slice(0, 60); draw(); return {}; },
};

addEventListener('message', async event => {
  const page = pages.find(one => one.frame.contentWindow === event.source);
  const { data } = event;
  if (!page || !data || data.dingtalkSandbox !== 1 || typeof data.api !== 'string') return;
  if (event.origin !== page.url.origin) return;
  const answer = more => event.source?.postMessage({ dingtalkSandbox: 1, id: data.id, ...more }, event.origin);
  const api = Object.hasOwn(APIS, data.api) ? APIS[data.api] : null;
  if (!page.spoke) { page.spoke = true; draw(); }
  if (!api) { answer({ ok: false, error: { errorCode: '2', errorMessage: `${data.api} is not supported here` } }); return; }
  try {
    answer({ ok: true, result: await api(page, data.args ?? {}) });
  } catch (error) {
    toast(error.errorMessage || say('failed'));
    answer({ ok: false, error: { errorCode: error.errorCode || '-1', errorMessage: error.errorMessage || String(error) } });
  }
});
addEventListener('keydown', event => { if (event.key === 'Escape' && !panel.hidden && panel.contains(document.activeElement)) closeBrowser(); });
