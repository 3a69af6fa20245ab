// A list of any length of which only the rows on the screen exist. All rows are `height` pixels high.
import { el } from './dom.js';

const BEYOND = 6;

export function rows(height, draw, label) {
  const space = el('div', { class: 'rows-space', role: 'list', ariaLabel: label });
  const node = el('div', { class: 'rows' }, space);
  let items = [];
  let drawn = new Map();
  let waiting;
  function show() {
    waiting = undefined;
    const first = Math.max(0, Math.floor(node.scrollTop / height) - BEYOND);
    const last = Math.min(items.length, Math.ceil((node.scrollTop + node.clientHeight) / height) + BEYOND);
    const next = new Map();
    for (let at = first; at < last; at += 1) {
      const item = items[at];
      const row = drawn.get(item) ?? draw(item);
      row.style.transform = `translateY(${at * height}px)`;
      row.style.height = `${height}px`;
      row.setAttribute('aria-posinset', at + 1);
      row.setAttribute('aria-setsize', items.length);
      next.set(item, row);
    }
    for (const [item, row] of drawn) if (!next.has(item)) row.remove();
    // In the document as on the screen, so that the tab key goes down the list.
    let here = space.firstChild;
    for (const row of next.values()) {
      if (row === here) here = here.nextSibling;
      else space.insertBefore(row, here);
    }
    drawn = next;
  }
  const soon = () => { waiting ??= requestAnimationFrame(show); };
  node.addEventListener('scroll', soon, { passive: true });
  new ResizeObserver(soon).observe(node);
  return {
    node,
    // `afresh` draws known items again.
    set(list, afresh = false) {
      items = list;
      if (afresh) {
        for (const row of drawn.values()) row.remove();
        drawn = new Map();
      }
      space.style.height = `${items.length * height}px`;
      soon();
    },
  };
}
