// The page "Corrections": what people said, accepted or rejected with one key.
import { read, write } from './api.js';
import { watchControls } from './controls.js';
import { button, element, find, quoted } from './elements.js';
import { bindText, refreshTexts, say, speak, time } from './language.js';

const REFRESH_MS = 3000;
const STATUSES = ['new', 'accepted', 'rejected', 'learned'];
const VERDICTS = ['bad', 'good'];
// Beside the letters, the digits: they lie under one hand.
const KEYS = { 1: 'accepted', a: 'accepted', 2: 'rejected', r: 'rejected', 3: 'new', u: 'new' };

const texts = {
  en: {
    title: 'Corrections',
    keys: 'j and k move, 1 accepts, 2 rejects, 3 takes it back.',
    none: 'Nothing here.',
    status: { new: 'Open', accepted: 'Accepted', rejected: 'Rejected', learned: 'Learned' },
    verdict: { bad: 'Said to be bad', good: 'Said to be good' },
    decide: { accepted: 'Accept', rejected: 'Reject', new: 'Undo' },
    kind: { good: 'said to be good', bad: 'said to be bad', correction: 'should be' },
    by: (source, trusted, at) => `${trusted ? 'trusted' : 'source'} ${source}, ${at}`,
    learnedIn: (release) => `learned in ${release}`,
    learning: { off: '', idle: '', running: 'Learning …', failed: 'Learning failed: see the server’s log.', refused: 'The candidate was no better and does not serve.' },
  },
  zh: {
    title: '纠错',
    keys: 'j、k 上下移动，1 采纳，2 拒绝，3 撤销。',
    none: '这里没有内容。',
    status: { new: '待处理', accepted: '已采纳', rejected: '已拒绝', learned: '已学习' },
    verdict: { bad: '评价不好的', good: '评价好的' },
    decide: { accepted: '采纳', rejected: '拒绝', new: '撤销' },
    kind: { good: '评价：好', bad: '评价：不好', correction: '应为' },
    by: (source, trusted, at) => `${trusted ? '可信来源' : '来源'} ${source}，${at}`,
    learnedIn: (release) => `已学进版本 ${release}`,
    learning: { off: '', idle: '', running: '正在学习……', failed: '学习失败，详见服务器日志。', refused: '新版本没有通过检验，未上线。' },
  },
};

// One of the statuses of corrections, or of the verdicts.
let shown = 'new';
let rows = [];
let counts = {};
let learning = 'off';
let current = null;
let seen = '';

function showAll() {
  refreshTexts();
  find('filters').replaceChildren(...STATUSES.map(filter), ...VERDICTS.map(filter));
  find('rows').replaceChildren(...rows.map(show));
  find('none').hidden = rows.length > 0;
  find('learning').textContent = say().learning[learning];
}

function filter(name) {
  const words = VERDICTS.includes(name) ? say().verdict[name] : `${say().status[name]} ${counts[name] ?? 0}`;
  return button(words, () => { shown = name; current = null; load(); }, { 'aria-pressed': String(name === shown) });
}

function show(row) {
  const item = element('li', { id: row.id, 'aria-current': String(row.id === current) },
    quoted(row.text, 'p'), change(row), decisions(row), facts(row));
  item.addEventListener('click', () => { current = row.id; showAll(); });
  return item;
}

function change(row) {
  const label = ['topics', 'target'].find((name) => row.wanted[name]) ?? 'sentiment';
  const given = row.given.faq_id ?? row.given[label] ?? null;
  const wanted = row.wanted.target ?? Object.values(row.wanted)[0] ?? null;
  const parts = [bindText(element('span', { class: 'small' }), (words) => words.kind[row.kind])];
  if (wanted && given && String(given) !== String(wanted)) parts.unshift(quoted(String(given), 'span', { class: 'given' }));
  if (wanted) parts.push(quoted(String(wanted), 'span', { class: 'wanted' }));
  else if (given) parts.unshift(quoted(String(given)));
  if (row.wanted.entity) parts.unshift(quoted(row.wanted.entity));
  return element('p', { class: 'change' }, ...parts);
}

function decisions(row) {
  if (row.status === 'learned' || row.kind !== 'correction') return element('span');
  const names = row.status === 'new' ? ['accepted', 'rejected'] : ['new'];
  return element('div', { class: 'row' }, ...names.map((name) =>
    bindText(button('', (event) => { event.stopPropagation(); decide(row.id, name); }), (words) => words.decide[name])));
}

function facts(row) {
  const at = () => time(new Date(1000 * row.at).toISOString());
  const who = bindText(element('span'), (words) => words.by(row.source.slice(0, 8), row.trusted, at()));
  const learned = row.learned_in && bindText(element('span'), (words) => ` · ${words.learnedIn(row.learned_in)}`);
  return element('p', { class: 'small' }, who, learned);
}

async function load() {
  try {
    const corrections = await read('/v1/feedback', { kind: 'correction', status: STATUSES.includes(shown) ? shown : null });
    const found = STATUSES.includes(shown) ? corrections : await read('/v1/feedback', { kind: shown });
    [rows, counts, learning] = [found.rows.reverse(), corrections.counts, corrections.learning];
    if (!rows.some((row) => row.id === current)) current = rows[0]?.id ?? null;
    find('trouble').hidden = true;
  } catch (error) {
    complain(error);
  }
  // What has not changed stays, and with it what has the focus.
  const now = JSON.stringify([shown, current, rows, counts, learning]);
  if (now !== seen) showAll();
  seen = now;
}

function complain(error) {
  bindText(find('trouble'), (words) => words.failed(error.message));
  find('trouble').hidden = false;
}

async function decide(id, decision) {
  const place = rows.findIndex((row) => row.id === id);
  try {
    await write('/v1/feedback/decisions', { ids: [id], status: decision });
    current = rows[place + 1]?.id ?? rows[place - 1]?.id ?? null;
  } catch (error) {
    complain(error);
    return;
  }
  await load();
}

function move(step) {
  const place = rows.findIndex((row) => row.id === current);
  current = rows[Math.min(Math.max(place + step, 0), rows.length - 1)]?.id ?? null;
  showAll();
  find(current)?.scrollIntoView({ block: 'nearest' });
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, dialog')) return;
  if (event.key === 'j') move(1);
  else if (event.key === 'k') move(-1);
  else if (KEYS[event.key] && current && STATUSES.includes(shown)) decide(current, KEYS[event.key]);
});
watchControls(showAll, () => {});
speak(texts);
load();
setInterval(() => { if (!document.hidden) load(); }, REFRESH_MS);
