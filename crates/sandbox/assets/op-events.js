// Sends an event to the apps as if it had happened.
import { say } from './words.js';
import { el, call, toast } from './dom.js';
import { title, card, field, text } from './op-parts.js';

const KNOWN = {
  user_add_org: { userId: ['zhangwei'], optStaffId: 'zhangwei' },
  user_modify_org: { userId: ['zhangwei'], diffInfo: [{ userid: 'zhangwei', prev: { title: '' }, curr: { title: '' } }] },
  user_leave_org: { userId: ['zhangwei'] },
  user_active_org: { userId: ['zhangwei'] },
  org_dept_create: { deptId: [2] }, org_dept_modify: { deptId: [2] }, org_dept_remove: { deptId: [2] },
  org_admin_add: { userId: ['zhangwei'] }, org_admin_remove: { userId: ['zhangwei'] },
  todo_task_update: { taskId: '1', unionIdList: [], bizTag: '' },
  chat_add_member: { chatId: 'chat…', userId: ['zhangwei'] }, chat_remove_member: { chatId: 'chat…', userId: ['zhangwei'] }, chat_disband: { chatId: 'chat…' },
  robot_msg_read: { userId: 'zhangwei', robotCode: '', processQueryKey: '' },
};

export async function events(place) {
  const kind = text('user_add_org', { required: true });
  kind.setAttribute('list', 'known-events');
  const data = el('textarea', { class: 'code-area', rows: 10, spellcheck: false, value: JSON.stringify(KNOWN.user_add_org, null, 2) });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const sent = el('ul', { class: 'active', role: 'log' });
  kind.addEventListener('change', () => { if (KNOWN[kind.value]) data.value = JSON.stringify(KNOWN[kind.value], null, 2); });
  const send = async event => {
    event.preventDefault();
    problem.textContent = '';
    try {
      const parsed = JSON.parse(data.value || '{}');
      await call('POST', '/sandbox/events', { event_type: kind.value.trim(), data: parsed });
      toast(say('sent'));
      sent.prepend(el('li', {}, el('b', {}, kind.value.trim()), el('small', {}, new Date().toLocaleTimeString())));
    } catch (error) {
      problem.textContent = String(error.message ?? error);
    }
  };
  place.replaceChildren(title('op_events'), el('div', { class: 'columns' }, card('op_events',
    el('form', { onsubmit: send }, field(say('eventType'), kind), el('datalist', { id: 'known-events' }, ...Object.keys(KNOWN).map(name => el('option', { value: name }))),
      field(say('eventData'), data, say('eventHint')), problem, el('button', { type: 'submit', class: 'primary' }, say('send'))), sent)));
}
