// The page: listens to the server, and shows what it tells.
import { actor, showFiring, showPast } from './alerts.js';
import { listen, read } from './api.js';
import { button, element, fill, language, quoted, recall, remember, say, switchLanguage, time } from './elements.js';
import { showTrends } from './trends.js';

const SPANS = [24, 48, 168, 336];
let hours = Number(recall('hours')) || 48;
let latest = null;
let refreshing = false;
let again = false;

async function refresh() {
  // What changes while a refresh runs is seen by one more.
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const [alerts, trends, stories] = await Promise.all([
      read('/v1/alerts'), read(`/v1/trends?hours=${hours}`), read('/v1/stories'),
    ]);
    latest = { ...latest, alerts, trends, stories };
    show();
  } catch (error) {
    showStatus(say().failed(error.message), true);
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

function show() {
  if (!latest?.alerts) return;
  const { alerts, trends, stories } = latest;
  showFiring(alerts.alerts, alerts.silences, act);
  showPast(alerts.alerts);
  showTrends(trends, alerts.alerts);
  fill(document.getElementById('stories'), stories, () => (stories.length
    ? stories.map(story)
    : [element('li', { class: 'small' }, say().nothingYet)]));
}

function story(one) {
  const label = one.sentiment.label ?? 'none';
  const facts = [time(one.published_at), one.source, ...one.topics.map((t) => say().topics[t.name] ?? t.name), ...one.entities, one.duplicate_of ? say().copyOf : null];
  const text = one.title ?? (one.text ?? '').split('\n')[0];
  return element('li', {}, quoted(text, one.url),
    element('span', { class: 'small' },
      element('span', { class: 'sentiment', 'data-label': label }, say().sentiment[label]),
      ` · ${facts.filter(Boolean).join(' · ')}`));
}

async function act(deed) {
  const by = await actor();
  if (!by) return;
  try {
    await deed(by);
    await refresh();
  } catch (error) {
    showStatus(say().failed(error.message), true);
  }
}

function showStatus(text, trouble = false) {
  const place = document.getElementById('status');
  if (place.textContent !== text) place.textContent = text;
  place.dataset.state = trouble ? 'trouble' : 'well';
}

function tell(status) {
  latest = { ...latest, status };
  if (status.failed) showStatus(status.failed, true);
  else if (status.disk_full) showStatus(say().disk, true);
  else if (status.drift) showStatus(say().drift, true);
  else if (!status.event_time) showStatus(say().waiting(status.takes_records));
  else showStatus(say().line({ ...status.tally, time: time(status.event_time), budget: status.budget }));
}

function dress() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.title = say().title;
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = say()[node.dataset.text];
  document.getElementById('language').textContent = say().otherLanguage;
  document.getElementById('theme').textContent = say().theme[theme()];
  const spans = document.getElementById('spans');
  spans.setAttribute('aria-label', say().spansLabel);
  spans.replaceChildren(...SPANS.map((span) => button(say().spans[span], () => {
    hours = span;
    remember('hours', span);
    dress();
    refresh();
  }, { 'aria-pressed': span === hours })));
  if (latest?.status) tell(latest.status);
  show();
}

function theme() {
  const dark = window.matchMedia('(prefers-color-scheme: dark)').matches;
  return document.documentElement.dataset.theme ?? (dark ? 'dark' : 'light');
}

document.getElementById('language').addEventListener('click', () => { switchLanguage(); dress(); });
document.getElementById('theme').addEventListener('click', () => {
  const next = theme() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  remember('theme', next);
  dress();
});
document.getElementById('ask-cancel').addEventListener('click', () => document.getElementById('ask').close());

dress();
listen((status) => {
  tell(status);
  refresh();
}, () => showStatus(say().lost, true));
