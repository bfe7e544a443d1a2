// Shows one reply: the answer, its source, how sure it is, what else was near, and why.
import { composed } from './composed.js';
import { contactForm } from './contact.js';
import { feedback } from './correct.js';
import { icon } from './icon.js';
import { pathOf } from './path.js';
import { button, element, linkTo, quoted } from './shared/elements.js';
import { explanation } from './shared/explanation.js';
import { say, bindText } from './shared/language.js';

const REFERENCE_CHARACTERS = 8;
const COPIED_SHOWN_MS = 2000;

export function showReply(reply, found, question, choose, ask) {
  reply.dataset.decision = found.decision;
  const parts = {
    answer: () => answered(reply, found, choose),
    clarify: () => clarified(found, choose),
    handoff: () => handedOff(found, question, choose),
    chat: () => [quoted(found.answer, 'p', { class: 'text' })],
  };
  const kind = isIntentAlone(found) ? () => intentAlone(found) : parts[found.decision];
  const parted = found.parts?.length ? () => found.parts.map((part) => onePart(part, choose)) : kind;
  const shown = found.sentences?.length ? [...composed(found), facts(found)] : parted();
  const said = isJudged(found) ? [feedback(found, question, ask), why(found)] : [];
  reply.replaceChildren(...acknowledged(found), ...shown, ...byRule(found), ...said);
}

// Small talk, and a person who was asked for or whom a rule wants, are neither right nor wrong; of several answers
// it would not be known which.
function isJudged(found) {
  const asked = ['wants_person', 'rule', 'with_person'].includes(found.handoff?.reason);
  return found.decision !== 'chat' && !asked && !found.parts?.length;
}

// A sentence for somebody who is angry or in distress; a handover has its own place for it.
function acknowledged(found) {
  return found.message && found.decision !== 'handoff' ? [quoted(found.message, 'p', { class: 'text' })] : [];
}

// A rule of the business decided, not the model.
function byRule(found) {
  if (!found.decided_by) return [];
  const names = [found.decided_by.rule, ...found.decided_by.further].join(', ');
  return [element('p', { class: 'small by-rule' },
    bindText(element('span'), (words) => words.byRule), ' ', quoted(names))];
}

function onePart(part, choose) {
  const title = quoted(part.question, 'p', { class: 'asks' });
  const shown = part.answer === null ? clarified(part, choose) : answered(null, part, choose);
  return element('section', { class: 'part' }, title, ...shown);
}

export function showChosen(reply, suggestion, url) {
  reply.dataset.decision = 'chosen';
  reply.replaceChildren(
    quoted(suggestion.answer, 'p', { class: 'text' }),
    element('div', { class: 'facts' }, source({ question: suggestion.question, url })),
  );
}

// What a screen reader says when the reply is there.
export function spokenReply(found) {
  if (found.decision === 'handoff') return [handoffText(found)];
  if (found.decision === 'clarify' && found.suggestions.length) {
    return [plain((words) => words.clarify), ...found.suggestions.map((one) => quoted(one.question, 'p'))];
  }
  if (isIntentAlone(found)) return spokenIntent(found);
  if (found.decision === 'chat') return [quoted(found.answer, 'p')];
  const sureness = plain((words) => words.sure(percent(found.confidence)));
  return [...acknowledged(found), quoted(found.answer ?? '', 'p'), sureness];
}

const shownAs = (found, name) => found.shown_as?.[name] ?? name;

function spokenIntent(found) {
  const { intent } = found;
  if (!intent) return [plain((words) => words.nothing)];
  return [
    plain((words) => words.intentAlone),
    quoted(shownAs(found, intent.name), 'p'),
    plain((words) => words.sure(percent(intent.confidence))),
  ];
}

// A release may know intents and no questions: then the intent is all there is to say.
function isIntentAlone(found) {
  const hasQuestions = found.citations.length > 0 || found.suggestions.length > 0;
  return found.answer === null && !hasQuestions && found.decision !== 'handoff';
}

