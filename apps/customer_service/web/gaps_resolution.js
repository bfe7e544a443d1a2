// What was answered for good, on the page "Gaps": by week as bars, by topic and language as a table.
import { read } from './shared/api.js';
import { button, drawn, element, find, quoted } from './shared/elements.js';
import { say } from './shared/language.js';

const ENDED = ['durable', 'came_back', 'not_answered', 'too_early'];
const WAYS = ['week', 'topic', 'language'];
// A shorter time tells too little of what customers come back with.
const FEWEST_DAYS = 28;
const MOST_GROUPS = 20;
const WIDTH = 900;
const HEIGHT = 150;
const FOOT = 20;
const WIDEST_BAR = 60;

let by = 'week';
let found = null;
let reload = () => {};

// `changed` loads anew once another grouping is chosen.
export function watchResolution(changed) {
  reload = changed;
}

export async function readResolution(days) {
  const asked = by;
  const rows = await read('/v1/resolution', { days: Math.max(days, FEWEST_DAYS), by: asked });
  return () => { if (asked === by) found = rows; };
}

export function showResolution() {
  find('settled').hidden = !found?.rows.length;
  if (find('settled').hidden) return;
  find('ways').replaceChildren(...WAYS.map(way));
  find('weeks').replaceChildren(found.by === 'week' ? chart(found.rows) : table(found.rows));
  find('legend').replaceChildren(...ENDED.map((name) =>
    element('span', { 'data-ended': name }, element('i'), say().ended[name])));
  find('legend').hidden = found.by !== 'week';
  find('counted').hidden = !found.is_cut;
}

function way(name) {
  const choose = () => { by = name; reload(); };
  return button(say().by[name], choose, { 'aria-pressed': String(name === by) });
}

// One bar a week, from what was settled at its foot to what cannot be told yet.
function chart(weeks) {
  const most = Math.max(...weeks.map((row) => row.contacts), 1);
  const step = WIDTH / weeks.length;
  const width = Math.min(0.7 * step, WIDEST_BAR);
  const bars = weeks.map((row, place) => {
    let top = HEIGHT;
    const parts = ENDED.map((name) => {
      const height = (HEIGHT * row[name]) / most;
      top -= height;
      return drawn('rect', { 'data-ended': name, x: (place + 0.5) * step - width / 2, y: top, width, height });
    });
    const told = ENDED.map((name) => `${say().ended[name]} ${row[name]}`).join(', ');
    const title = drawn('title', {}, say().week(row.group, told));
    const label = drawn('text', { x: (place + 0.5) * step, y: HEIGHT + FOOT - 4 }, row.group.slice(5));
    return drawn('g', {}, title, ...parts, label);
  });
  return drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, role: 'img', 'aria-label': say().chart }, ...bars);
}

function table(rows) {
  const shown = rows.slice(0, MOST_GROUPS);
  const names = ['contacts', ...ENDED];
  const heads = [say().groups[found.by], say().contacts, ...ENDED.map((name) => say().ended[name]), say().share];
  const made = element('table', {},
    element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head)))),
    element('tbody', {}, ...shown.map((row) => element('tr', {},
      quoted(nameOf(row.group), 'th', { scope: 'row' }),
      ...names.map((name) => element('td', {}, String(row[name]))),
      element('td', {}, row.share === null ? '–' : `${Math.round(100 * row.share)}\u00a0%`)))));
  const more = rows.length > shown.length ? element('p', { class: 'small' }, say().moreGroups(rows.length - shown.length)) : null;
  return element('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': say().settled }, made, more ?? '');
}

function nameOf(group) {
  return (found.by === 'language' ? say().languages[group] : group) || say().noName;
}
