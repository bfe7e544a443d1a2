// A reply that is composed of several sources: each sentence with a mark, and what the marks stand for.
import { icon } from './icon.js';
import { element, linkTo, quoted } from './shared/elements.js';
import { bindText, say } from './shared/language.js';

export function composed(found) {
  const sources = [...new Map(found.sentences.map(({ source }) => [source.id, source])).values()];
  const text = element('p', { class: 'text composed' });
  for (const sentence of found.sentences) {
    const number = sources.findIndex((one) => one.id === sentence.source.id);
    text.append(quoted(sentence.text), mark(number, sources[number]), ' ');
  }
  const listed = element('ol', { class: 'sources' }, ...sources.map(listing));
  return [text, bindText(element('p', { class: 'small' }), (words) => words.composed), listed];
}

function mark(number, source) {
  const shown = element('sup', { class: 'mark', title: name(source) }, String(number + 1));
  shown.setAttribute('aria-label', `${say().source} ${number + 1}`);
  return shown;
}

function listing(source) {
  const link = linkTo(source.url);
  const cited = quoted(name(source), 'cite');
  if (!link) return element('li', {}, cited);
  const opens = bindText(element('span', { class: 'unseen' }), (words) => words.opensTab);
  return element('li', {}, element('a', link, cited, opens, icon('out')));
}

// An FAQ's question; of a document its headings, and the page.
function name(source) {
  const title = source.title.replaceAll(' > ', ' › ');
  return source.page ? `${title} (${say().page(source.page)})` : title;
}
