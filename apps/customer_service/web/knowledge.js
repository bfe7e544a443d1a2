// The page "Knowledge": what is served, edited; drafts are decided with one key.
import { beside, consequences, deeds, evidence, facts, form, history, gainOf, nearest, shown, texts as textsOf, wordings } from './knowledge_entry.js';
import { texts } from './knowledge_texts.js';
import { read, request, write } from './shared/api.js';
import { watchControls } from './shared/controls.js';
import { button, element, find } from './shared/elements.js';
import { bindText, refreshTexts, say, speak } from './shared/language.js';
import { recall, remember } from './shared/memory.js';

const REFRESH_MS = 3000;
const TYPING_PAUSE_MS = 250;
const PAGE = 100;
const STATES = ['draft', 'published', 'scheduled', 'expired', 'removed'];
const KEYS = { a: 'publish', r: 'reject', e: 'edit', u: 'undo', w: 'preview', h: 'history' };

let state = null;
let limit = PAGE;
let found = { rows: [], counts: {}, found: 0, watched: null };
let current = null;
// The id of the FAQ and the form, which stays the same node whatever is shown anew around it.
let editing = null;
// Under the current row: its translations, its history, what would change.
let group = [];
// Of a draft that would be new: what is served and nearest to it.
let near = null;
let details = null;
let seen = '';

const isNew = (row) => row.draft && !row.live;
const rowOf = (id) => found.rows.find((row) => row.id === id);
const signed = (body) => ({ ...body, author: find('author').value.trim() || null });

function showAll() {
  refreshTexts();
  for (const id of ['search', 'author']) {
    find(id).placeholder = say()[id];
    find(id).setAttribute('aria-label', say()[id]);
  }
  find('filters').replaceChildren(filter(null), ...STATES.map(filter));
  find('rows').replaceChildren(...found.rows.map(show));
  find('none').hidden = found.rows.length > 0;
  find('more').hidden = found.found <= found.rows.length;
  showWatched();
}

function showWatched() {
  const file = found.watched;
  find('watched').hidden = !file;
  if (file) bindText(find('watched'), (words) => (file.trouble ? words.notTaken(file.name, file.trouble) : words.watched(file.name)));
}

function filter(name) {
  const words = name ? `${say().state[name]} ${found.counts[name] ?? 0}` : say().every;
  const choose = () => { [state, current, editing, limit] = [name, null, null, PAGE]; load(); };
  return button(words, choose, { 'aria-pressed': String(name === state) });
}

function show(row) {
  const isCurrent = row.id === current;
  const item = element('li', { id: `faq-${row.id}`, 'aria-current': String(isCurrent) });
  if (isCurrent && editing?.id === row.id) {
    item.append(editing.node);
  } else {
    const others = isCurrent ? group.filter((one) => one.id !== row.id) : [];
    item.append(textsOf(row), facts(row), deeds(row, (name) => act(name, row)));
    const more = isCurrent ? [evidence(row), isNew(row) && near?.of === row.id ? nearest(near) : null, wordings(row), others.length ? beside(others) : null] : [];
    item.append(...more.filter(Boolean));
  }
  if (isCurrent && details) item.append(details);
  item.addEventListener('click', () => { if (row.id !== current) choose(row.id); });
  return item;
}

async function choose(id) {
  [current, editing, details, group] = [id, null, null, []];
  showAll();
  find(`faq-${id}`)?.scrollIntoView({ block: 'nearest' });
  await loadGroup();
}

// What says the same as the current one in other languages.
async function loadGroup() {
  const row = rowOf(current);
  if (!row) return;
  try {
    const { rows } = await read('/v1/faqs', { group: shown(row).translation_of ?? row.id });
    if (row.id !== current) return;
    group = rows;
    showAll();
    near = await nearestTo(row);
    if (near && row.id === current) showAll();
  } catch (error) {
    complain(error);
  }
}

async function nearestTo(row) {
  if (!isNew(row)) return null;
  try {
    const { candidates } = await write('/v1/retrieve', { question: shown(row).question, top_k: 1 });
    return candidates.length ? { ...candidates[0], of: row.id } : null;
  } catch {
    // A key that may edit need not be one that may ask.
    return null;
  }
}

async function load(keep = false) {
  const before = current;
  try {
    found = await read('/v1/faqs', { state, search: find('search').value.trim(), limit });
    if (!keep && !rowOf(current)) current = found.rows[0]?.id ?? null;
  } catch (error) {
    complain(error);
  }
  const now = JSON.stringify([state, current, editing?.id, found]);
  if (now !== seen) showAll();
  seen = now;
  if (current !== before) await loadGroup();
}

function complain(error) {
  bindText(find('trouble'), (words) => words.failed(error.message));
  find('trouble').hidden = false;
}

function tell(words) {
  find('trouble').hidden = true;
  find('done').textContent = words;
}

// Does something that changes knowledge, says what came of it, and goes on to the next row.
async function change(task, word = 'made') {
  const place = found.rows.findIndex((row) => row.id === current);
  try {
    const saved = await task();
    const row = saved.rows.find((one) => one.id === current) ?? saved.rows[0];
    tell([say()[word](saved.change), gainOf(row)].join(' '));
    [editing, details] = [null, null];
  } catch (error) {
    complain(error);
    await load(true);
    return;
  }
  await load(true);
  if (!rowOf(current)) current = (found.rows[place] ?? found.rows[place - 1])?.id ?? null;
  showAll();
  await loadGroup();
}

const sendTo = (method, path, body) => request(path, {
  method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
}).then((reply) => reply.json());

