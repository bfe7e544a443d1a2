// Under a reply: good or bad, and what the right answer is.
import { icon } from './icon.js';
import { read, write } from './shared/api.js';
import { button, element, quoted } from './shared/elements.js';
import { bindText, say } from './shared/language.js';

const SUGGESTED = 5;
const TYPING_PAUSE_MS = 300;
const POLL_MS = 500;
const LEARNING_POLLS = 120;

// `ask` asks the question again, once the answer is learned.
export function feedback(found, question, ask) {
  const box = element('div', { class: 'feedback' });
  const good = judge('good', () => tell(box, found, { verdict: 'good' }));
  const bad = judge('bad', () => {
    // In another site's page it is a customer who says so, not somebody who knows the answers.
    const isCustomer = 'framed' in document.documentElement.dataset;
    tell(box, found, { verdict: 'bad' }, isCustomer ? undefined : () => correct(box, found, question, ask));
  });
  const fix = bindText(button('', () => correct(box, found, question, ask)), (words) => words.correct);
  box.append(element('div', { class: 'row' }, good, bad, fix));
  return box;
}

function judge(name, pressed) {
  const made = button(icon(name), pressed, { class: 'quiet square' });
  made.append(bindText(element('span', { class: 'unseen' }), (words) => words[name]));
  return made;
}

async function tell(box, found, said, after = () => thank(box)) {
  box.querySelector('.small')?.remove();
  try {
    const receipt = await write('/v1/feedback', { answer_id: found.id, ...said });
    after(receipt);
    return receipt;
  } catch (error) {
    box.append(note((words) => words.notSaid(error.message)));
    return null;
  }
}

function note(words) {
  return bindText(element('p', { class: 'small', role: 'status' }), words);
}

function thank(box) {
  box.replaceChildren(note((words) => words.thanks));
}

function correct(box, found, question, ask) {
  const search = element('input', { type: 'search', autocomplete: 'off', 'aria-label': say().findAnswer, placeholder: say().findAnswer });
  const list = element('ul', { class: 'choices' });
  const written = element('textarea', { rows: 2, maxlength: 4000, 'aria-label': say().writeAnswer, placeholder: say().writeAnswer });
  const send = bindText(button('', () => {
    const answer = written.value.trim();
    if (answer) choose({ answer });
  }, { class: 'plain' }), (words) => words.sendAnswer);
  const choose = (said) => tell(box, found, said, (receipt) => received(box, receipt, found, question, ask));
  let waiting = null;
  search.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => offer(list, search.value.trim() || question, choose), TYPING_PAUSE_MS);
  });
  box.replaceChildren(
    note((words) => words.whatIsRight),
    search, list, element('div', { class: 'written' }, written, send),
  );
  offer(list, question, choose);
  search.focus({ preventScroll: true });
}

async function offer(list, words, choose) {
  try {
    const { candidates } = await write('/v1/retrieve', { question: words, top_k: SUGGESTED });
    list.replaceChildren(...candidates.map((one) => {
      const chosen = element('button', { type: 'button', class: 'choice' }, quoted(one.question), icon('next'));
      chosen.addEventListener('click', () => choose({ faq_id: one.faq_id }));
      return element('li', {}, chosen);
    }));
  } catch (error) {
    list.replaceChildren(note((spoken) => spoken.notSaid(error.message)));
  }
}

async function received(box, receipt, found, question, ask) {
  if (receipt.live) box.replaceChildren(note((words) => words.live), again(question, ask));
  else if (receipt.learning) box.replaceChildren(note((words) => words.learning));
  else box.replaceChildren(note((words) => (receipt.counts_alone ? words.willLearn : words.willCheck)));
  if (!receipt.learning) return;
  const learned = await isLearned(found.release_id);
  // What is answered so already is learned with the next release, whichever that will be.
  if (!learned && receipt.live) return;
  box.replaceChildren(note((words) => (learned ? words.learned : words.notYetLearned)), again(question, ask));
}

const again = (question, ask) => bindText(button('', () => ask(question)), (words) => words.askAgain);

// A release that learned takes over from the one that answered.
async function isLearned(before) {
  for (let poll = 0; poll < LEARNING_POLLS; poll += 1) {
    await new Promise((done) => { setTimeout(done, POLL_MS); });
    const now = await read('/v1/examples', {}).catch(() => null);
    if (now && now.release_id !== before) return true;
  }
  return false;
}
