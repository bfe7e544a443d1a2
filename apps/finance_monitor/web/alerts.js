// Alerts: what fires, its story lines, what people did about it, and what is over.
import { fill } from './fill.js';
import { write } from './shared/api.js';
import { ask } from './shared/ask.js';
import { button, drawn, element, find, quoted } from './shared/elements.js';
import { say, time } from './shared/language.js';
import { recall, remember } from './shared/memory.js';
import { headline } from './stories.js';

// Of the companies that depend on that of an alert.
const MOST_EXPOSED = 10;

export function showFiring({ alerts: cases, silences, set_aside: refusals }, act) {
  const open = cases.filter((one) => one.alert.status !== 'resolved' && !one.closed_at && !one.muted_by);
  fill(find('firing'), [open, silences, refusals], () => (open.length
    ? open.map((one) => card(one, silences, refusals, act))
    : [element('p', { class: 'calm' }, say().calm)]));
}

export function showPast({ alerts: cases, set_aside: refusals, verdicts }, act) {
  const over = cases.filter((one) => one.alert.status === 'resolved' || one.closed_at || one.muted_by);
  find('verdicts').textContent = say().verdicts(verdicts.real, verdicts.false_alarm);
  fill(find('past'), [over, refusals], () => (over.length
    ? over.map((one) => line(one, refusals, act))
    : [element('li', { class: 'small' }, say().noPast)]));
}

export const nameOf = (key) => {
  const [kind, ...rest] = key.split('/');
  if (kind === 'market') return say().market;
  return kind === 'topic' ? say().topics[rest.join('/')] ?? rest.join('/') : rest.join('/');
};

const surge = (alert) => say().surge(alert.observed, alert.expected, Math.round(100 * alert.share));

function card(one, silences, refusals, act) {
  const { alert } = one;
  const silenced = silences.some((s) => ['*', alert.key, alert.key.split('/').slice(1).join('/')].includes(s.key));
  const notes = [say().severity[alert.severity], say().status[alert.status], say().since(time(alert.starts_at))];
  if (alert.annotations.indirect) notes.push(say().indirect(alert.annotations.indirect));
  if (one.acknowledged_by) notes.push(say().acknowledged(one.acknowledged_by));
  if (silenced) notes.push(say().silenced);
  const actions = element('div', { class: 'row', 'data-scope': 'edit' });
  if (!one.acknowledged_by) {
    actions.append(button(say().acknowledge, () => act((by) => write(`/v1/alerts/${alert.alert_id}/acknowledge`, { by })), { class: 'main' }));
  }
  if (!silenced) actions.append(button(say().silence, () => act((by) => write('/v1/silences', { key: alert.key, by }))));
  actions.append(...judging(one, act));
  actions.append(button(say().close, () => act((by) => write(`/v1/alerts/${alert.alert_id}/resolve`, { by }))));
  return element('article', { class: 'alert', 'data-severity': alert.severity, 'data-key': alert.key },
    element('p', { class: 'severity' }, notes.join(' · ')),
    element('h3', {}, quoted(nameOf(alert.key))),
    element('p', {}, surge(alert)),
    ...refused(alert, refusals),
    element('ol', { class: 'evidence' }, ...alert.evidence.map(evidence)),
    ...exposed(alert),
    actions);
}

// A story line: its first story, who ran it, and how it spread.
function evidence(line) {
  const many = line.outlets > 1;
  const facts = [time(line.published_at), many && line.source ? say().first(line.source) : line.source,
    many ? say().outlets(line.outlets) : null,
    line.sources.length > 1 ? line.sources.slice(1).join(say().comma) : null].filter(Boolean).join(' · ');
  const words = line.words.flatMap((word) => [element('span', { class: 'word', dir: 'auto' }, word), ' ']);
  return element('li', {}, headline(line.headline, line.url),
    element('span', { class: 'small' }, `${facts} `, many ? spread(line) : null, ...words),
    ...line.otherwise.map(otherwise));
}

