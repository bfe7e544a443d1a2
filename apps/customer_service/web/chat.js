// The page: asks the questions and shows the conversation.
import { answer, tell } from './answers.js';
import { beginAnew, conversationId, goOn, keep, keptTurns } from './conversation.js';
import { icon } from './icon.js';
import { forgetPerson, noteTicket, shownReply, watchPerson } from './person.js';
import { acceptPictures } from './picture.js';
import { explain, showProblem } from './problems.js';
import { showChosen, showReply, spokenReply } from './reply.js';
import { read } from './shared/api.js';
import { theme, watchControls } from './shared/controls.js';
import { button, element, find, quoted } from './shared/elements.js';
import { language, languageOf, refreshTexts, say, speak, bindText } from './shared/language.js';
import { texts } from './texts.js';

const MOST_CHARACTERS = 2000;
const COUNTED_FROM = 1600;
const MARGIN = 24;
let running = null;
let following = true;

function showControls() {
  const now = theme();
  find('theme').replaceChildren(icon(now === 'dark' ? 'sun' : 'moon'));
  label(find('theme'), say().theme[now]);
  find('language').lang = language === 'zh' ? 'en' : 'zh-CN';
  find('question').placeholder = say().placeholder;
  find('send').replaceChildren(icon(running ? 'stop' : 'send'));
  find('send').classList.toggle('stops', Boolean(running));
  label(find('send'), running ? say().stop : say().send);
  label(find('attach'), say().attach);
}

function label(node, words) {
  node.setAttribute('aria-label', words);
  node.title = words;
}

function show() {
  refreshTexts();
  showControls();
  showLength();
  showExamples();
}

async function showExamples() {
  const asked = language;
  try {
    const found = await read('/v1/examples', { language: asked });
    if (asked !== language) return;
    find('release').textContent = found.release_id;
    find('examples').replaceChildren(...found.examples.map(example));
    find('samples').hidden = !found.examples.length;
    if (found.reads_pictures && find('attach').hidden) acceptPictures(takePicture, refuse);
  } catch {
    // Told when a question meets it.
  }
}

function example(question) {
  const choice = element('button', { type: 'button', class: 'choice' }, quoted(question), icon('next'));
  choice.addEventListener('click', () => ask(question));
  return element('li', {}, choice);
}

function addTurn(question) {
  find('opening').hidden = true;
  find('fresh').hidden = false;
  const you = bindText(element('span', { class: 'unseen' }), (words) => words.you);
  const asked = element('p', { class: 'asked' }, you, quoted(question));
  const reply = element('div', { class: 'reply' });
  const turn = element('li', {}, asked, reply);
  find('turns').append(turn);
  following = true;
  return { turn, reply };
}

async function ask(question) {
  if (running) return;
  const { turn, reply } = addTurn(question);
  showWaiting(reply);
  follow(turn);
  keepFocus();
  setRunning(new AbortController());
  const trouble = await stream(question, turn, reply);
  setRunning(null);
  reply.removeAttribute('aria-busy');
  if (trouble) recover(trouble, question, turn, reply);
  follow(turn);
  keepFocus();
}

// What went wrong, or null.
async function stream(question, turn, reply) {
  try {
    for await (const { name, data } of answer(question, conversationId(), running.signal)) {
      if (name === 'delta') showPiece(reply, data.text);
      if (name === 'done') finish(reply, data, question);
      follow(turn);
    }
    return null;
  } catch (error) {
    return error;
  }
}

function showWaiting(reply) {
  reply.setAttribute('aria-busy', 'true');
  const words = bindText(element('span', { class: 'unseen' }), (spoken) => spoken.thinking);
  reply.replaceChildren(element('p', { class: 'text waiting' }, words));
}

function showPiece(reply, piece) {
  const text = reply.querySelector('.text');
  if (text.classList.contains('waiting')) {
    reply.replaceChildren(quoted(piece, 'p', { class: 'text arriving' }));
    return;
  }
  text.textContent += piece;
  text.lang = languageOf(text.textContent);
}

function finish(reply, found, question) {
  goOn(found.conversation_id);
  keep({ question, found });
  noteTicket(found);
  find('release').textContent = found.release_id;
  showReply(reply, found, question, choose, ask);
  announce(...spokenReply(found));
}

function choose(suggestion, url) {
  const { turn, reply } = addTurn(suggestion.question);
  showChosen(reply, suggestion, url);
  announce(quoted(suggestion.answer, 'p'));
  follow(turn);
  keep({ question: suggestion.question, chosen: { suggestion, url } });
  tellChoice(suggestion.question, conversationId());
}

