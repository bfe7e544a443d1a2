// The page "Gaps": what is asked and not answered, and what was answered for good.
import { readResolution, showResolution, watchResolution } from './gaps_resolution.js';
import { texts } from './gaps_texts.js';
import { post, read, request } from './shared/api.js';
import { watchControls } from './shared/controls.js';
import { button, element, find, quoted } from './shared/elements.js';
import { bindText, refreshTexts, say, speak, time } from './shared/language.js';

const PERIODS = [7, 30, 90];

let days = 30;
// Those that are not ours are listed.
let dismissed = false;
let found = null;
// What was said last not to be ours, to be taken back.
let last = null;

function showAll() {
  refreshTexts();
  find('periods').replaceChildren(...PERIODS.map(period));
  find('export').replaceChildren(button(say().export, download));
  showResolution();
  if (!found) return;
  const open = found.total - found.dismissed;
  find('lists').replaceChildren(list(false, say().ours(open)), list(true, say().notOurs(found.dismissed)));
  find('rows').replaceChildren(...found.gaps.map(gap));
  find('none').hidden = found.gaps.length > 0;
  const listed = dismissed ? found.dismissed : open;
  const told = [
    found.gaps.length < listed && say().first(found.gaps.length, listed),
    found.rarer && say().rarer(found.rarer, found.rarer_asked),
    found.is_cut && say().isCut(found.questions),
  ].filter(Boolean);
  find('left-out').textContent = told.join(' ');
  find('left-out').hidden = !told.length;
}

function period(length) {
  const choose = () => { days = length; load(); };
  return button(say().days(length), choose, { 'aria-pressed': String(length === days) });
}

function list(which, words) {
  const choose = () => { dismissed = which; load(); };
  return button(words, choose, { 'aria-pressed': String(which === dismissed) });
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
      near ? toKnowledge(say().isThis, { edit: near.faq_id, question: near.question, wordings: JSON.stringify(one.examples) }) : null,
      one.is_dismissed
        ? button(say().isOurs, () => judge(one.examples, false))
        : button(say().isNotOurs, () => judge(one.examples, true))));
}

function wordings(examples) {
  return element('details', { class: 'small' },
    element('summary', {}, say().examples(examples.length)),
    element('ul', {}, ...examples.map((text) => quoted(text, 'li'))));
}

function toKnowledge(words, asked) {
  return element('a', { class: 'plain', href: `/web/knowledge.html#${new URLSearchParams(asked)}` }, words);
}

async function judge(examples, isDismissed) {
  const done = await attempt(() => post('/v1/gaps/dismissals', { examples, dismissed: isDismissed }));
  if (!done) return;
  last = isDismissed ? examples : null;
  await load();
  find('done').textContent = '';
  if (!last) return;
  find('done').append(bindText(element('span'), (words) => words.dismissed), ' ',
    bindText(button('', () => judge(examples, false)), (words) => words.undo));
}

async function download() {
  await attempt(async () => {
    const reply = await request(`/v1/gaps/export?days=${days}`);
    const address = URL.createObjectURL(await reply.blob());
    element('a', { href: address, download: `gaps-${days}-days.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address));
  });
}

// Whether it was done; what speaks against it is told.
async function attempt(work) {
  find('trouble').hidden = true;
  try {
    await work();
    return true;
  } catch (error) {
    bindText(find('trouble'), (words) => words.failed(error.message));
    find('trouble').hidden = false;
    return false;
  }
}

async function load() {
  bindText(find('done'), (words) => words.reading);
  showAll();
  const asked = [days, dismissed].join();
  await attempt(async () => {
    const [gaps, take] = await Promise.all([read('/v1/gaps', { days, dismissed }), readResolution(days)]);
    if (asked !== [days, dismissed].join()) return;
    take();
    found = gaps;
  });
  bindText(find('done'), () => '');
  showAll();
}

watchResolution(async () => {
  showResolution();
  await attempt(async () => (await readResolution(days))());
  showResolution();
});
watchControls(showAll, () => {});
speak(texts);
load();