function intentAlone(found) {
  if (!found.intent) return [plain((words) => words.nothing)];
  return [
    plain((words) => words.intentAlone, { class: 'small' }),
    quoted(shownAs(found, found.intent.name), 'p', { class: 'text intent' }),
    element('div', { class: 'facts' }, sure(found.intent.confidence)),
  ];
}

function answered(reply, found, choose) {
  const text = quoted(found.answer ?? '', 'p', { class: 'text' });
  const told = facts(found);
  if (found.source) told.append(source(passage(found.source)), plain((words) => words.quote));
  if (found.path) told.append(pathOf(found.path));
  if (found.citations.length) told.append(source(found.citations[0]));
  if (found.only_in) told.append(plain((words) => words.onlyIn(found.only_in)));
  const near = found.suggestions.length ? [choices(found, (words) => words.near, choose)] : [];
  return [keepSelection(reply, text), told, ...near];
}

function facts(found) {
  return element('div', { class: 'facts' }, sure(found.confidence));
}

// The streamed paragraph stays when it says the same, and with it what the reader has selected.
function keepSelection(reply, text) {
  const streamed = reply?.querySelector(':scope > .text');
  if (streamed?.textContent !== text.textContent) return text;
  streamed.className = text.className;
  streamed.lang = text.lang;
  return streamed;
}

function clarified(found, choose) {
  return [
    choices(found, (words) => words.clarify, choose, 'clarify'),
    element('div', { class: 'facts' }, sure(found.confidence, (words) => words.sureOfFirst)),
  ];
}

function handedOff(found, question, choose) {
  if (found.handoff?.reason === 'with_person') return [quoted(found.message, 'p', { class: 'small' })];
  const said = element('div', { class: 'said' }, handoffText(found));
  if (found.handoff?.message) said.append(quoted(found.handoff.message, 'p', { class: 'small' }));
  if (found.ticket?.message) said.append(quoted(found.ticket.message, 'p', { class: 'small' }));
  if (found.ticket?.asks_contact) said.append(contactForm(found));
  if (found.citations.length) said.append(sure(found.confidence, (words) => words.sureOfNearest));
  said.append(forPerson(found, question));
  const parts = [element('div', { class: 'callout' }, icon('person'), said)];
  const isNear = found.handoff?.reason !== 'out_of_scope' && found.suggestions.length > 0;
  return isNear ? [...parts, choices(found, (words) => words.maybe, choose)] : parts;
}

function handoffText(found) {
  if (found.message) return quoted(found.message, 'p', { class: 'text' });
  const reason = found.handoff?.reason;
  return plain((words) => words.handoff[reason] ?? words.handoff.not_sure, { class: 'text' });
}

