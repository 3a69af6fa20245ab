// The reply box: to a robot, or to a group, where @ offers its members and robots.
import { say } from './words.js';
import { el, face, robotFace, call } from './dom.js';

const OFFERED = 8;

export function composer(row) {
  const isGroup = row.kind === 'group';
  const area = el('textarea', { rows: 1, placeholder: say(isGroup ? 'sayGroup' : 'sayRobot'), ariaLabel: say(isGroup ? 'sayGroup' : 'sayRobot'), maxLength: 5000 });
  const offers = el('ul', { class: 'offers', role: 'listbox', hidden: true });
  const button = el('button', { class: 'primary', type: 'submit', disabled: true }, say('send'));
  let known = null;
  let chosen = 0;
  let sending = false;

  const send = async event => {
    event?.preventDefault();
    const text = area.value.trim();
    if (!text || sending) return;
    sending = true;
    try {
      await call('POST', '/chat/messages', { conversation: row.id, text });
      if (area.value.trim() === text) area.value = '';
      resized();
    } catch {
      // The refusal is shown; what was written stays.
    } finally {
      sending = false;
      area.focus();
    }
  };
  const resized = () => {
    area.style.height = '';
    area.style.height = `${Math.min(area.scrollHeight, 140)}px`;
    button.disabled = area.value.trim() === '';
  };

  // What stands behind the last @ before the cursor.
  const asked = () => area.value.slice(0, area.selectionStart).match(/@([^\s@]{0,20})$/)?.[1];
  const hide = () => { offers.hidden = true; offers.replaceChildren(); };
  async function offer() {
    const words = isGroup ? asked() : undefined;
    if (words === undefined) { hide(); return; }
    if (known === null) {
      const group = await call('GET', `/chat/group?id=${encodeURIComponent(row.id)}`);
      known = [
        ...group.app_robots.map(robot => ({ name: robot.name, robot: true })),
        { name: '所有人', everyone: true },
        ...group.members,
      ];
    }
    const lower = words.toLowerCase();
    const found = known.filter(one => one.name.toLowerCase().includes(lower) || one.userid?.toLowerCase().startsWith(lower)).slice(0, OFFERED);
    chosen = 0;
    offers.replaceChildren(...found.map((one, at) => el('li', { role: 'option', ariaSelected: String(at === 0), class: at === 0 ? 'on' : '', onpointerdown: event => { event.preventDefault(); take(one); } },
      one.robot ? robotFace(one.name, 'small') : face(one.everyone ? { name: '全员', colour: '#0068db' } : one, 'small'), el('b', {}, one.name), one.robot ? el('i', { class: 'tag' }, say('robot')) : el('small', {}, one.department ?? ''))));
    offers.hidden = found.length === 0;
    offers.found = found;
  }
  function take(one) {
    const at = area.selectionStart;
    const before = area.value.slice(0, at).replace(/@[^\s@]*$/, `@${one.name} `);
    area.value = before + area.value.slice(at);
    area.setSelectionRange(before.length, before.length);
    hide();
    resized();
    area.focus();
  }
  function move(by) {
    const rows = offers.children;
    chosen = (chosen + by + rows.length) % rows.length;
    [...rows].forEach((node, at) => { node.classList.toggle('on', at === chosen); node.ariaSelected = String(at === chosen); });
  }

  area.addEventListener('input', () => { resized(); offer().catch(() => {}); });
  area.addEventListener('blur', hide);
  area.addEventListener('keydown', event => {
    if (event.isComposing) return;
    if (!offers.hidden) {
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') { move(event.key === 'ArrowDown' ? 1 : -1); event.preventDefault(); return; }
      if (event.key === 'Enter' || event.key === 'Tab') { take(offers.found[chosen]); event.preventDefault(); return; }
      if (event.key === 'Escape') { hide(); event.preventDefault(); return; }
    }
    if (event.key === 'Enter' && !event.shiftKey) send(event);
  });
  return el('form', { class: 'composer', onsubmit: send }, offers, area, button);
}
