// The start page: a card for each application, kept up to date.
import { read } from './shared/api.js';
import { theme, watchControls } from './shared/controls.js';
import { element, find } from './shared/elements.js';
import { refreshTexts, say, speak } from './shared/language.js';
import { texts } from './texts.js';

const PAUSE = 1500;
let applications = [];

function show() {
  refreshTexts();
  find('theme').textContent = say().theme[theme()];
  find('applications').replaceChildren(...applications.map(card));
}

function card(one) {
  const words = say();
  const isReady = one.state === 'ready';
  const link = isReady
    ? element('a', { href: one.url, target: '_blank' }, words.open)
    : element('a', { role: 'link', 'aria-disabled': 'true' }, words.open);
  return element(
    'li', { id: one.name },
    element('h3', {}, words.names[one.name]),
    element('p', {}, words.purposes[one.name]),
    gain(one),
    element('p', { class: 'state', 'data-state': one.state }, state(one)),
    link,
  );
}

function gain(one) {
  if (one.after === null) return null;
  const words = say();
  const note = [words.metrics[one.metric], one.before !== null && words.gain(shown(one, one.before))];
  return element(
    'p', { class: 'gain' },
    element('strong', {}, shown(one, one.after)),
    element('span', { class: 'small' }, note.filter(Boolean).join(' · ')),
  );
}

const shown = (one, value) => (one.metric === 'right_first' ? `${(100 * value).toFixed(1)}\u00a0%` : value.toFixed(3));

function state(one) {
  const words = say();
  return [words.states[one.state], one.release_id && words.release(one.release_id)].filter(Boolean).join(' · ');
}

async function follow() {
  try {
    const next = (await read('/v1/applications')).applications;
    find('trouble').hidden = true;
    if (JSON.stringify(next) !== JSON.stringify(applications)) {
      applications = next;
      show();
    }
  } catch {
    find('trouble').hidden = false;
  }
  setTimeout(follow, PAUSE);
}

speak(texts);
watchControls(show, show);
show();
follow();
