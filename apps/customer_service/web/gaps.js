// The page "Gaps": what is asked and not answered, and what was answered for good.
import { texts } from './gaps_texts.js';
import { read } from './shared/api.js';
import { watchControls } from './shared/controls.js';
import { button, drawn, element, find, quoted } from './shared/elements.js';
import { bindText, refreshTexts, say, speak, time } from './shared/language.js';

const PERIODS = [7, 30, 90];
const ENDED = ['durable', 'came_back', 'not_answered', 'too_early'];
const WIDTH = 900;
const HEIGHT = 150;
const FOOT = 20;
const WIDEST_BAR = 60;

let days = 30;
let found = null;
let weeks = [];

function showAll() {
  refreshTexts();
  find('periods').replaceChildren(...PERIODS.map(period));
  if (!found) return;
  find('rows').replaceChildren(...found.gaps.map(gap));
  find('none').hidden = found.gaps.length > 0;
  find('settled').hidden = !weeks.length;
  find('weeks').replaceChildren(chart());
  find('legend').replaceChildren(...ENDED.map((name) =>
    element('span', { 'data-ended': name }, element('i'), say().ended[name])));
}

function period(length) {
  const choose = () => { days = length; load(); };
  return button(say().days(length), choose, { 'aria-pressed': String(length === days) });
}

function gap(one) {
  const near = one.nearest;
  const texts = { question: one.question, similar_questions: one.examples.filter((text) => text !== one.question) };
  return element('li', {},
    element('p', {}, quoted(one.question, 'strong')),
    element('p', { class: 'small counts' },
      element('span', {}, say().asked(one.asked)),
      element('span', {}, say().people(one.people)),
      one.angry ? element('span', { class: 'angry' }, say().angry(one.angry)) : null,
      element('span', {}, say().last(time(new Date(1000 * one.last_at).toISOString())))),
    one.examples.length > 1 ? wordings(one.examples) : null,
    near ? element('p', { class: 'small' }, say().nearest, ' ', quoted(near.question), ' · ', say().sure(Math.round(100 * near.confidence))) : null,
    element('div', { class: 'row' },
      toKnowledge(say().write, { add: JSON.stringify(texts) }),
      near ? toKnowledge(say().isThis, { edit: near.faq_id, question: near.question, wordings: JSON.stringify(one.examples) }) : null));
}

function wordings(examples) {
  return element('details', { class: 'small' },
    element('summary', {}, say().examples(examples.length)),
    element('ul', {}, ...examples.map((text) => quoted(text, 'li'))));
}

function toKnowledge(words, asked) {
  return element('a', { class: 'plain', href: `/web/knowledge.html#${new URLSearchParams(asked)}` }, words);
}

// One bar a week, from what was settled at its foot to what cannot be told yet.
function chart() {
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

async function load() {
  find('trouble').hidden = true;
  bindText(find('done'), (words) => words.reading);
  showAll();
  try {
    const asked = days;
    const [gaps, resolution] = await Promise.all([
      read('/v1/gaps', { days: asked }), read('/v1/resolution', { days: Math.max(asked, 28), by: 'week' })]);
    if (asked !== days) return;
    [found, weeks] = [gaps, resolution.rows];
  } catch (error) {
    bindText(find('trouble'), (words) => words.failed(error.message));
    find('trouble').hidden = false;
  }
  bindText(find('done'), () => '');
  showAll();
}

watchControls(showAll, () => {});
speak(texts);
load();
