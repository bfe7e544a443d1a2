// Which tickets the inbox lists: their status, state and queue, what is looked for, and the page of them.
import { button, element, find } from './shared/elements.js';
import { say } from './shared/language.js';

const SHOWN = 50;
const STATUSES = ['open', 'closed'];
const STATES = ['', 'waiting', 'answered', 'unassigned', 'mine'];
const TYPED_MS = 300;

const wanted = { status: 'open', state: '', queue: '', search: '', offset: 0 };
let found = { rows: [], total: 0, counts: {}, queues: [], people: [] };
let changed = () => {};

// `chosen` is called when something else is to be listed.
export function watchList(chosen) {
  changed = chosen;
  let typed = null;
  find('search').addEventListener('input', () => {
    clearTimeout(typed);
    typed = setTimeout(() => choose({ search: find('search').value.trim() }), TYPED_MS);
  });
  find('state').addEventListener('change', () => choose({ state: find('state').value }));
  find('queue').addEventListener('change', () => choose({ queue: find('queue').value }));
}

function choose(more) {
  Object.assign(wanted, { offset: 0 }, more);
  changed();
}

// What is asked of the server; null: it does not matter.
export function query() {
  const { status, state, queue, search, offset } = wanted;
  const isMine = state === 'mine';
  return {
    status, offset, limit: SHOWN,
    state: isMine ? null : state || null,
    mine: isMine || null,
    author: isMine ? find('author').value.trim() || null : null,
    queue: queue || null,
    search: search || null,
  };
}

export const isSearching = () => Boolean(wanted.search);

export const colleagues = () => found.people;

// Whether the page asked for is there; after the last one was emptied, the one before it is.
export function take(listed) {
  found = listed;
  if (listed.rows.length || !wanted.offset) return true;
  wanted.offset = Math.max(0, wanted.offset - SHOWN);
  return false;
}

export function showList() {
  find('filters').replaceChildren(...STATUSES.map(filter));
  label(find('search'), say().search);
  find('search').placeholder = say().search;
  options(find('state'), STATES, (name) => say().state[name], wanted.state, say().stateOf);
  // One that is chosen stays, though nothing is left in it.
  const queues = ['', ...new Set([...found.queues, ...(wanted.queue ? [wanted.queue] : [])])];
  options(find('queue'), queues, (name) => name || say().anyQueue, wanted.queue, say().queueOf);
  find('queue').hidden = queues.length === 1;
  find('pages').replaceChildren(...pages());
  find('pages').hidden = !find('pages').children.length;
  find('none').hidden = found.rows.length > 0;
  const isNarrow = wanted.status === 'closed' || wanted.state || wanted.queue || wanted.search;
  find('none').textContent = isNarrow ? say().noneFound : say().none;
}

function filter(name) {
  return button(`${say().status[name]} ${found.counts[name] ?? 0}`, () => choose({ status: name }),
    { 'aria-pressed': String(name === wanted.status) });
}

function options(select, values, words, chosen, name) {
  label(select, name);
  const shown = values.map(words);
  // Made anew only where it differs: somebody may have it open.
  if (JSON.stringify([...select.options].map((one) => one.text)) !== JSON.stringify(shown)) {
    select.replaceChildren(...values.map((value, place) => element('option', { value }, shown[place])));
  }
  select.value = chosen;
}

function label(node, words) {
  node.setAttribute('aria-label', words);
}

function pages() {
  const { offset } = wanted;
  const end = offset + found.rows.length;
  if (found.total <= found.rows.length) return [];
  const turn = (words, to, isThere) => button(words, () => choose({ offset: to }), isThere ? {} : { disabled: '' });
  return [
    turn(say().earlier, Math.max(0, offset - SHOWN), offset > 0),
    element('span', { class: 'small' }, say().of(offset + 1, end, found.total)),
    turn(say().later, offset + SHOWN, end < found.total),
  ];
}
