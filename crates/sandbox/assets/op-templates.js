// Card templates: the ready-made ones, each app's own, and the card builder's file in and out.
import { say } from './words.js';
import { el, call, toast } from './dom.js';
import { title, card, step, empty, field, text, toggle, choice, ask, json } from './op-parts.js';

export async function templates(place) {
  const [{ public: ready, apps }, { apps: known }] = await Promise.all([call('GET', '/sandbox/templates'), call('GET', '/sandbox/apps')]);
  const again = () => templates(place);
  const nameOf = id => known.find(app => app.client_id === id)?.name || id;
  const row = template => el('li', { class: 'connection' }, el('b', {}, template.name || template.id, template.published === false && el('i', { class: 'tag warn' }, say('notPublished'))), el('small', {}, el('code', {}, template.id)),
    el('div', { class: 'steps' }, el('a', { class: 'step', href: `/sandbox/templates/${encodeURIComponent(template.id)}`, download: `${template.id}.json` }, say('download'))),
    el('details', {}, el('summary', {}, say('showJson')), json(template)));
  const own = apps.flatMap(app => app.templates.map(template => ({ app: app.client_id, template })));
  place.replaceChildren(title('op_templates', el('span', { class: 'space' }), step(say('importTemplate'), () => bring(known, again), 'main')), el('div', { class: 'columns' },
    card('ownTemplates', own.length ? el('ul', {}, ...own.map(one => { const node = row(one.template); node.firstChild.append(el('i', { class: 'tag' }, nameOf(one.app))); return node; })) : empty('noTemplates')),
    card('readyTemplates', el('ul', {}, ...ready.map(row)))));
}

function bring(apps, again) {
  if (apps.length === 0) { toast(say('noApps')); return; }
  let app = apps[0].client_id;
  const id = text('', { required: true, placeholder: 'xxxxxxxx.schema' });
  const file = el('input', { type: 'file', accept: '.json,application/json', required: true });
  const published = toggle(say('publishedTemplate'), true, () => {});
  ask('importTemplate', [choice(say('callApp'), app, apps.map(one => [one.client_id, one.name || one.client_id]), value => { app = value; }), field(say('templateId'), id), field(say('templateFile'), file, say('templateHint')), published], async () => {
    let content;
    try { content = JSON.parse(await file.files[0].text()); } catch { throw new Error(say('notJson')); }
    await call('POST', `/sandbox/templates?client_id=${encodeURIComponent(app)}&id=${encodeURIComponent(id.value.trim())}&unpublished=${!published.querySelector('input').checked}`, content);
    toast(say('saved'));
    await again();
  });
}
