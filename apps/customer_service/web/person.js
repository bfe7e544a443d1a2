// A person who has the conversation: their replies arrive, and the way back to the assistant.
import { conversationId, keepReply, lastRead, waitsFor } from './conversation.js';
import { read, write } from './shared/api.js';
import { button, element, find, quoted } from './shared/elements.js';
import { bindText } from './shared/language.js';
import { tellSite } from './site.js';

const POLL_MS = 2000;
let show = () => {};
let timer = null;

// `shown` puts one reply on the page; what was kept over a reload is followed at once.
export function watchPerson(shown) {
  show = shown;
  watch();
}

// An answer says whether somebody was asked.
export function noteTicket(found) {
  if (!found.ticket) return;
  // What the person wrote meanwhile has not been read yet.
  const { last, with_person: withPerson } = found.ticket;
  waitsFor({ taken: false, ...waitsFor(), last: lastRead() ?? last, withPerson });
  watch();
}

export function forgetPerson() {
  clearTimeout(timer);
  timer = null;
  showState(null);
  tellSite('waits', { waits: false });
}

function watch() {
  const state = waitsFor();
  showState(state);
  tellSite('waits', { waits: Boolean(state) });
  if (state && timer === null) timer = setTimeout(poll, POLL_MS);
}

async function poll() {
  const id = conversationId();
  try {
    if (!document.hidden) take(id, await read(`/v1/conversations/${encodeURIComponent(id)}`, { after: lastRead() }));
  } catch (error) {
    // Purged, if it was there before. Else asked again: the server may be starting anew, or the ticket
    // be on its way to the database.
    if (error.status === 404 && lastRead() > 0 && conversationId() === id) waitsFor(null);
  }
  timer = null;
  if (conversationId() === id) watch();
}

function take(id, found) {
  if (conversationId() !== id || !waitsFor()) return;
  const { ticket } = found;
  for (const one of found.messages.filter((message) => message.by === 'person')) {
    keepReply(one);
    show(one);
    tellSite('reply');
  }
  const last = found.messages.at(-1)?.number ?? lastRead();
  const isOver = ticket.status === 'closed' && last >= ticket.last;
  waitsFor(isOver ? null : { last, withPerson: ticket.with_person, taken: Boolean(ticket.assigned_to) });
}

export function shownReply(one) {
  const who = one.author && one.author !== 'page' ? (words) => words.fromPerson(one.author) : (words) => words.fromSomebody;
  return element('li', { class: 'from-person' },
    bindText(element('p', { class: 'small' }), who), quoted(one.text, 'p', { class: 'text' }));
}

function showState(state) {
  const box = find('with-person');
  box.hidden = !state?.withPerson;
  if (box.hidden) return;
  box.replaceChildren(
    bindText(element('span', { class: 'small' }), (words) => (state.taken ? words.personIsHere : words.personIsAsked)),
    bindText(button('', leave), (words) => words.askAssistant));
}

async function leave() {
  const id = conversationId();
  try {
    await write(`/v1/conversations/${encodeURIComponent(id)}/assistant`, {});
  } catch {
    return;
  }
  if (conversationId() !== id || !waitsFor()) return;
  waitsFor({ ...waitsFor(), withPerson: false });
  showState(waitsFor());
  find('question').focus();
}
