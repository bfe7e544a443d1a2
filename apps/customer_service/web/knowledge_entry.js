// One FAQ on the page "Knowledge": how it is shown, and the form that edits it.
import { button, element, linkTo, quoted } from './shared/elements.js';
import { bindText, say, time } from './shared/language.js';

const SHORT = ['language', 'intent', 'url', 'translation_of', 'valid_from', 'valid_until'];

export const shown = (row) => row.draft ?? row.live ?? row.was;

const at = (seconds) => time(new Date(1000 * seconds).toISOString());

// The buttons that a row has: `act` gets what was pressed.
export function deeds(row, act) {
  const names = row.draft ? ['publish', 'reject', 'preview', 'edit'] : row.live ? ['edit', 'remove'] : [];
  const more = row.version ? ['undo', 'history'] : [];
  const all = [...names, ...more, ...(row.live ? ['add'] : [])];
  return element('div', { class: 'row' }, ...all.map((name) =>
    bindText(button('', (event) => { event.stopPropagation(); act(name); }, { 'data-deed': name }), (words) => words.decide[name])));
}

// An FAQ's texts; of a draft that changes one, what it changes.
export function texts(row) {
  const entry = shown(row);
  const changes = row.draft && row.live;
  const part = (name, tag) => element('p', { class: name },
    changes && row.live[name] !== entry[name] ? element('del', {}, quoted(row.live[name])) : null,
    ' ', quoted(entry[name], tag));
  return element('div', {}, part('question', 'strong'), part('answer', 'span'));
}

export function facts(row) {
  const entry = shown(row);
  const link = entry.url && linkTo(entry.url);
  const parts = [
    bindText(element('span', { class: 'state', 'data-state': row.state }), (words) => words.is[row.state]),
    element('code', {}, row.id),
    entry.language && element('span', {}, entry.language),
    ...entry.tags.map((tag) => quoted(tag, 'mark')),
    (entry.valid_from || entry.valid_until) && bindText(element('span'), (words) =>
      words.valid(entry.valid_from && time(entry.valid_from, { year: 'numeric' }), entry.valid_until && time(entry.valid_until, { year: 'numeric' }))),
    row.author && bindText(element('span'), (words) => words.by(row.author, at(row.at))),
    row.gain && bindText(element('span'), (words) => (row.gain.is_new ? words.untrained : words.unlearned)(row.gain.texts)),
    link && element('a', link, entry.url),
  ];
  return element('p', { class: 'small facts' }, ...parts.filter(Boolean));
}

// What speaks for an answer that was mined from dialogues, and what speaks against it.
export function evidence(row) {
  const mined = row.draft?.mined;
  if (!mined) return null;
  return element('ul', { class: 'details evidence' },
    bindText(element('li'), (words) => words.mined(mined)),
    ...mined.other_answers.map((text) =>
      element('li', {}, bindText(element('span', { class: 'turns', 'data-turns': 'wrong' }), (words) => words.otherAnswer), quoted(text))));
}

export function nearest(found) {
  return element('p', { class: 'small facts nearest' },
    bindText(element('span'), (words) => words.nearest(found.score)), quoted(found.question), element('code', {}, found.faq_id));
}

export function wordings(row) {
  const entry = shown(row);
  const list = element('ul', { class: 'wordings' }, ...entry.similar_questions.map((text) => quoted(text, 'li')));
  const { heard } = row.live ?? entry;
  if (heard.length) list.append(bindText(element('li'), (words) => words.heard(heard)));
  return list.children.length ? list : null;
}

// FAQs that say the same in other languages, beside each other.
export function beside(rows) {
  return element('div', { class: 'beside' }, ...rows.map((row) => element('article', {}, texts(row), facts(row))));
}

export function history(changes, undo) {
  return element('ol', { class: 'details history' }, ...changes.map((one) => {
    const was = one.before?.draft ?? one.before?.live;
    const now = one.after.draft ?? one.after.live;
    return element('li', {},
      bindText(element('span'), (words) => `${one.change} · ${words.kind[one.kind]} · ${words.by(one.author, at(one.at))}`),
      was ? element('del', {}, quoted(`${was.question} — ${was.answer}`)) : null,
      now ? quoted(`${now.question} — ${now.answer}`) : null,
      bindText(button('', (event) => { event.stopPropagation(); undo(one); }), (words) => (one.together > 1 ? words.undoAll(one.together) : words.decide.undo)));
  }));
}

export function consequences(found) {
  const told = bindText(element('p'), (words) => [found.asked ? words.wouldChange(found) : words.noGolden,
    found.as_of && words.asOf(time(found.as_of, { year: 'numeric' }))].filter(Boolean).join(' '));
  const list = found.changed.map((one) => element('li', {},
    bindText(element('span', { class: 'turns', 'data-turns': one.turns }), (words) => words.turns[one.turns]),
    quoted(one.question),
    bindText(element('code'), (words) => `${one.before ?? words.nothingFound} → ${one.after ?? words.nothingFound}`)));
  const against = found.contradictions.map((one) => element('li', {},
    bindText(element('span', { class: 'turns', 'data-turns': 'wrong' }), (words) => words.contradicts),
    quoted(`${one.asked}: ${one.faq_says.join(', ')} ≠ ${one.facts_say.join(', ')} (${one.places.join(', ')})`)));
  return element('div', { class: 'details preview' }, told, element('ul', { class: 'details' }, ...against, ...list));
}

// `entry` may be empty; `send` gets the texts and what was pressed: save, draft or preview.
export function form(entry, send, cancel) {
  const fields = {};
  const field = (name, made, value) => {
    fields[name] = made;
    made.setAttribute('name', name);
    made.value = value ?? '';
    return element('label', {}, bindText(element('span'), (words) => words.field[name]), made);
  };
  const area = (name, rows, value) => field(name, element('textarea', { rows, dir: 'auto' }), value);
  const submit = (name, words, kind) => bindText(button('', () => send(read(fields), name), { class: kind, 'data-send': name }), words);
  const made = element('form', { class: 'entry' },
    area('question', 1, entry.question),
    area('answer', 4, entry.answer),
    area('similar_questions', 3, entry.similar_questions?.join('\n')),
    element('div', { class: 'pair' }, ...SHORT.map((name) => field(name, element('input'), entry[name]))),
    element('div', { class: 'row' },
      submit('save', (words) => words.save, 'main'),
      submit('draft', (words) => words.saveDraft, 'plain'),
      submit('preview', (words) => words.decide.preview, 'plain'),
      bindText(button('', cancel, { class: 'quiet' }), (words) => words.cancel)));
  made.addEventListener('click', (event) => event.stopPropagation());
  made.addEventListener('submit', (event) => event.preventDefault());
  made.addEventListener('keydown', (event) => { if (event.key === 'Escape') cancel(); });
  made.tags = entry.tags ?? [];
  fields.tags = made;
  return made;
}

function read(fields) {
  const value = (name) => fields[name].value.trim();
  const given = Object.fromEntries(SHORT.map((name) => [name, value(name)]).filter(([, text]) => text));
  const similar = value('similar_questions').split('\n').map((line) => line.trim()).filter(Boolean);
  return { question: value('question'), answer: value('answer'), similar_questions: similar, tags: fields.tags.tags, ...given };
}

export const gainOf = (row) => (row?.gain && row.live ? say().gain(row.gain) : '');