async function tellChoice(question, before) {
  const found = await tell(question, before).catch(() => null);
  // Meanwhile another conversation may have begun.
  if (found && conversationId() === before) goOn(found.conversation_id);
}

function restore() {
  for (const { question, found, chosen, reply: replied } of keptTurns()) {
    if (replied) {
      find('turns').append(shownReply(replied));
      continue;
    }
    const { reply } = addTurn(question);
    if (chosen) showChosen(reply, chosen.suggestion, chosen.url);
    else showReply(reply, found, question, choose, ask);
  }
}

function showPerson(one) {
  const turn = shownReply(one);
  find('turns').append(turn);
  announce(quoted(one.text, 'p'));
  follow(turn);
}

function startAnew() {
  running?.abort();
  beginAnew();
  forgetPerson();
  find('turns').replaceChildren();
  find('opening').hidden = false;
  find('fresh').hidden = true;
  find('question').focus();
}

function recover(error, question, turn, reply) {
  if (error.name === 'AbortError') {
    showStopped(question, turn, reply);
    return;
  }
  showProblem(reply, error, ways(question, turn));
  announce(explain(error, say()));
}

function ways(question, turn) {
  return {
    retry: () => { turn.remove(); ask(question); },
    edit: () => { turn.remove(); write(question); },
  };
}

function showStopped(question, turn, reply) {
  const { retry, edit } = ways(question, turn);
  reply.dataset.decision = 'stopped';
  reply.querySelector('.waiting')?.remove();
  reply.querySelector('.arriving')?.classList.remove('arriving');
  reply.append(element('div', { class: 'row' },
    bindText(element('span', { class: 'small' }), (words) => words.stopped),
    bindText(button('', retry), (words) => words.retry),
    bindText(button('', edit), (words) => words.edit)));
  announce(say().stopped);
}

function announce(...parts) {
  find('announcer').replaceChildren(...parts);
}

// Whoever has moved on with the keyboard stays there; a button that vanished leaves nowhere.
function keepFocus() {
  if (document.activeElement === document.body) find('question').focus({ preventScroll: true });
}

// Shows the end of a growing reply, but never at the price of its beginning.
function follow(turn) {
  if (!following) return;
  const box = turn.getBoundingClientRect();
  const hidden = box.bottom + MARGIN - find('composer').getBoundingClientRect().top;
  const spare = box.top - MARGIN - document.querySelector('header').getBoundingClientRect().bottom;
  window.scrollBy(0, Math.max(0, Math.min(hidden, spare)));
}

function setRunning(controller) {
  running = controller;
  showControls();
}

// Characters as the server counts them: an emoji is one.
function length() {
  return [...find('question').value.trim()].length;
}

function showLength() {
  const over = length() - MOST_CHARACTERS;
  find('count').textContent = length() >= COUNTED_FROM ? say().count(length(), MOST_CHARACTERS) : '';
  find('composer').classList.toggle('over', over > 0);
  find('question').setAttribute('aria-invalid', String(over > 0));
  bindText(find('hint'), (words) => (over > 0 ? words.over(over) : words.keys));
  fitHeight();
}

function fitHeight() {
  if (CSS.supports('field-sizing', 'content')) return;
  find('question').style.height = 'auto';
  find('question').style.height = `${find('question').scrollHeight}px`;
}

function write(question) {
  find('question').value = question;
  showLength();
  find('question').focus();
}

// What was typed before stays.
function takePicture(text) {
  write([find('question').value.trim(), text].filter(Boolean).join('\n'));
  bindText(find('hint'), (words) => words.readPicture);
  announce(say().readPicture);
}

function submit() {
  if (running) return;
  const question = find('question').value.trim();
  if (!question) {
    refuse((words) => words.empty);
    return;
  }
  if (length() > MOST_CHARACTERS) {
    refuse((words) => words.over(length() - MOST_CHARACTERS));
    return;
  }
  write('');
  ask(question);
}

function refuse(words) {
  bindText(find('hint'), words);
  find('composer').classList.add('over');
  announce(words(say()));
  find('question').focus();
}

find('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (running) running.abort();
  else submit();
});
find('question').addEventListener('input', showLength);
find('question').addEventListener('keydown', (event) => {
  // While an input method composes Chinese, Enter chooses a word; Safari tells it by 229 only.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !event.isComposing) running?.abort();
});
for (const moved of ['wheel', 'touchmove']) {
  window.addEventListener(moved, () => { following = false; }, { passive: true });
}
find('person').addEventListener('click', () => ask(say().askForPerson));
find('fresh').addEventListener('click', startAnew);
watchControls(show, showControls);
speak(texts);
show();
restore();
watchPerson(showPerson);
