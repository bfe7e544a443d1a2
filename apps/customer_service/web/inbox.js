// The page "Inbox": who waits for a person, what was said, and the reply.
import { colleagues, isSearching, query, showList, take, watchList } from './inbox_list.js';
import { noteNews, showTitle } from './inbox_news.js';
import { texts } from './inbox_texts.js';
import { read, write } from './shared/api.js';
import { ask } from './shared/ask.js';
import { watchControls } from './shared/controls.js';
import { button, element, find, quoted } from './shared/elements.js';
import { bindText, refreshTexts, say, speak, time } from './shared/language.js';
import { recall, remember } from './shared/memory.js';

const REFRESH_MS = 1500;
// What is looked for is looked for in every message; a tab that nobody sees needs but its title.
const SEARCH_MS = 10_000;
const HIDDEN_MS = 5000;
const KEYS = { t: 'take', a: 'assign', b: 'handBack', s: 'suggest', c: 'close', d: 'teach' };

let rows = [];
let current = null;
// The current one as it was seen; a reply says so, and is refused if somebody was faster.
let ticket = null;
let seen = '';
// One field for each ticket, so that what is written there stays while the page refreshes.
const fields = new Map();

const signed = (version, more) => ({ version, author: find('author').value.trim() || null, ...more });

function showAll() {
  refreshTexts();
  find('author').placeholder = say().author;
  find('author').setAttribute('aria-label', say().author);
  showList();
  find('rows').replaceChildren(...rows.map(show));
  showTitle();
  showTicket();
}

function show(row) {
  const item = element('li', { id: row.id, 'aria-current': String(row.id === current) },
    quoted(row.why.question, 'p', { class: 'asked' }), facts(row));
  item.addEventListener('click', () => choose(row.id));
  return item;
}

function facts(row) {
  const { why } = row;
  const parts = [bindText(element('span'), (words) => words.reason[why.reason] ?? why.reason)];
  if (why.mood === why.reason) parts[0].className = 'mood';
  else if (why.mood) parts.unshift(bindText(element('span', { class: 'mood' }), (words) => words.mood[why.mood]));
  if (why.priority === 'urgent') parts.unshift(bindText(element('span', { class: 'mood' }), (words) => words.urgent));
  if (why.queue) parts.push(bindText(element('span'), (words) => words.queue(why.queue)));
  if (row.status === 'open') parts.push(bindText(element('span'), (words) => waiting(row, words)));
  if (row.assigned_to) parts.push(bindText(element('span'), (words) => words.taken(row.assigned_to)));
  return element('p', { class: 'small' }, ...parts.flatMap((part, place) => (place ? [' · ', part] : [part])));
}

function waiting(row, words) {
  if (!row.waiting_since) return words.theirTurn;
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - row.waiting_since));
  if (seconds < 90) return words.waits(words.seconds(seconds));
  return words.waits(seconds < 5400 ? words.minutes(Math.round(seconds / 60)) : words.hours(Math.round(seconds / 3600)));
}

function showTicket() {
  find('ticket').hidden = !ticket;
  if (!ticket) return;
  const messages = element('ol', { id: 'messages', tabindex: '0', 'aria-label': say().conversation }, ...ticket.messages.map(message));
  const isOpen = ticket.status === 'open';
  const above = [facts(ticket), reachedAt(), messages, ...(isOpen ? [isBack(), suggestion()] : [])].filter(Boolean);
  if (isOpen) arrange(above, field(), deeds());
  else find('ticket').replaceChildren(...above);
  messages.scrollTop = messages.scrollHeight;
}

// The field stays where it is, for somebody may be writing in it.
function arrange(above, stays, below) {
  const box = find('ticket');
  if (stays.parentNode !== box) box.replaceChildren(stays);
  for (const child of [...box.children]) if (child !== stays) child.remove();
  stays.before(...above);
  stays.after(below);
}

