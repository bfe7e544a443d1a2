// Stories: the latest, and how a headline leads to where it stands.
import { fill } from './fill.js';
import { asked } from './filters.js';
import { button, element, find, linkTo, quoted } from './shared/elements.js';
import { explanation } from './shared/explanation.js';
import { say, time } from './shared/language.js';

const LABELS = ['positive', 'neutral', 'negative'];

// What this page corrected, by story and label: shown until the page is left.
const corrected = new Map();
// What was asked why, by story: open until it is closed.
const explained = new Map();

// `correct` sends what is right of a story, and says whether it was taken.
export function showStories(stories, topics, correct) {
  // Whoever is choosing keeps the list that they choose from.
  if (document.activeElement?.matches('#stories select')) return;
  fill(find('stories'), [stories, topics, [...corrected]], () => (stories.length
    ? stories.map((one) => line(one, topics, correct))
    : [element('li', { class: 'small' }, Object.keys(asked()).length ? say().nothingFound : say().nothingYet)]));
}

export function headline(text, url) {
  const link = linkTo(url);
  return quoted(text, link ? 'a' : 'span', link ?? {});
}

function line(one, topics, correct) {
  const facts = [time(one.published_at), one.source, ...one.entities, one.duplicate_of ? say().copyOf : null,
    one.routed_to ? say().routedTo(one.routed_to) : null,
    one.decided_by ? say().byRule([one.decided_by.rule, ...one.decided_by.further].join(', ')) : null];
  const text = one.title ?? (one.text ?? '').split('\n')[0];
  const choices = [choice(one, 'sentiment', LABELS, one.sentiment.label, say().sentiment, correct)];
  if (topics.length) choices.push(choice(one, 'topics', topics, one.topics[0]?.name, say().topics, correct));
  return element('li', {}, headline(text, one.url),
    element('span', { class: 'small' }, ...choices, facts.filter(Boolean).join(' · ')), ...reasons(one));
}

// A button that asks the server why, and what it said.
function reasons(one) {
  const place = element('div');
  const toggle = button(say().explanation.button, () => {
    if (explained.has(one.id)) explained.delete(one.id);
    else explained.set(one.id, explanation(`/v1/stories/${encodeURIComponent(one.id)}/explanation`, { nameOf: nameOf(one) }));
    open();
  }, { class: 'quiet' });
  const open = () => {
    const found = explained.get(one.id);
    toggle.setAttribute('aria-expanded', String(Boolean(found)));
    place.replaceChildren(...(found ? [found] : []));
  };
  open();
  return [toggle, place];
}

const nameOf = (one) => (name) => say().sentiment[name] ?? one.shown_as?.[name] ?? say().topics[name] ?? name;

// What the model saw, as a list to choose what is right from.
function choice(one, label, names, seen, words, correct) {
  const key = `${one.id} ${label}`;
  const current = corrected.get(key) ?? seen ?? '';
  const none = label === 'topics' ? say().noTopic : say().sentiment.none;
  const options = names.map((name) => option(name, one.shown_as?.[name] ?? words[name] ?? name, current));
  if (label === 'topics' || !seen) options.unshift(option('', none, current));
  const select = element('select', {
    class: label, 'data-label': current || 'none', 'aria-label': say().correct[label],
    title: say().correct[label], 'data-corrected': corrected.has(key) ? '' : null,
  }, ...options);
  select.addEventListener('change', async () => {
    const { value } = select;
    select.blur();
    const right = label === 'topics' ? { topics: value ? [value] : [] } : { sentiment: value };
    if (await correct({ story_id: one.id, ...right })) corrected.set(key, value);
    else select.value = current;
  });
  return select;
}

const option = (value, words, current) =>
  element('option', { value, selected: value === current ? '' : null }, words);
