// A release beside the one that serves, and what came of it until now.
import { number } from './numbers.js';
import { read } from './shared/api.js';
import { element, find, quoted } from './shared/elements.js';
import { say, time } from './shared/language.js';

let running = null;

export async function refreshExperiment() {
  ({ experiment: running } = await read('/v1/experiment'));
  showExperiment();
}

export function showExperiment() {
  find('experiment').hidden = !running;
  if (!running) return;
  const words = say().outcome;
  const [first] = running.outcomes;
  const counts = (name) => [number(first.serving[name]), number(first.other[name]), ''];
  const share = number(running.share, { style: 'percent' });
  find('experiment-note').replaceChildren(quoted(words.who(running.release_id, share, time(running.since, { year: 'numeric' }))));
  find('outcomes').replaceChildren(
    element('thead', {}, element('tr', {}, ...['', words.serving, words.other, words.difference].map((text) => element('th', { scope: 'col' }, text)))),
    element('tbody', {},
      row(words.users, ...counts('users')),
      row(words.shown, ...counts('shown')),
      ...running.outcomes.map((one) => row(one.behavior === 'taken' ? words.taken : quoted(one.behavior),
        rate(one.serving.rate), rate(one.other.rate), difference(one)))));
  find('verdict').textContent = first.difference === null ? words.tooFew : words.verdict(first.is_shown, first.difference > 0);
}

const row = (name, ...cells) => element('tr', {}, element('th', { scope: 'row' }, name), ...cells.map((text) => element('td', {}, text)));
const rate = (share, options = {}) => number(share, { style: 'percent', minimumFractionDigits: 2, ...options });
const signed = (share) => number(100 * share, { minimumFractionDigits: 2, signDisplay: 'exceptZero' });
const difference = ({ difference: value, low, high }) => (value === null ? say().outcome.few : say().outcome.between(signed(value), signed(low), signed(high)));