function forPerson(found, question) {
  const reference = element('span', { class: 'small reference' },
    bindText(element('span'), (words) => words.reference), ' ',
    quoted(found.id.slice(0, REFERENCE_CHARACTERS), 'code'));
  // Somebody has it already. Browsers give the clipboard to https and to this machine only.
  if (found.ticket || !navigator.clipboard) return element('div', { class: 'row' }, reference);
  const copy = bindText(button('', async () => {
    const done = await copyText(say().copiedText(question, found.id, found.release_id));
    bindText(copy, (words) => (done ? words.copied : words.notCopied));
    setTimeout(() => bindText(copy, (words) => words.copy), COPIED_SHOWN_MS);
  }), (words) => words.copy);
  return element('div', { class: 'row' }, copy, reference);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function plain(words, attributes = {}) {
  return bindText(element('p', attributes), words);
}

function choices(found, title, choose, kind = 'near') {
  const urls = new Map(found.citations.map((one) => [one.faq_id, one.url]));
  const items = found.suggestions.map((one) => {
    const chosen = element('button', { type: 'button', class: 'choice' }, quoted(one.question), icon('next'));
    chosen.addEventListener('click', () => choose(one, urls.get(one.faq_id)));
    return element('li', {}, chosen);
  });
  const named = plain(title, { class: kind === 'clarify' ? 'text' : 'label' });
  return element('div', { class: kind }, named, element('ul', { class: 'choices' }, ...items));
}

// A passage of a document: its title, the headings above it, and the page.
function passage(found) {
  const path = [found.title, ...found.headings].join(' › ');
  return { question: found.page ? `${path} (${say().page(found.page)})` : path, url: found.url };
}

function source(citation) {
  const link = linkTo(citation.url);
  const title = bindText(element('span', { class: 'label' }), (words) => words.source);
  if (!link) return element('p', { class: 'source' }, title, quoted(citation.question, 'cite'));
  const opens = bindText(element('span', { class: 'unseen' }), (words) => words.opensTab);
  return element('p', { class: 'source' }, title,
    element('a', link, quoted(citation.question, 'cite'), opens, icon('out')));
}

// Only certainty itself is called 100 %, and only nothing at all 0 %.
function percent(share) {
  if (share <= 0) return 0;
  if (share >= 1) return 100;
  return Math.min(Math.max(Math.round(100 * share), 1), 99);
}

function sure(confidence, phrase = (words) => words.sure) {
  const words = bindText(element('span'), (spoken) => phrase(spoken)(percent(confidence)));
  return element('p', { class: 'sure' }, meter(confidence), words);
}

function meter(share) {
  const filled = element('i');
  filled.style.width = `${100 * Math.min(Math.max(share, 0), 1)}%`;
  return element('span', { class: 'meter', 'aria-hidden': 'true' }, filled);
}

function why(found) {
  const titles = { clarify: 'whyClarify', handoff: 'whyHandoff' };
  const title = titles[found.decision] ?? 'why';
  const details = element('details', { class: 'why' }, bindText(element('summary'), (words) => words[title]));
  const panel = element('div', { class: 'panel' });
  if (found.understood_as) {
    const title = plain((words) => words.understood, { class: 'label' });
    panel.append(element('section', {}, title, quoted(found.understood_as, 'p')));
  }
  if (found.intent) panel.append(bars((words) => words.intents, intentRows(found)));
  if (found.citations.length) panel.append(bars((words) => words.candidates, candidateRows(found.citations)));
  panel.append(bars((words) => words.timings, timingRows(found.timings_ms ?? {})));
  // Asked for once somebody wants to know, for it takes the model a while.
  details.addEventListener('toggle', () => {
    panel.append(explanation(`/v1/answers/${encodeURIComponent(found.id)}/explanation`));
  }, { once: true });
  details.append(panel);
  return details;
}

function intentRows(found) {
  const { intent } = found;
  return [intent, ...(intent.alternatives ?? [])].map((one) => ({
    name: quoted(shownAs(found, one.name), 'dt', { title: one.name }),
    share: one.confidence,
    value: () => `${percent(one.confidence)}\u00a0%`,
  }));
}

function candidateRows(citations) {
  return citations.map((one) => ({
    name: quoted(one.question, 'dt', { title: `${one.faq_id}: ${one.question}` }),
    share: one.score,
    value: () => one.score.toFixed(2),
  }));
}

function timingRows(timings) {
  const total = timings.total || 1;
  return Object.entries(timings).map(([stage, spent]) => ({
    name: bindText(element('dt'), (words) => words.stages[stage] ?? stage),
    share: spent / total,
    value: (words) => words.milliseconds(spent < 10 ? spent.toFixed(1) : Math.round(spent)),
  }));
}

function bars(title, rows) {
  const list = element('dl');
  for (const { name, share, value } of rows) {
    list.append(element('div', {}, name, element('dd', {}, meter(share), bindText(element('span'), value))));
  }
  return element('section', {}, plain(title, { class: 'label' }), list);
}
