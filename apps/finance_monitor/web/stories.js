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
  const judged = companies(one);
  const others = one.entities.filter((name) => !judged.some((target) => target.entity === name));
  const facts = [time(one.published_at), one.source, ...others, one.duplicate_of ? say().copyOf : null,
    one.routed_to ? say().routedTo(one.routed_to) : null,
    one.decided_by ? say().byRule([one.decided_by.rule, ...one.decided_by.further].join(', ')) : null];
  const text = one.title ?? (one.text ?? '').split('\n')[0];
  const choices = [...(hasSentiment(one) ? [sentiment(one, correct)] : []), ...(topics.length ? [topic(one, topics, correct)] : [])];
  const list = element('ul', { class: 'companies small', 'aria-label': say().companies },
    ...judged.map((target) => company(one, target, correct)));
  return element('li', {}, headline(text, one.url),
    element('span', { class: 'small' }, ...choices, facts.filter(Boolean).join(' · ')),
    ...reasons(one), ...(judged.length ? [list] : []));
}

// Those with a sentiment of their own; the only one of a text has that of the text, if that was judged.
const companies = (one) => one.targets.filter((target) => one.targets.length > 1
  || !isJudged(one) || target.sentiment !== one.sentiment.label);

// A release may know no sentiment of texts; a rule may have decided it.
const isJudged = (one) => Object.keys(one.sentiment.probabilities).length > 0;
const hasSentiment = (one) => isJudged(one) || Boolean(one.sentiment.label);

function company(one, target, correct) {
  return element('li', {}, quoted(target.entity), ' ', towards(one, target, correct), ...reasons(one, target.entity));
}

// A button that asks the server why, and what it said: of the text, or of one company.
function reasons(one, name = null) {
  const key = JSON.stringify([one.id, name]);
  const path = `/v1/stories/${encodeURIComponent(one.id)}/explanation`;
  const options = { nameOf: nameOf(one, name), parameters: name ? { company: name } : {} };
  const place = element('div');
  const toggle = button(say().explanation.button, () => {
    if (explained.has(key)) explained.delete(key);
    else explained.set(key, explanation(path, options));
    open();
  }, { class: 'quiet', 'aria-label': name ? say().explanation.buttonOf(name) : null });
  const open = () => {
    const found = explained.get(key);
    toggle.setAttribute('aria-expanded', String(Boolean(found)));
    place.replaceChildren(...(found ? [found] : []));
  };
  open();
  return [toggle, place];
}

const nameOf = (one, company) => (name) => {
  const words = say().sentiment[name] ?? one.shown_as?.[name] ?? say().topics[name] ?? name;
  return company ? say().towards(words, company) : words;
};

const sentiment = (one, correct) => choice(one, {
  of: 'sentiment', kind: 'sentiment', names: LABELS, seen: one.sentiment.label, words: say().sentiment,
  none: one.sentiment.label ? null : say().sentiment.none, title: say().correct.sentiment,
}, (value) => correct({ story_id: one.id, sentiment: value }));

const topic = (one, topics, correct) => choice(one, {
  of: 'topics', kind: 'topics', names: topics, seen: one.topics[0]?.name, words: say().topics,
  none: say().noTopic, title: say().correct.topics,
}, (value) => correct({ story_id: one.id, topics: value ? [value] : [] }));

const towards = (one, { entity, sentiment: seen }, correct) => choice(one, {
  of: `target ${entity}`, kind: 'sentiment', names: LABELS, seen, words: say().sentiment,
  none: seen ? null : say().sentiment.none, title: say().correct.towards(entity),
}, (value) => correct({ story_id: one.id, targets: [{ entity, sentiment: value }] }));

// What the model saw, as a list to choose what is right from. `none`: the words where it saw nothing.
function choice(one, { of, kind, names, seen, words, none, title }, send) {
  const key = `${one.id} ${of}`;
  const current = corrected.get(key) ?? seen ?? '';
  const options = names.map((name) => option(name, one.shown_as?.[name] ?? words[name] ?? name, current));
  if (none) options.unshift(option('', none, current));
  const select = element('select', {
    class: kind, 'data-label': current || 'none', 'aria-label': title, title,
    'data-corrected': corrected.has(key) ? '' : null,
  }, ...options);
  select.addEventListener('change', async () => {
    const { value } = select;
    select.blur();
    if (await send(value)) corrected.set(key, value);
    else select.value = current;
  });
  return select;
}

const option = (value, words, current) =>
  element('option', { value, selected: value === current ? '' : null }, words);