// A story in like words that says the opposite of the line.
function otherwise(story) {
  const facts = [time(story.published_at), story.source].filter(Boolean).join(' · ');
  return element('p', { class: 'small otherwise' }, `${say().otherwise} `, headline(story.headline, story.url), ` ${facts}`);
}

// The stories of a line up to each hour, from its first to its latest.
function spread({ spread: points, published_at: first, last_at: last, outlets }) {
  if (points.length < 2) return null;
  const from = Date.parse(points[0].at);
  const length = Date.parse(points.at(-1).at) - from;
  const x = (point) => (60 * (Date.parse(point.at) - from)) / length;
  const y = (point) => 14 - (12 * point.stories) / outlets;
  const steps = points.slice(1).map((point) => `H${x(point).toFixed(1)}V${y(point).toFixed(1)}`);
  const words = say().spread(outlets, time(first), time(last));
  return drawn('svg', { class: 'spread', viewBox: '0 0 60 16', role: 'img', 'aria-label': words },
    drawn('title', {}, words), drawn('path', { d: `M0 ${y(points[0]).toFixed(1)}${steps.join('')}` }));
}

// Who depends on the company of the alert; nothing was written about these.
function exposed(alert) {
  if (!alert.exposed?.length) return [];
  const rows = alert.exposed.slice(0, MOST_EXPOSED).map((one) => {
    const names = [...one.path.slice(1).map((step) => step.company), one.company];
    const path = one.path.map((step, place) => say().isOf(say().relation[step.relation], names[place])).join(' → ');
    return element('li', {}, quoted(one.company), element('span', { class: 'small' }, `${say().arrives(Math.round(100 * one.strength))} · ${path}`));
  });
  return [element('section', { class: 'exposed' }, element('h4', {}, say().exposed), element('ul', {}, ...rows))];
}

// Whether it was right to alert. Why it was not is asked, for somebody has to mend it.
function judging({ alert, verdict, verdict_by: by, verdict_reason: reason }, act) {
  const judge = (said, why = '') => act((who) => write(`/v1/alerts/${alert.alert_id}/verdict`, { by: who, verdict: said, reason: why }));
  const dismiss = async () => {
    const why = await ask(say().why, say().whyText);
    if (why) judge('false_alarm', why);
  };
  const title = verdict && say().judged(by, reason);
  return [
    button(say().real, () => judge('real'), { 'aria-pressed': verdict === 'real', title }),
    button(say().falseAlarm, dismiss, { 'aria-pressed': verdict === 'false_alarm', title }),
  ];
}

// A receiver that never got the news: whoever reads this page may have to tell them.
const refused = (alert, refusals) => refusals
  .filter((refusal) => refusal.alert_ids.includes(alert.alert_id))
  .map((refusal) => element('p', { class: 'refused' }, say().refused(refusal.sink, refusal.error)));

function line(one, refusals, act) {
  const { alert } = one;
  const end = alert.ends_at ?? alert.window.end;
  const notes = [say().severity[alert.severity], say().until(time(alert.starts_at), time(end))];
  if (one.muted_by) notes.push(say().explained(nameOf(one.muted_by)));
  if (one.closed_by) notes.push(say().closed(one.closed_by));
  else if (one.acknowledged_by) notes.push(say().acknowledged(one.acknowledged_by));
  return element('li', { 'data-severity': alert.severity },
    element('span', {}, quoted(nameOf(alert.key)), ' — ', surge(alert)),
    element('span', { class: 'small' }, notes.join(' · ')),
    ...refused(alert, refusals),
    element('div', { class: 'row', 'data-scope': 'edit' }, ...judging(one, act)));
}

// Who acts is asked once, and kept for the next time.
export async function actor() {
  const kept = recall('by');
  if (kept) return kept;
  const given = await ask(say().who, say().whoText);
  if (given) remember('by', given);
  return given;
}
