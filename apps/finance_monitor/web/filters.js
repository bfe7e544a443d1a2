// What narrows the page: a watchlist for all of it, and a search over its stories.
import { fill } from './fill.js';
import { element, find } from './shared/elements.js';
import { say } from './shared/language.js';
import { recall, remember } from './shared/memory.js';

const LABELS = ['positive', 'neutral', 'negative'];
// How long nobody types before what was typed is looked for, in milliseconds.
const PAUSE = 400;
const search = {};
let typing = 0;

// The list that was chosen, if it is still there.
export const chosenList = (lists) => lists.find((one) => one.name === recall('watchlist'))?.name ?? null;

export function showWatchlists(lists, changed) {
  const select = find('watchlist');
  select.hidden = lists.length === 0;
  select.setAttribute('aria-label', say().watchlists);
  const current = chosenList(lists) ?? '';
  select.onchange = () => { remember('watchlist', select.value); changed(); };
  fill(select, [lists, current], () => [['', say().everything], ...lists.map(({ name }) => [name, name])]
    .map(([value, words]) => option(value, words, current)));
}

// What is looked for, by the names of the server; what is empty is not asked.
export const asked = () => Object.fromEntries(Object.entries(search).filter(([, value]) => value));

export function showSearch(topics, changed) {
  const form = find('search');
  // Whoever is typing keeps the field that they type in.
  if (form.contains(document.activeElement)) return;
  form.onsubmit = (event) => event.preventDefault();
  fill(form, [topics], () => [
    field('q', 'search', changed),
    field('company', 'text', changed),
    choice('topic', topics.map((name) => [name, say().topics[name] ?? name]), changed),
    choice('sentiment', LABELS.map((name) => [name, say().sentiment[name]]), changed),
    field('from', 'date', changed),
    field('to', 'date', changed),
  ]);
}

function field(name, type, changed) {
  const input = element('input', { type, id: `search-${name}`, value: search[name] ?? '' });
  input.addEventListener('input', () => {
    search[name] = input.value.trim();
    clearTimeout(typing);
    typing = setTimeout(changed, PAUSE);
  });
  return element('label', {}, say().search[name], input);
}

function choice(name, options, changed) {
  const current = search[name] ?? '';
  const select = element('select', { id: `search-${name}` },
    ...[['', say().search.any], ...options].map(([value, words]) => option(value, words, current)));
  select.addEventListener('change', () => { search[name] = select.value; changed(); });
  return element('label', {}, say().search[name], select);
}

const option = (value, words, current) =>
  element('option', { value, selected: value === current ? '' : null }, words);
