// The page: listens to the server, and shows what it tells.
import { actor, showFiring, showPast } from './alerts.js';
import { asked, chosenList, showSearch, showWatchlists } from './filters.js';
import { read, write } from './shared/api.js';
import { theme, watchControls } from './shared/controls.js';
import { button, find } from './shared/elements.js';
import { refreshTexts, say, speak, time } from './shared/language.js';
import { recall, remember } from './shared/memory.js';
import { showSources } from './sources.js';
import { listen } from './status.js';
import { showStories } from './stories.js';
import { texts } from './texts.js';
import { showTrends } from './trends.js';

const SPANS = [24, 48, 168, 336];
// How long what was just done stays to be read, in milliseconds.
const NOTICE = 6000;
let hours = Number(recall('hours')) || 48;
let latest = null;
let refreshing = false;
let again = false;
let noticed = 0;

async function refresh() {
  // What changes while a refresh runs is seen by one more.
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const watchlists = await read('/v1/watchlists');
    const watchlist = chosenList(watchlists);
    const [alerts, trends, stories] = await Promise.all([
      read('/v1/alerts', { watchlist }), read('/v1/trends', { hours, watchlist }), read('/v1/stories', { ...asked(), watchlist }),
    ]);
    latest = { ...latest, watchlists, alerts, trends, stories };
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
  showFiring(alerts, act);
  showPast(alerts, act);
  showTrends(trends, alerts.alerts);
  showWatchlists(latest.watchlists, refresh);
  showSearch(latest.status?.topics ?? [], refresh);
  showStories(stories, latest.status?.topics ?? [], correct);
}

// Says what is right of a story.
async function correct(right) {
  try {
    const receipt = await write('/v1/feedback', right);
    notice(receipt.counts_alone ? say().taken : say().takenBySecond);
    return true;
  } catch (error) {
    showStatus(say().failed(error.message), true);
    return false;
  } finally {
    setTimeout(show);
  }
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
  const place = find('status');
  if (place.textContent !== text) place.textContent = text;
  place.dataset.state = trouble ? 'trouble' : 'well';
}

// Says what was just done; what the server tells meanwhile waits, trouble excepted.
function notice(text) {
  showStatus(text);
  noticed = Date.now() + NOTICE;
  setTimeout(() => { if (latest?.status) showWatch(latest.status); }, NOTICE);
}

function showWatch(status) {
  latest = { ...latest, status };
  showSources(status.sources);
  const outages = Object.entries(status.outages).map(([name, why]) => say().silent(name, why));
  if (status.failed) showStatus(status.failed, true);
  else if (status.disk_full) showStatus(say().disk, true);
  else if (outages.length) showStatus(outages.join(' · '), true);
  else if (status.refused_setup) showStatus(say().refusedSetup(status.refused_setup), true);
  else if (status.drift) showStatus(say().drift, true);
  else if (Date.now() < noticed) return;
  else if (!status.event_time) showStatus(say().waiting(status.takes_records));
  else showStatus(say().line({ ...status.tally, time: time(status.event_time), budget: status.budget }));
}

function dress() {
  refreshTexts();
  find('theme').textContent = say().theme[theme()];
  const spans = find('spans');
  spans.setAttribute('aria-label', say().spansLabel);
  spans.replaceChildren(...SPANS.map((span) => button(say().spans[span], () => {
    hours = span;
    remember('hours', span);
    dress();
    refresh();
  }, { 'aria-pressed': span === hours })));
  if (latest?.status) showWatch(latest.status);
  show();
}

watchControls(dress, dress);
speak(texts);
dress();
listen((status) => {
  showWatch(status);
  refresh();
}, () => showStatus(say().lost, true));
