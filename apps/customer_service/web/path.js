// The source of an answer that follows from facts: each fact, and the row that states it.
import { element, linkTo, quoted } from './shared/elements.js';
import { bindText } from './shared/language.js';

export function pathOf(path) {
  const parts = [bindText(element('p', { class: 'small' }), (words) => words.byFacts)];
  if (path.instead_of) parts.push(bindText(element('p', { class: 'small' }), (words) => words.insteadOf));
  return element('div', { class: 'path' }, ...parts, element('ol', { class: 'sources' }, ...path.facts.map(listing)));
}

function listing(fact) {
  const cited = quoted(fact.text, 'cite', { title: fact.place });
  const link = fact.source && linkTo(fact.source);
  if (link) return element('li', {}, element('a', link, cited));
  return element('li', {}, cited, fact.source ? quoted(` (${fact.source})`) : '');
}
