// Shows what went wrong with a question, and the way on from there.
import { icon } from './icon.js';
import { LostError } from './shared/api.js';
import { button, element } from './shared/elements.js';
import { bindText } from './shared/language.js';

const SECONDS_SHOWN = 90;
// The same question would be refused again.
const NEEDS_EDITING = [413, 422];

export function showProblem(reply, error, { retry, edit }) {
  reply.dataset.decision = 'problem';
  const words = bindText(element('p', { class: 'text' }), (spoken) => explain(error, spoken));
  const row = element('div', { class: 'row' });
  const again = bindText(button('', retry), (spoken) => spoken.retry);
  if (!NEEDS_EDITING.includes(error.status)) row.append(again);
  row.append(bindText(button('', edit), (spoken) => spoken.edit));
  const said = element('div', { class: 'said' }, words, row);
  reply.replaceChildren(element('div', { class: 'callout' }, icon('warning'), said));
  if (error.retryAfter) countDown(error.retryAfter, words, again);
}

export function explain(error, words) {
  if (error.retryAfter) return words.busy(wait(error.retryAfter, words));
  if (error.status === 429) return words.busyOver;
  if (error.status === 413) return words.tooLong;
  if (error.status === 401) return words.needsKey;
  if (error instanceof LostError) return words.lost;
  return words.failed(error.message);
}

function wait(seconds, words) {
  return seconds > SECONDS_SHOWN ? words.minutes(Math.ceil(seconds / 60)) : words.seconds(seconds);
}

function showWait(seconds, text, again) {
  bindText(text, (words) => words.busy(wait(seconds, words)));
  bindText(again, (words) => words.retryIn(wait(seconds, words)));
}

function countDown(seconds, text, again) {
  // Counted from the clock: timers rest while the machine sleeps.
  const until = Date.now() + 1000 * seconds;
  again.disabled = true;
  showWait(seconds, text, again);
  const timer = setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0) {
      showWait(left, text, again);
      return;
    }
    clearInterval(timer);
    again.disabled = false;
    bindText(again, (words) => words.retry);
    bindText(text, (words) => words.busyOver);
  }, 250);
}
