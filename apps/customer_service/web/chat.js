// The page: what is asked and shown. Text from outside goes in by textContent alone.
import { answer, examples, ProblemError } from './answers.js';
import { texts } from './texts.js';

const MOST_CHARACTERS = 2000;
const find = (id) => document.getElementById(id);
const conversation = crypto.randomUUID?.() ?? String(Date.now());
let language = localStorage.getItem('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');
let running = null;

function element(tag, { className = '', text = '', ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const say = () => texts[language];
const languageOf = (text) => (/[\u3400-\u9fff]/.test(text) ? 'zh' : 'en');

function showTexts() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.title = say().title;
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = say()[node.dataset.text];
  find('question').placeholder = say().placeholder;
  find('language').textContent = say().otherLanguage;
  showTheme();
  showRunning();
}

function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
}

function showTheme() {
  find('theme').textContent = say().theme[theme()];
}

function showRunning() {
  find('send').textContent = running ? say().stop : say().send;
}

async function showExamples() {
  try {
    const found = await examples(language);
    find('release').textContent = found.release_id;
    find('examples').replaceChildren(
      ...found.examples.map((question) => element('li', {}, choice(question, () => ask(question)))),
    );
  } catch (error) {
    if (error.status === 401 && (await askForKey())) await showExamples();
  }
}

function choice(text, chosen) {
  const button = element('button', { className: 'choice', type: 'button', text, lang: languageOf(text) });
  button.addEventListener('click', chosen);
  return button;
}

async function ask(question) {
  if (running) return;
  find('opening').hidden = true;
  const reply = element('div', { className: 'reply' }, element('p', { className: 'text waiting' }));
  const asked = element('p', { className: 'asked', text: question, lang: languageOf(question), dir: 'auto' });
  const turn = element('li', {}, asked, reply);
  find('turns').append(turn);
  turn.scrollIntoView({ block: 'end' });
  running = new AbortController();
  showRunning();
  try {
    await stream(question, reply);
  } catch (error) {
    await showProblem(error, question, turn, reply);
  } finally {
    running = null;
    showRunning();
    find('question').focus();
  }
}

async function stream(question, reply) {
  const text = reply.firstElementChild;
  for await (const { name, data } of answer(question, conversation, running.signal)) {
    if (name === 'delta') text.textContent += data.text;
    if (name === 'done') showAnswer(reply, data);
    if (name === 'error') throw new ProblemError(data.status, data);
    reply.scrollIntoView({ block: 'nearest' });
  }
}

function showAnswer(reply, found) {
  find('release').textContent = found.release_id;
  reply.dataset.decision = found.decision;
  reply.replaceChildren(...body(found), sure(found), why(found));
}

function body(found) {
  if (found.decision === 'clarify') return [element('p', { text: say().clarify }), choices(found.suggestions)];
  if (found.decision === 'handoff') return handoff(found);
  if (found.answer === null) return intentAlone(found);
  const parts = [element('p', { className: 'text', text: found.answer, lang: languageOf(found.answer), dir: 'auto' })];
  if (found.citations.length) parts.push(source(found.citations[0]));
  if (found.suggestions.length) {
    const near = element('details', {}, element('summary', { text: say().near }), choices(found.suggestions));
    parts.push(near);
  }
  return parts;
}

function handoff(found) {
  const parts = [
    element('p', { className: 'text', text: say().handoff[found.handoff.reason] }),
    element('p', { className: 'handoff small', text: ` ${say().person}` }),
  ];
  if (!found.suggestions.length || found.handoff.reason === 'out_of_scope') return parts;
  const near = element('details', {}, element('summary', { text: say().maybe }), choices(found.suggestions));
  return [...parts, near];
}

function intentAlone(found) {
  return [
    element('p', { className: 'label', text: say().intent }),
    element('p', { className: 'text', text: found.intent?.name ?? '–' }),
  ];
}

function source(citation) {
  const line = element('p', { className: 'small' });
  line.append(`${say().source}: `);
  const named = { text: citation.question, lang: languageOf(citation.question) };
  const link = safeLink(citation.url);
  line.append(link ? element('a', { ...named, href: link, target: '_blank', rel: 'noopener noreferrer' }) : element('span', named));
  return line;
}