function message(one) {
  const who = one.by === 'person'
    ? element('span', { class: 'small' }, one.author ?? '')
    : bindText(element('span', { class: 'small' }), (words) => words.by[one.by]);
  const at = bindText(element('span', { class: 'small' }), () => ` · ${time(new Date(1000 * one.at).toISOString())}`);
  return element('li', { 'data-by': one.by }, element('p', {}, who, at), quoted(one.text, 'p'));
}

// Where the customer asked to be reached.
function reachedAt() {
  const { contact } = ticket;
  if (!contact) return null;
  const href = contact.includes('@') ? `mailto:${contact.split('@').map(encodeURIComponent).join('@')}` : dialled(contact);
  const link = element('a', { href, dir: 'ltr' });
  link.textContent = contact;
  return element('p', { class: 'contact' }, bindText(element('span'), (words) => words.contact), ' ', link);
}

// A number, and behind a word or a sign the extension (RFC 3966).
function dialled(contact) {
  const [number, extension] = contact.split(/[^+\d\s().–—-]+/).map((part) => part.replace(/[^+\d]/g, ''));
  return `tel:${number}${extension ? `;ext=${extension}` : ''}`;
}

// The customer has left for the assistant since somebody took the ticket or replied.
function isBack() {
  const left = !ticket.with_person && ticket.assigned_to;
  return left ? bindText(element('p', { class: 'small' }), (words) => words.isBack) : null;
}

function suggestion() {
  const [near, ...others] = ticket.why.nearest;
  if (!near) return null;
  const percent = Math.round(100 * ticket.why.confidence);
  const sure = near.score === null ? (words) => words.told : (words) => words.nearest(percent);
  return element('div', { class: 'suggestion' },
    bindText(element('p', { class: 'small' }), sure), quoted(near.question, 'p'), quoted(near.answer, 'p', { class: 'text' }),
    element('div', { class: 'row' }, deed('sendSuggestion', 'suggest'), ...others.map(other)));
}

// Another FAQ that is near: its answer goes into the field, to be looked at first.
function other(near) {
  const put = () => { field().value = near.answer; field().focus(); };
  const score = near.score === null ? '' : ` ${near.score.toFixed(2)}`;
  return button(quoted(`${near.question}${score}`), put, { title: near.answer });
}

function field() {
  if (!fields.has(ticket.id)) fields.set(ticket.id, element('textarea', { id: 'reply', dir: 'auto', maxlength: '4000' }));
  const made = fields.get(ticket.id);
  made.placeholder = say().reply;
  made.setAttribute('aria-label', say().reply);
  return made;
}

function deeds() {
  const replied = ticket.messages.some((one) => one.by === 'person');
  return element('div', { class: 'row' }, deed('send', 'reply', 'main'), deed('take', 'take'), deed('assign', 'assign'),
    ticket.assigned_to ? deed('handBack', 'handBack') : null, deed('close', 'close'),
    replied ? deed('closeAndTeach', 'teach') : null);
}

function deed(words, name, kind = 'plain') {
  return bindText(button('', () => act(name), { class: kind, id: `do-${name}` }), (spoken) => spoken[words]);
}

async function load() {
  const asked = JSON.stringify(query());
  // Meanwhile something else was chosen, which is on its way.
  const isLate = () => asked !== JSON.stringify(query());
  let about = [];
  try {
    const listed = await read('/v1/tickets', query());
    noteNews(listed);
    if (isLate()) return;
    if (!take(listed)) {
      await load();
      return;
    }
    rows = listed.rows;
    about = [listed.total, listed.counts, listed.queues];
    const found = await front();
    if (isLate() || (found?.id ?? null) !== current) return;
    ticket = found;
  } catch (error) {
    complain(error);
  }
  // Waiting times go on; what else has not changed stays, and with it what has the focus.
  const now = JSON.stringify([query(), current, rows, about, ticket]);
  if (now !== seen) showAll();
  else refreshTexts();
  showTitle();
  seen = now;
}

