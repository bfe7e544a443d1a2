// The conversation of this tab, kept over a reload: its id, and what was asked and answered.
import { recall, remember } from './shared/memory.js';

const NAME = 'conversation';
const MOST_TURNS = 20;
let kept = read();

function read() {
  try {
    const found = JSON.parse(recall(NAME, 'sessionStorage'));
    return Array.isArray(found?.turns) ? found : empty();
  } catch {
    return empty();
  }
}

function empty() {
  return { id: null, turns: [] };
}

// Null before the first answer: the server gives the id.
export const conversationId = () => kept.id;

export const keptTurns = () => kept.turns;

export function goOn(id) {
  write({ ...kept, id: id ?? kept.id });
}

// Null: nobody is asked. Else the number of the last message that was read, whether a person has the
// conversation, and whether somebody took it.
export function waitsFor(state) {
  if (state !== undefined) write({ ...kept, waits: state });
  return kept.waits ?? null;
}

export const lastRead = () => kept.waits?.last ?? null;

// What a person replied stands where it came.
export function keepReply(one) {
  keep({ reply: one });
}

// A turn is a question with what was found, or with what was chosen of it.
export function keep(turn) {
  write({ ...kept, turns: [...kept.turns, turn].slice(-MOST_TURNS) });
}

// Where to be reached stays with the answer that asked for it, to be taken back after a reload; null: it was.
// No other answer asks again.
export function keepContact(answerId, contact) {
  const turns = kept.turns.map((turn) => {
    if (!turn.found?.ticket) return turn;
    const isHere = turn.found.id === answerId;
    const ticket = { ...turn.found.ticket, asks_contact: isHere, left: isHere ? contact : null };
    return { ...turn, found: { ...turn.found, ticket } };
  });
  write({ ...kept, turns });
}

export function beginAnew() {
  write(empty());
}

function write(conversation) {
  kept = conversation;
  remember(NAME, JSON.stringify(kept), 'sessionStorage');
}
