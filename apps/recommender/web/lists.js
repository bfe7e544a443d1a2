// The two lists: what a user did, and what is ranked for them.
import { number, percent } from './numbers.js';
import { button, element, find, quoted } from './shared/elements.js';
import { related } from './related.js';
import { explanation } from './shared/explanation.js';
import { say, time } from './shared/language.js';

const EVENTS_SHOWN = 3;
const facts = (...parts) => parts.filter((part) => part !== null).flatMap((part, n) => (n ? [' · ', part] : [part]));
const price = ({ price: paid }) => (paid === null ? null : paid === 0 ? say().free : say().price(number(paid)));
const title = (one) => quoted(one.title ?? one.item_id, 'p', { class: 'title' });

export function showHistory(history) {
  const rows = history.events.map(done);
  if (!rows.length) rows.push(element('li', { class: 'small' }, say().noHistory));
  find('history').replaceChildren(...rows);
  find('past-note').textContent = rows.length && history.total ? say().events(history.events.length, history.total) : '';
}

function done(event) {
  return element('li', { class: 'event', 'data-item': event.item_id, tabindex: -1 },
    title(event),
    element('p', { class: 'small' }, ...facts(
      element('span', { class: 'behavior', 'data-behavior': event.behavior }, say().behaviors[event.behavior]),
      element('time', { datetime: event.timestamp }, time(event.timestamp, { year: 'numeric' })),
      event.category && quoted(event.category),
      price(event),
      event.rating !== null ? say().rated(number(event.rating)) : null,
      event.title === null ? say().gone : null)));
}

export function showRanking(ranking) {
  const scores = ranking.items.map((one) => one.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  // The bar shows where a score lies in this list: scores have no zero of their own.
  const width = (score) => (high > low ? 8 + (92 * (score - low)) / (high - low) : 100);
  const rows = ranking.items.map((one) => place(one, width(one.score), ranking.user_id));
  if (!rows.length) rows.push(element('li', { class: 'small' }, say().noRanking));
  find('ranking').replaceChildren(...rows);
  const note = find('next-note');
  note.replaceChildren(quoted(say().by(ranking.user_id, ranking.model_id)));
  if (ranking.items.some((one) => one.cold_user)) note.append(' ', mark('coldUser'));
}

const mark = (name) => element('span', { class: 'mark', 'data-mark': name }, say()[name]);

function place(one, width, user) {
  const bar = element('i');
  // The page's policy allows styles set so, but none in attributes.
  bar.style.width = `${width}%`;
  return element('li', { class: 'place', 'data-item': one.item_id },
    element('span', { class: 'rank' }, number(one.rank)),
    element('div', {},
      title(one),
      element('p', { class: 'small' }, ...facts(
        one.category && quoted(one.shown_as?.[one.category] ?? one.category),
        price(one),
        one.decided_by ? say().byRule(one.decided_by.rule) : say().sources[one.source],
        one.cold_item ? mark('coldItem') : null,
        one.explored ? mark('explored') : null)),
      element('p', { class: 'figures' },
        element('span', { class: 'bar', 'aria-hidden': 'true' }, bar),
        element('span', {}, say().score(number(one.score, { minimumFractionDigits: 2 }))),
        one.p_click === null ? null : element('span', {}, say().click(percent(one.p_click))),
        one.p_purchase === null ? null : element('span', {}, say().purchase(percent(one.p_purchase)))),
      one.reasons.length ? element('ul', { class: 'reasons', 'aria-label': say().reasons }, ...one.reasons.map(reason)) : null,
      words(one, user)));
}

// Buttons that ask the server which words and which events speak for an item, and what goes with it.
function words(one, user) {
  const box = element('div', {});
  const row = element('div', { class: 'more' });
  const path = `/v1/users/${encodeURIComponent(user)}/explanation`;
  let opened = null;
  const toggle = button(say().explanation.button, () => {
    toggle.setAttribute('aria-expanded', String(!opened));
    if (opened) {
      opened.remove();
      opened = null;
    } else {
      opened = explanation(path, { more: pastEvents, parameters: { item_id: one.item_id } });
      box.append(opened);
    }
  }, { class: 'quiet', 'aria-expanded': 'false' });
  row.append(toggle);
  box.append(row);
  related(row, one.item_id);
  return box;
}

const pastEvents = ({ events: past }) => [
  element('p', { class: 'small' }, say().pastEvents),
  element('ul', { class: 'nearest' }, ...past.filter((event) => event.weight > 0).slice(0, EVENTS_SHOWN).map((event) =>
    element('li', {}, `${say().behaviors[event.behavior]} `, quoted(event.title), ` (${number(event.weight, { maximumFractionDigits: 3 })})`))),
];

function reason(one) {
  const row = one.item_id === null ? null : eventOf(one.item_id);
  if (!row) return element('li', { 'data-kind': one.kind }, quoted(one.text));
  const link = element('button', { type: 'button', class: 'link', title: say().show }, quoted(one.text));
  link.addEventListener('click', () => point(one.item_id));
  return element('li', { 'data-kind': one.kind }, link);
}

const events = () => [...find('history').querySelectorAll('.event')];
const eventOf = (id) => events().find((row) => row.dataset.item === id);

function point(id) {
  for (const row of events()) row.classList.toggle('pointed', row.dataset.item === id);
  const row = eventOf(id);
  row?.scrollIntoView({ block: 'nearest' });
  row?.focus({ preventScroll: true });
}
