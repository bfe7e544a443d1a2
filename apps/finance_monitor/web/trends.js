// Trends: one small picture for each key, drawn from its windows.
import { nameOf } from './alerts.js';
import { fill } from './fill.js';
import { priceFigure } from './prices.js';
import { drawn, element, find, quoted } from './shared/elements.js';
import { language, say, time } from './shared/language.js';

const MOST_SHOWN = 12;
const HEIGHT = 60;
// What an axis ends at, times a power of ten: halves are whole, and one story never fills the height.
const ROUND = [4, 10, 20];

export function showTrends(trends, cases) {
  const firing = new Map(cases
    .filter((one) => one.alert.status !== 'resolved' && !one.closed_at)
    .map((one) => [one.alert.key, one.alert.severity]));
  const shocks = new Map(trends.keys.map((key) => [key.key, shocksOf(key, cases)]));
  // What fires goes first, then whom that hits, with news of their own or without.
  const rank = ({ key }) => (firing.has(key) ? 2 : Number(shocks.get(key).length > 0));
  const ranked = [...trends.keys].sort((a, b) => rank(b) - rank(a));
  const busiest = ranked.filter((key) => key.stories).slice(0, MOST_SHOWN);
  const shown = ranked.filter((key) => busiest.includes(key) || shocks.get(key.key).length);
  fill(find('trends'), [shown, trends.starts, [...firing], [...shocks]], () => (shown.length
    ? shown.map((key) => figure(key, trends.starts, firing.get(key.key), shocks.get(key.key)))
    : [element('p', { class: 'small' }, say().nothingYet)]));
}

// Open alerts of other companies that this one is exposed to.
function shocksOf({ key, name }, cases) {
  if (!key.startsWith('company/')) return [];
  return cases
    .filter(({ alert, closed_at: closed, muted_by: muted }) => alert.status !== 'resolved' && !closed && !muted)
    .flatMap(({ alert }) => alert.exposed.filter(({ company }) => company === name)
      .map(({ strength }) => [Math.round(100 * strength), nameOf(alert.key)]));
}

function figure(key, starts, severity, shocks) {
  const name = nameOf(key.key);
  const words = say().chart(name, key.negative, key.stories);
  const top = axisTop(Math.max(0, ...key.windows.map((one) => Math.max(one.stories, one.expected))));
  return element('figure', { class: 'trend', 'data-severity': severity, 'data-key': key.key },
    element('figcaption', {}, quoted(name), element('span', {}, `${key.negative} / ${key.stories}`)),
    ...shocks.map((shock) => element('span', { class: 'small indirect' }, say().indirectly(...shock))),
    element('div', { class: 'plot' },
      element('div', { class: 'axis', 'aria-hidden': 'true' },
        ...[top, top / 2, 0].map((value) => element('span', {}, value.toLocaleString(language)))),
      picture(key.windows, top, words)),
    element('span', { class: 'span' },
      element('span', {}, time(starts[0])), element('span', {}, time(starts.at(-1)))),
    priceFigure(key.prices, starts));
}

function axisTop(most) {
  for (let power = 1; ; power *= 10) {
    const fitting = ROUND.find((round) => round * power >= most);
    if (fitting) return fitting * power;
  }
}

function picture(windows, top, words) {
  const y = (value) => HEIGHT * (1 - value / top);
  const bars = (name) => windows
    .map((one, i) => (one[name] ? `M${i + 0.1} ${HEIGHT}V${y(one[name]).toFixed(2)}H${i + 0.9}V${HEIGHT}Z` : ''))
    .join('');
  // Of windows without news it is not kept: the line runs straight over them.
  const known = windows.flatMap((one, i) => (one.expected === null ? [] : [`${i + 0.5} ${y(one.expected).toFixed(2)}`]));
  const usual = known.length ? `M${known.join('L')}` : '';
  const svg = drawn('svg', { viewBox: `0 0 ${Math.max(windows.length, 1)} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words });
  svg.append(drawn('path', { class: 'grid', d: [0, HEIGHT / 2, HEIGHT].map((line) => `M0 ${line}H${windows.length}`).join('') }), drawn('path', { class: 'all', d: bars('stories') }), drawn('path', { class: 'negative', d: bars('negative') }), drawn('path', { class: 'usual', d: usual }));
  return svg;
}
