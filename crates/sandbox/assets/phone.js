// The chat client in a phone's frame: the same page at 390 px, and the ways out of it beside it.
import { say, switchLanguage, language } from './words.js';
import { el, icon } from './dom.js';

document.documentElement.lang = language === 'en' ? 'en' : 'zh-CN';
document.title = say('phoneFrame');
const screen = document.getElementById('screen');
screen.title = say('phoneFrame');
screen.src = `/${location.hash}`;
const desktop = el('a', { href: '/' }, icon('out'), say('desktopFrame'));
// The same conversation stays open.
desktop.addEventListener('click', event => {
  event.preventDefault();
  location.href = `/${screen.contentWindow.location.hash}`;
});
document.getElementById('beside').append(
  desktop,
  el('a', { href: '/sandbox/ui', target: '_blank', rel: 'noopener' }, icon('flask'), say('operator')),
  el('button', { type: 'button', onclick: () => window.sandboxTheme.toggle() }, icon('moon'), say('theme')),
  el('button', { type: 'button', onclick: switchLanguage }, icon('globe'), say('language')));
