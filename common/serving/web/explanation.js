// Why a model decided so: the text with its words shaded by how much they count, and what was learned of the kind.
import { read } from './api.js';
import { element, quoted } from './elements.js';
import { bindText, language } from './language.js';

// Below this share of the strongest weight a word is left unshaded.
const FAINTEST = 0.1;
const SPOKEN_WORDS = 5;

// A place that is filled once the server has said why; `nameOf` shows what a score speaks for, `more` what else is
// told of it.
export function explanation(path, { nameOf = (name) => name, more = () => [], parameters = {} } = {}) {
  const place = element('div', { class: 'explanation', 'aria-live': 'polite', 'aria-busy': 'true' });
  place.append(words((say) => say.waiting));
  read(path, parameters)
    .then((found) => place.replaceChildren(...shown(found, nameOf), ...more(found)))
    .catch((error) => place.replaceChildren(words((say) => say.failed(error.message))))
    .finally(() => place.removeAttribute('aria-busy'));
  return place;
}

const words = (choose, attributes = { class: 'small' }) =>
  bindText(element('p', attributes), (all) => choose(all.explanation));

function shown({ text, attributions, shared = [], neighbours = [], sentences = {} }, nameOf) {
  const parts = attributions.flatMap((one) => attribution(text, one, nameOf));
  if (parts.length) parts.push(legend());
  if (sentences.customer) parts.unshift(sentence(sentences.customer));
  if (shared.length) {
    parts.push(words((say) => say.shared), element('p', { class: 'small' }, ...shared.flatMap((word) => [quoted(word), ' '])));
  }
  if (neighbours.length) {
    parts.push(words((say) => say.nearest), element('ul', { class: 'nearest' }, ...neighbours.map(neighbour)));
  }
  if (sentences.auditor) parts.push(forTheRecord(sentences.auditor));
  return parts.length ? parts : [words((say) => say.nothing)];
}

const sentence = (inLanguages, kind = 'sentence') =>
  bindText(element('p', { class: kind }), () => inLanguages[language]);

const forTheRecord = (inLanguages) =>
  element('details', { class: 'small' },
    bindText(element('summary'), (all) => all.explanation.audited), sentence(inLanguages, 'small'));

function attribution(text, one, nameOf) {
  return [
    words((say) => say.towards(nameOf(one.towards)), { class: 'small towards' }),
    shaded(text, one.words),
    words((say) => say.spoken(strongest(one.words, 1), strongest(one.words, -1)), { class: 'unseen' }),
  ];
}

function shaded(text, weighed) {
  const most = Math.max(...weighed.map((word) => Math.abs(word.weight)), 0);
  const line = quoted('', 'p', { class: 'shaded' });
  // The places count characters, and those of a string of the page are halves of some.
  const letters = [...text];
  const cut = (start, end) => letters.slice(start, end).join('');
  let place = 0;
  for (const word of weighed) {
    const share = most ? Math.abs(word.weight) / most : 0;
    line.append(cut(place, word.start));
    line.append(share < FAINTEST ? cut(word.start, word.end) : mark(cut(word.start, word.end), word.weight, share));
    place = word.end;
  }
  line.append(cut(place));
  return line;
}

function mark(text, weight, share) {
  const made = element('mark', { 'data-speaks': weight > 0 ? 'for' : 'against', title: weight.toFixed(3) }, text);
  made.style.setProperty('--share', share.toFixed(2));
  return made;
}

function strongest(weighed, sign) {
  return weighed
    .filter((word) => word.weight * sign > 0)
    .sort((one, other) => (other.weight - one.weight) * sign)
    .slice(0, SPOKEN_WORDS)
    .map((word) => word.text);
}

function legend() {
  const key = (speaks, choose) => {
    const sample = bindText(element('mark', { 'data-speaks': speaks }), (all) => choose(all.explanation));
    sample.style.setProperty('--share', '0.6');
    return sample;
  };
  return element('p', { class: 'small legend' }, key('for', (say) => say.for), ' ', key('against', (say) => say.against));
}

function neighbour(one) {
  return element('li', {}, quoted(one.text), ' ', quoted(`${one.label} · ${one.cosine.toFixed(2)}`, 'span', { class: 'small' }));
}
