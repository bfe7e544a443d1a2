// The page "Releases": how they did over time, what each learned from, and which one serves.
import { read, write } from './api.js';
import { watchControls } from './controls.js';
import { button, drawn, element, find, quoted } from './elements.js';
import { bindText, locale, refreshTexts, say, speak, time } from './language.js';

const REFRESH_MS = 5000;
const WIDTH = 900;
const HEIGHT = 140;
const MARGIN = 24;

const texts = {
  en: {
    title: 'Releases',
    explain: 'Each release on the records that it was measured on. A filled dot serves.',
    none: 'No release yet.',
    comma: ', ',
    serves: 'serves',
    promote: 'Let it serve',
    rollback: (id) => `Roll back to ${id}`,
    base: (name) => `from ${name}`,
    parent: (id) => `learned further from ${id}`,
    learned: (count) => `learned from ${count}`,
    leftOut: (count) => `${count} left out`,
    change: (before, after, low, high, records) => `beside the one before it: ${before} → ${after} on ${records} records (${low} to ${high})`,
    shadow: (asked, same) => `${same} of ${asked} asked of late answered as before`,
    withdrawn: (why) => `Withdrawn: ${why}`,
    chart: (name) => `${name} of all releases`,
    drifted: (names, rows) => `Of ${rows} since this release began to serve, these are no longer as when it was measured: ${names}. New examples are worth collecting.`,
    steady: (rows) => `${rows} since this release began to serve: as when it was measured.`,
    of: {
      questions: (count) => `${count} questions`,
      stories: (count) => `${count} stories`,
      users: (count) => `${count} users, each once a day`,
    },
    figure: {
      length: 'length', language: 'language', 'unknown words': 'unknown words', decision: 'decision', confidence: 'confidence', score: 'score of the first FAQ',
      'new users': 'share of new users', behaviour: 'what users do', popularity: 'popularity of the items', 'unknown items': 'items that the catalogue lacks',
    },
  },
  zh: {
    title: '版本',
    explain: '每个版本在各自评测数据上的表现。实心点是线上版本。',
    none: '还没有版本。',
    comma: '、',
    serves: '线上',
    promote: '上线',
    rollback: (id) => `回滚到 ${id}`,
    base: (name) => `基于 ${name}`,
    parent: (id) => `由 ${id} 继续学习而来`,
    learned: (count) => `学习了 ${count} 条`,
    leftOut: (count) => `未采用 ${count} 条`,
    change: (before, after, low, high, records) => `与上一版本相比：${before} → ${after}，共 ${records} 条（${low} 至 ${high}）`,
    shadow: (asked, same) => `近期 ${asked} 个问题中，${same} 回答不变`,
    withdrawn: (why) => `已撤下：${why}`,
    chart: (name) => `各版本的 ${name}`,
    drifted: (names, rows) => `当前版本上线以来共${rows}，以下方面已与评测时不同：${names}。建议补充新的样本。`,
    steady: (rows) => `当前版本上线以来共${rows}，与评测时一致。`,
    of: {
      questions: (count) => ` ${count} 个问题`,
      stories: (count) => ` ${count} 条消息`,
      users: (count) => ` ${count} 人次（同一用户每天计一次）`,
    },
    figure: {
      length: '长度', language: '语言', 'unknown words': '生词', decision: '处理方式', confidence: '把握', score: '首选 FAQ 得分',
      'new users': '新用户占比', behaviour: '行为类型', popularity: '商品热度', 'unknown items': '商品表里没有的商品',
    },
  },
};

let found = { releases: [], figures: [], current: null, previous: null };
let seen = '';

const percent = (value) => value.toLocaleString(locale(), { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });
const signed = (value) => `${value > 0 ? '+' : ''}${percent(value)}`;

function showAll() {
  refreshTexts();
  find('rows').replaceChildren(...[...found.releases].reverse().map(show));
  find('none').hidden = found.releases.length > 0;
  find('deeds').replaceChildren(...(found.previous
    ? [button(say().rollback(found.previous), () => act('/v1/releases/rollbacks', {}), { id: 'rollback' })]
    : []));
  showLine();
  showDrift();
}

