// The mailbox: the persona's mails or everyone's, and one of them opened. HTML is shown in a frame without script.
import { say, when } from './words.js';
import { el, icon, call } from './dom.js';

const pane = document.getElementById('pane');
let everyone = false;
let opened = null;

export async function showMail(id) {
  opened = id;
  const box = el('section', { class: 'mails' });
  const letter = el('section', { class: 'letter' });
  pane.replaceChildren(el('div', { class: 'mailbox' }, box, letter));
  if (id === null) letter.append(el('p', { class: 'empty' }, say('pickMail')));
  else await drawLetter(letter, id);
  await drawBox(box);
}

// A mail has just arrived; a burst is drawn once.
let waiting;
export function heardMail() {
  waiting ??= setTimeout(() => {
    waiting = undefined;
    const box = pane.querySelector('.mails');
    if (box) drawBox(box);
  }, 120);
}

async function drawBox(box) {
  const { address, mails } = await call('GET', `/chat/mails?all=${everyone}`);
  const choice = (label, value) => el('button', {
    type: 'button', class: everyone === value ? 'on' : '', onclick: () => { everyone = value; drawBox(box); },
  }, label);
  const rows = mails.map(mail => el('li', {}, el('button', {
    type: 'button', class: `mail${mail.id === opened ? ' open' : ''}${mail.unread ? ' unread' : ''}`,
    onclick: () => { location.hash = `#/mail/${mail.id}`; },
  },
    el('span', { class: 'top' }, el('b', {}, mail.from.replace(/ <.*>$/, '')), el('time', {}, when(mail.at_ms, true))),
    el('span', { class: 'subject' }, mail.subject || say('noSubject')),
    el('span', { class: 'preview' }, everyone ? `${say('to')} ${mail.to.join(', ')}` : mail.preview))));
  box.replaceChildren(
    el('header', {}, el('div', { class: 'choice' }, choice(say('mine'), false), choice(say('everyone'), true)), el('small', {}, everyone ? '' : address)),
    el('ul', {}, ...(rows.length ? rows : [el('li', { class: 'none' }, say('noMails'))])));
}

async function drawLetter(letter, id) {
  const mail = await call('GET', `/chat/mails/${id}`);
  const body = el('div', { class: 'letter-body' });
  const show = part => {
    if (part === 'html') body.replaceChildren(el('iframe', { src: `/chat/mails/${id}/html`, title: mail.subject, sandbox: 'allow-popups allow-popups-to-escape-sandbox' }));
    else if (part === 'text') body.replaceChildren(el('pre', {}, mail.text));
    else body.replaceChildren(el('pre', { class: 'raw' }, mail.headers.map(([name, value]) => `${name}: ${value}`).join('\n')));
    for (const button of parts.children) button.classList.toggle('on', button.dataset.part === part);
  };
  const part = (name, label) => el('button', { type: 'button', data: { part: name }, onclick: () => show(name) }, label);
  const parts = el('div', { class: 'choice' }, ...(mail.has_html ? [part('html', say('asHtml'))] : []), part('text', say('asText')), part('headers', say('headers')));
  letter.replaceChildren(
    el('header', {},
      el('button', { type: 'button', class: 'icon-button back', ariaLabel: say('back'), onclick: () => { location.hash = '#/mail'; } }, icon('back')),
      el('div', { class: 'about' },
        el('h1', {}, mail.subject || say('noSubject')),
        el('p', {}, mail.from), el('p', {}, `${say('to')} ${mail.to.join(', ')} · ${when(mail.at_ms)}`),
        mail.attachments?.length > 0 && el('p', {}, `${say('attachments')} ${mail.attachments.join(', ')}`)),
      parts),
    body);
  show(mail.has_html ? 'html' : 'text');
}
