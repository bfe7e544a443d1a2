// The close and the volume of a company, over the days of its trend.
import { drawn, element } from './shared/elements.js';
import { locale, say } from './shared/language.js';

const HEIGHT = 36;
const DAY = 86_400_000;

// Over the windows that begin at `starts`; nothing where there are fewer than two closes.
export function priceFigure(prices, starts) {
  if (!prices || prices.length < 2 || starts.length < 2) return null;
  const begins = starts.map((start) => Date.parse(start));
  // A day stands at its noon, among the windows that are shown.
  const x = (date) => {
    const noon = Date.parse(date) + DAY / 2;
    const after = begins.findIndex((start) => start >= noon);
    return after < 0 ? begins.length - 0.5 : after;
  };
  const closes = prices.map((one) => one.close);
  const low = Math.min(...closes);
  const span = Math.max(...closes) - low || 1;
  const y = (close) => HEIGHT - 4 - ((HEIGHT - 8) * (close - low)) / span;
  const most = Math.max(...prices.map((one) => one.volume ?? 0)) || 1;
  const width = Math.max(begins.length / 60, 0.6);
  const bars = prices.filter((one) => one.volume)
    .map((one) => `M${x(one.date)} ${HEIGHT}v${(-HEIGHT * one.volume / most / 2).toFixed(1)}h${width}V${HEIGHT}Z`).join('');
  const line = prices.map((one) => `${x(one.date)} ${y(one.close).toFixed(1)}`).join('L');
  const last = prices.at(-1);
  const change = last.close / closes[0] - 1;
  const words = say().price(number(last.close), change.toLocaleString(locale(), { style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' }));
  const svg = drawn('svg', { class: 'price', viewBox: `0 0 ${begins.length} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words });
  svg.append(drawn('path', { class: 'volume', d: bars }), drawn('path', { class: 'close', d: `M${line}` }));
  return element('div', { class: 'prices' }, element('span', { class: 'small' }, words), svg);
}

const number = (value) => value.toLocaleString(locale(), { maximumFractionDigits: 2 });
