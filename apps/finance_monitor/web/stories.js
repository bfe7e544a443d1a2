// Stories: the latest, and how a headline leads to where it stands.
import { fill } from './fill.js';
import { element, find, linkTo, quoted } from './shared/elements.js';
import { say, time } from './shared/language.js';

export function showStories(stories) {
  fill(find('stories'), stories, () => (stories.length
    ? stories.map(line)
    : [element('li', { class: 'small' }, say().nothingYet)]));
}

export function headline(text, url) {
  const link = linkTo(url);
  return quoted(text, link ? 'a' : 'span', link ?? {});
}

function line(one) {
  const label = one.sentiment.label ?? 'none';
  const facts = [time(one.published_at), one.source, ...one.topics.map((t) => say().topics[t.name] ?? t.name), ...one.entities, one.duplicate_of ? say().copyOf : null];
  const text = one.title ?? (one.text ?? '').split('\n')[0];
  return element('li', {}, headline(text, one.url),
    element('span', { class: 'small' },
      element('span', { class: 'sentiment', 'data-label': label }, say().sentiment[label]),
      ` · ${facts.filter(Boolean).join(' · ')}`));
}