function safeLink(url) {
  try {
    const parsed = new URL(url);
    return ['http:', 'https:'].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

function choices(suggestions) {
  const items = suggestions.map((one) => element('li', {}, choice(one.question, () => choose(one))));
  return element('ul', { className: 'choices' }, ...items);
}

function choose(suggestion) {
  const words = languageOf(suggestion.question);
  const reply = element('div', { className: 'reply' },
    element('p', { className: 'text', text: suggestion.answer, lang: words, dir: 'auto' }),
    source({ question: suggestion.question }),
  );
  const asked = element('p', { className: 'asked', text: suggestion.question, lang: words, dir: 'auto' });
  const turn = element('li', {}, asked, reply);
  find('turns').append(turn);
  turn.scrollIntoView({ block: 'end' });
  find('question').focus();
}

function sure(found) {
  const percent = Math.round(100 * found.confidence);
  return element('p', { className: 'sure' }, meter(found.confidence), element('span', { text: say().sure(percent) }));
}

function meter(share) {
  const bar = element('i');
  bar.style.width = `${100 * Math.min(Math.max(share, 0), 1)}%`;
  return element('span', { className: 'meter', 'aria-hidden': 'true' }, bar);
}

function why(found) {
  const details = element('details', { className: 'why' }, element('summary', { text: say().why }));
  if (found.intent) {
    const ranked = [found.intent, ...found.intent.alternatives];
    details.append(bars(say().intents, ranked.map((one) => [one.name, one.confidence])));
  }
  if (found.citations.length) {
    details.append(bars(say().candidates, found.citations.map((one) => [one.question, one.score])));
  }
  details.append(element('p', { className: 'small', text: say().timings(found.timings_ms.total ?? '–') }));
  return details;
}

function bars(title, pairs) {
  const list = element('dl');
  for (const [name, share] of pairs) {
    list.append(
      element('dt', { text: name, title: name }),
      element('dd', {}, meter(share)),
      element('dd', { text: share.toFixed(2) }),
    );
  }
  return element('div', {}, element('p', { className: 'label', text: title }), list);
}

async function showProblem(error, question, turn, reply) {
  if (error.name === 'AbortError') {
    reply.append(element('p', { className: 'small', text: say().stopped }));
    reply.firstElementChild.classList.remove('waiting');
    return;
  }
  if (error.status === 401 && (await askForKey())) {
    turn.remove();
    queueMicrotask(() => setTimeout(() => ask(question)));
    return;
  }
  const retry = element('button', { type: 'button', className: 'retry', text: say().retry });
  retry.addEventListener('click', () => { turn.remove(); ask(question); });
  reply.classList.add('problem');
  reply.replaceChildren(element('p', { className: 'text', text: explain(error) }), retry);
}

function explain(error) {
  if (error.status === 429) return say().busy(error.retryAfter);
  if (error.status === 413) return say().tooLong;
  if (error instanceof ProblemError) return `${say().failed} ${error.message}`;
  return say().offline;
}

function askForKey() {
  const dialog = find('key-dialog');
  if (dialog.open) return Promise.resolve(false);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      const given = dialog.returnValue === 'ok' && find('key').value.trim();
      if (given) sessionStorage.setItem('api-key', given);
      resolve(Boolean(given));
    }, { once: true });
  });
}

function showCount() {
  const length = find('question').value.length;
  const count = find('count');
  count.textContent = length > 0.8 * MOST_CHARACTERS ? `${length} / ${MOST_CHARACTERS}` : '';
  count.className = length > MOST_CHARACTERS ? 'over' : '';
}

function submit(event) {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  const question = find('question').value.trim();
  if (!question) return;
  find('question').value = '';
  showCount();
  ask(question);
}

find('form').addEventListener('submit', submit);
find('question').addEventListener('input', showCount);
find('question').addEventListener('keydown', (event) => {
  // While an input method composes Chinese, Enter chooses a word.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  submit(event);
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') running?.abort();
});
find('language').addEventListener('click', () => {
  language = language === 'zh' ? 'en' : 'zh';
  localStorage.setItem('language', language);
  showTexts();
  showExamples();
});
find('theme').addEventListener('click', () => {
  const next = theme() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  localStorage.setItem('theme', next);
  showTheme();
});
const kept = localStorage.getItem('theme');
if (kept) document.documentElement.dataset.theme = kept;
showTexts();
showExamples();
