// Under an item: what is like it, and what is taken together with it, each at one click.
import { number } from './numbers.js';
import { read } from './shared/api.js';
import { button, element, quoted } from './shared/elements.js';
import { bindText, language, say } from './shared/language.js';

const KINDS = ['similar', 'together'];
const SHOWN = 5;

// Adds its buttons to `row`; what they open stands below it, one list at a time.
export function related(row, itemId) {
  const box = element('div', { class: 'related', 'aria-live': 'polite' });
  const toggles = KINDS.map((kind) => button(say().related[kind], () => {
    const opens = toggles[KINDS.indexOf(kind)].getAttribute('aria-expanded') === 'false';
    toggles.forEach((one, n) => one.setAttribute('aria-expanded', String(opens && KINDS[n] === kind)));
    box.replaceChildren();
    if (opens) box.append(list(kind, itemId));
  }, { class: 'quiet', 'aria-expanded': 'false', 'data-kind': kind }));
  row.append(...toggles);
  row.after(box);
}

function list(kind, itemId) {
  const place = element('div', { 'aria-busy': 'true' }, note((words) => words.explanation.waiting));
  read(`/v1/items/${encodeURIComponent(itemId)}/similar`, { k: SHOWN, kind, language })
    .then(({ items }) => place.replaceChildren(items.length
      ? element('ol', { class: 'nearest', 'aria-label': say().related[kind] }, ...items.map(one))
      : note((words) => words.related.none)))
    .catch((error) => place.replaceChildren(note((words) => words.failed(error.message))))
    .finally(() => place.removeAttribute('aria-busy'));
  return place;
}

const note = (choose) => bindText(element('p', { class: 'small' }), choose);

const one = (item) => element('li', { 'data-item': item.item_id },
  quoted(item.title, 'span', { class: 'title' }), ' ',
  item.relation ? element('span', { class: 'mark' }, say().related.relations[item.relation]) : null,
  element('p', { class: 'small' }, quoted(item.reason), item.score === null ? null : ` (${number(item.score)})`));