function showDrift() {
  const [place, { drift }] = [find('drift'), found];
  place.hidden = !drift?.figures.length;
  if (place.hidden) return;
  const names = drift.figures.filter((one) => one.has_drifted).map((one) => say().figure[one.name] ?? one.name);
  const rows = say().of[drift.of](drift.rows.toLocaleString(locale()));
  place.textContent = names.length ? say().drifted(names.join(say().comma), rows) : say().steady(rows);
  place.dataset.state = names.length ? 'drifted' : 'steady';
}

function show(one) {
  const serves = one.release_id === found.current;
  const head = element('p', {}, element('code', {}, one.release_id), ' ',
    serves ? element('span', { class: 'serves' }, say().serves) : null);
  const figures = element('p', { class: 'figures' }, ...found.figures
    .filter((name) => name in one.figures)
    .map((name) => element('span', {}, `${nameOf(name)} ${percent(one.figures[name])}`)));
  const deed = serves ? element('span')
    : element('div', { class: 'row' }, button(say().promote, () => act('/v1/releases/promotions', { release_id: one.release_id })));
  const withdrawn = one.withdrawn && element('p', { class: 'small withdrawn' }, quoted(say().withdrawn(one.withdrawn)));
  return element('li', { id: one.release_id, 'aria-current': String(serves) }, head, figures, deed, withdrawn, facts(one));
}

function facts(one) {
  const parts = [time(one.created, { year: 'numeric' }), one.parent ? say().parent(one.parent) : say().base(one.base_model)];
  if (one.learned) {
    const { taken, left_out: out, golden, shadow } = one.learned;
    const left = Object.values(out).reduce((sum, count) => sum + count, 0);
    parts.push(say().learned(taken.toLocaleString(locale())));
    if (left) parts.push(say().leftOut(left.toLocaleString(locale())));
    if (shadow) parts.push(say().shadow(shadow.asked.toLocaleString(locale()), percent(shadow.same)));
    parts.push(say().change(percent(golden.before), percent(golden.after), signed(golden.low), signed(golden.high), golden.records));
  }
  return element('p', { class: 'small' }, parts.join(' · '));
}

const nameOf = (figure) => figure.replaceAll('_', ' ');

// The first figure of each release that has it, in the order in which they were made.
function showLine() {
  const name = found.figures.find((figure) => found.releases.some((one) => figure in one.figures));
  const shown = found.releases.filter((one) => name in one.figures);
  const place = find('line');
  place.hidden = shown.length < 2;
  if (place.hidden) return;
  const values = shown.map((one) => one.figures[name]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (i) => MARGIN + (i * (WIDTH - 2 * MARGIN)) / (shown.length - 1);
  const y = (value) => (high > low ? HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN) : HEIGHT / 2);
  const dots = shown.map((one, i) => drawn('circle', {
    cx: x(i), cy: y(values[i]), r: 5, class: one.release_id === found.current ? 'serves' : one.withdrawn ? 'withdrawn' : '',
  }, drawn('title', {}, `${one.release_id}: ${percent(values[i])}`)));
  // Beside the first, the last and the extremes: more would lie on each other.
  const told = new Set([0, shown.length - 1, values.indexOf(low), values.indexOf(high)]);
  const labels = [...told].map((i) => drawn('text', { x: x(i), y: y(values[i]) - 10 }, percent(values[i])));
  place.replaceChildren(
    element('figcaption', { class: 'small' }, nameOf(name)),
    drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': say().chart(nameOf(name)) },
      drawn('path', { d: `M${values.map((value, i) => `${x(i)} ${y(value)}`).join('L')}` }), ...dots, ...labels),
  );
}

async function load() {
  try {
    found = await read('/v1/releases');
    find('trouble').hidden = true;
  } catch (error) {
    complain(error);
  }
  // What has not changed stays, and with it what has the focus.
  const now = JSON.stringify(found);
  if (now !== seen) showAll();
  seen = now;
}

async function act(path, body) {
  try {
    await write(path, body);
  } catch (error) {
    complain(error);
    return;
  }
  await load();
}

function complain(error) {
  bindText(find('trouble'), (words) => words.failed(error.message));
  find('trouble').hidden = false;
}

watchControls(showAll, () => {});
speak(texts);
load();
setInterval(() => { if (!document.hidden) load(); }, REFRESH_MS);