// What contradicts the facts is served only if that is wanted.
async function insisting(body, send) {
  try {
    return await send(body);
  } catch (error) {
    if (!error.details?.contradictions || !window.confirm(say().despite(error.message))) throw error;
    return send({ ...body, despite_facts: true });
  }
}

const path = (id) => `/v1/faqs/${encodeURIComponent(id)}`;

async function act(name, row = rowOf(current)) {
  if (!row) return;
  if (row.id !== current) await choose(row.id);
  if ((name === 'publish' || name === 'reject') && row.draft) {
    const wanted = signed({ decision: name, faqs: { [row.id]: row.version } });
    await change(() => insisting(wanted, (body) => write('/v1/faqs/decisions', body)), name === 'publish' ? 'live' : 'made');
  } else if (name === 'edit' && (row.draft || row.live)) {
    editing = { id: row.id, node: form(shown(row), (faq, how) => send(rowOf(row.id), faq, how), stopEditing) };
    details = null;
    showAll();
    find('rows').querySelector('textarea')?.focus();
  } else if (name === 'remove') {
    const query = new URLSearchParams({ version: row.version, author: find('author').value.trim() });
    await change(() => sendTo('DELETE', `${path(row.id)}?${query}`));
  } else if (name === 'undo' && row.version) {
    await undoLast(row);
  } else if (name === 'preview' && row.draft) {
    await preview({ publish: [row.id] });
  } else if (name === 'history') {
    await showHistory(row);
  } else if (name === 'add') {
    add({ translation_of: shown(row).translation_of ?? row.id });
  }
}

const undo = (wanted) => change(() => write('/v1/faqs/undo', signed(wanted)));

// A correction is taken back whole: it gave a wording to one FAQ that it took from another.
async function undoLast(row) {
  if (row.kind !== 'correct') {
    await undo({ change: row.version, faq_id: row.id });
    return;
  }
  try {
    const { changes } = await read('/v1/faqs/history', { faq_id: row.id });
    await undoWhole(changes.find((one) => one.change === row.version));
  } catch (error) {
    complain(error);
  }
}

// The row's key takes back what was done to this FAQ; here the whole change is meant.
async function undoWhole({ change: number, together }) {
  if (together === 1 || window.confirm(say().together(together))) await undo({ change: number });
}

async function showHistory(row) {
  try {
    details = history((await read('/v1/faqs/history', { faq_id: row.id })).changes, undoWhole);
    showAll();
  } catch (error) {
    complain(error);
  }
}

async function preview(proposal, into = null) {
  tell(say().asking);
  try {
    const made = consequences(await write('/v1/faqs/preview', proposal));
    tell('');
    if (into) {
      into.querySelector('.preview')?.remove();
      into.append(made);
    } else {
      details = made;
      showAll();
    }
  } catch (error) {
    complain(error);
  }
}

function send(row, faq, how) {
  if (how === 'preview') return preview({ change: { [row.id]: faq } }, find(`faq-${row.id}`));
  const body = signed({ ...faq, version: row.version, draft: how === 'draft' });
  const waits = how === 'draft' || !row.live;
  return change(() => insisting(body, (sent) => sendTo('PUT', path(row.id), sent)), waits ? 'waits' : 'live');
}

function stopEditing() {
  editing = null;
  find('editor').replaceChildren();
  showAll();
}

function add(entry = {}) {
  const box = find('editor');
  const made = form(entry, async (faq, how) => {
    if (how === 'preview') { await preview({ add: [faq] }, box); return; }
    const failed = () => !find('trouble').hidden;
    await change(async () => {
      const body = signed({ ...faq, draft: how === 'draft' });
      const saved = await insisting(body, (sent) => write('/v1/faqs', sent));
      current = saved.rows[0].id;
      return saved;
    }, how === 'draft' ? 'waits' : 'live');
    if (!failed()) box.replaceChildren();
  }, stopEditing);
  box.replaceChildren(made);
  made.querySelector('textarea').focus();
}

function move(step) {
  const place = found.rows.findIndex((row) => row.id === current);
  const next = found.rows[Math.min(Math.max(place + step, 0), found.rows.length - 1)];
  if (next) choose(next.id);
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, dialog')) return;
  if (event.key === 'j') move(1);
  else if (event.key === 'k') move(-1);
  else if (KEYS[event.key]) act(KEYS[event.key]);
  else if (event.key === 'n') add();
  else if (event.key === '/') find('search').focus();
  else return;
  event.preventDefault();
});
let waiting = null;
find('search').addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { limit = PAGE; load(); }, TYPING_PAUSE_MS);
});
find('author').value = recall('author') ?? '';
find('author').addEventListener('change', () => remember('author', find('author').value.trim()));
find('add').addEventListener('click', () => add());
find('more').addEventListener('click', () => { limit = Math.min(limit + PAGE, 500); load(); });
watchControls(showAll, () => {});
// From the page "Gaps": #add=… a new FAQ, #edit=… further wordings of one that there is.
async function arrive() {
  const asked = new URLSearchParams(location.hash.slice(1));
  window.history.replaceState(null, '', location.pathname);
  if (asked.has('add')) {
    await load();
    add(JSON.parse(asked.get('add')));
    return;
  }
  find('search').value = asked.get('question') ?? '';
  await load();
  if (!asked.has('edit') || !rowOf(asked.get('edit'))) return;
  await choose(asked.get('edit'));
  await act('edit', rowOf(current));
  const wordings = document.querySelector('#rows [name="similar_questions"]');
  wordings.value = [...new Set([...wordings.value.split('\n'), ...JSON.parse(asked.get('wordings'))])].filter(Boolean).join('\n');
  wordings.focus();
}

speak(texts);
arrive();
setInterval(() => { if (!document.hidden && !editing) load(true); }, REFRESH_MS);