// The ticket that is looked at. A reply may move it to another page: it stays; closed or purged, the first one follows.
async function front() {
  if (current && !rows.some((row) => row.id === current)) {
    const looked = current;
    const found = await read(`/v1/tickets/${encodeURIComponent(looked)}`).catch(unlessPurged);
    if (found?.status === query().status) return found;
    // Another one may have been chosen meanwhile.
    if (current === looked) current = null;
  }
  current ??= rows[0]?.id ?? null;
  return current ? whole(current) : null;
}

// Whoever looks at a ticket that cannot be read just now goes on looking at it, and at no other.
function unlessPurged(error) {
  if (error.status !== 404) throw error;
  return null;
}

// Again and again: sooner or later, by who looks and what for.
async function goOn() {
  if (!document.hidden) await load();
  else await read('/v1/tickets', { limit: 1 }).then(noteNews).catch(() => {});
  setTimeout(goOn, document.hidden ? HIDDEN_MS : isSearching() ? SEARCH_MS : REFRESH_MS);
}

async function whole(id) {
  const unchanged = rows.find((row) => row.id === id && ticket?.id === id
    && row.last === ticket.last && row.version === ticket.version && row.with_person === ticket.with_person && row.contact === ticket.contact);
  return unchanged ? ticket : read(`/v1/tickets/${encodeURIComponent(id)}`);
}

async function choose(id) {
  if (id === current) return;
  current = id;
  await load();
  find(id)?.scrollIntoView({ block: 'nearest' });
}

async function act(name) {
  if (!ticket || ticket.status !== 'open') return;
  const near = ticket.why.nearest[0];
  const text = field().value.trim();
  if (name === 'reply' && text) await send({ text });
  else if (name === 'suggest' && near) await send({ text: near.answer, faq_id: near.faq_id });
  else if (name === 'take') await change('assign', {}, () => say().assigned);
  else if (name === 'assign') await assign();
  else if (name === 'handBack' && ticket.assigned_to) await change('unassign', {}, () => say().handedBack);
  else if (name === 'close') await change('close', {}, () => say().closed);
  else if (name === 'teach') await change('close', { teach: true }, (closed) => say().proposed(closed.taught));
}

async function assign() {
  // Meanwhile another ticket may come to the front.
  const given = ticket;
  const known = colleagues();
  const to = await ask(say().assignTitle, known.length ? say().assignKnown(known.join(', ')) : say().assignText);
  if (to) await change('assign', { to }, () => say().given(to), given);
}

async function send(reply) {
  const sent = await change('replies', reply, () => say().sent);
  if (sent && !reply.faq_id) fields.get(sent.id).value = '';
}

// What became of the ticket, or null where it was refused.
async function change(path, more, words, { id, version } = ticket) {
  try {
    const changed = await write(`/v1/tickets/${encodeURIComponent(id)}/${path}`, signed(version, more));
    find('trouble').hidden = true;
    find('done').textContent = words(changed);
    return changed;
  } catch (error) {
    complain(error);
    return null;
  } finally {
    await load();
  }
}

function complain(error) {
  find('done').textContent = '';
  bindText(find('trouble'), (words) => words.failed(error.message));
  find('trouble').hidden = false;
}

function move(step) {
  const place = rows.findIndex((row) => row.id === current);
  const next = rows[Math.min(Math.max(place + step, 0), rows.length - 1)];
  if (next) choose(next.id);
}

document.addEventListener('keydown', (event) => {
  if (event.target.id === 'reply') {
    const sends = event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (sends) { event.preventDefault(); act('reply'); }
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea, dialog')) return;
  if (event.key === 'j') move(1);
  else if (event.key === 'k') move(-1);
  else if (event.key === 'r' && ticket?.status === 'open') field().focus();
  else if (KEYS[event.key]) act(KEYS[event.key]);
  else return;
  event.preventDefault();
});
find('author').value = recall('author') ?? '';
find('author').addEventListener('change', () => remember('author', find('author').value.trim()));
watchControls(showAll, () => {});
speak(texts);
watchList(async () => {
  [current, ticket] = [null, null];
  await load();
});
document.addEventListener('visibilitychange', () => { if (!document.hidden) load(); });
goOn();
