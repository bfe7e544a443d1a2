// The page: one user at a time, their history beside their ranking.
import { refreshExperiment, showExperiment } from './experiment.js';
import { showHistory, showRanking } from './lists.js';
import { number } from './numbers.js';
import { read } from './shared/api.js';
import { theme, watchControls } from './shared/controls.js';
import { button, element, find, quoted } from './shared/elements.js';
import { language, refreshTexts, say, speak } from './shared/language.js';
import { recall, remember } from './shared/memory.js';
import { texts } from './texts.js';

const LENGTHS = [10, 20, 50];
const USERS_SHOWN = 12;
const PAUSE = 200;
let length = LENGTHS.find((one) => one === Number(recall('length'))) ?? LENGTHS[0];
// The strength asked for; null: as the release was tuned.
let strength = null;
let user = null;
let offered = null;
let history = null;
let ranking = null;
const failed = new Map();

// Runs `task` later, and only the latest of many; it asks whether it still is the latest.
function latestOf(task) {
  const key = {};
  let timer = 0;
  let turn = 0;
  return (wait = 0) => {
    clearTimeout(timer);
    turn += 1;
    const mine = turn;
    timer = setTimeout(() => attempt(key, task, () => mine === turn), wait);
  };
}

async function attempt(key, task, isLatest = () => true) {
  try {
    await task(isLatest);
    failed.delete(key);
  } catch (error) {
    if (isLatest()) failed.set(key, { message: error.message, again: () => attempt(key, task, isLatest) });
  }
  showTrouble();
}

function showTrouble() {
  const [first] = failed.values();
  find('trouble').hidden = !first;
  find('trouble-text').textContent = first ? say().failed(first.message) : '';
}

const path = (id) => encodeURIComponent(id);
const query = () => find('query').value.trim();

const offer = latestOf(async (isLatest) => {
  const asked = query();
  const found = await read('/v1/users', { query: asked, limit: USERS_SHOWN });
  if (!isLatest()) return;
  offered = { ...found, asked };
  showUsers();
  if (user === null && found.users.length) choose(found.users[0]);
});

const refreshRanking = latestOf(async (isLatest) => {
  const asked = user;
  find('next').setAttribute('aria-busy', 'true');
  try {
    const found = await read(`/v1/recommendations/${path(asked)}`, { k: length, diversity: strength, language });
    if (!isLatest()) return;
    ranking = found;
    showBoth();
    find('announcer').textContent = say().loaded(found.items.length, asked);
  } finally {
    if (isLatest()) find('next').removeAttribute('aria-busy');
  }
});

const refreshHistory = latestOf(async (isLatest) => {
  const found = await read(`/v1/users/${path(user)}/history`);
  if (!isLatest()) return;
  history = found;
  showBoth();
});

function choose(id) {
  user = id;
  history = null;
  ranking = null;
  const address = new URLSearchParams({ user: id });
  if (location.hash.slice(1) !== String(address)) window.history.pushState(null, '', `#${address}`);
  // Marked, not built again: the keyboard stays where it is.
  mark(find('users'), id);
  refreshHistory();
  refreshRanking();
}

function mark(place, value) {
  for (const one of place.querySelectorAll('button')) one.setAttribute('aria-pressed', one.value === String(value));
}

function showBoth() {
  if (history) showHistory(history);
  // After the history: a reason leads to the event it speaks of.
  if (history && ranking) showRanking(ranking);
  showStrength();
}

function showUsers() {
  if (!offered) return;
  const { users, total, asked } = offered;
  find('found').textContent = users.length ? (asked ? say().matches(users.length, USERS_SHOWN) : say().samples(total)) : say().noUser;
  find('users').replaceChildren(...users.map((id) => element('li', {},
    button(quoted(id), () => choose(id), { value: id }))));
  mark(find('users'), user);
}

function showStrength() {
  const now = strength ?? ranking?.tuned_diversity ?? 0;
  const words = strength === null && ranking ? `${number(now)} (${say().isTuned})` : number(now);
  find('diversity').value = now;
  find('diversity').setAttribute('aria-valuetext', words);
  find('strength').textContent = words;
  find('tuned').disabled = strength === null;
}

function showLengths() {
  find('lengths').setAttribute('aria-label', say().lengths);
  find('lengths').replaceChildren(...LENGTHS.map((one) => button(say().length(one), () => {
    length = one;
    remember('length', one);
    mark(find('lengths'), one);
    if (user !== null) refreshRanking();
  }, { value: one })));
  mark(find('lengths'), length);
}

function dress() {
  refreshTexts();
  find('theme').textContent = say().theme[theme()];
  showLengths();
  showUsers();
  showBoth();
  showExperiment();
  showTrouble();
}

// The user named in the address, so that a ranking can be sent to a colleague.
function chosenByAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get('user');
  if (id !== null && id !== user) choose(id);
}

find('find').addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(offer, async () => {
    const { users } = await read('/v1/users', { query: query(), limit: USERS_SHOWN });
    const id = users.includes(query()) ? query() : users[0];
    if (id !== undefined) choose(id);
  });
});
find('query').addEventListener('input', () => offer(PAUSE));
find('diversity').addEventListener('input', () => {
  strength = Number(find('diversity').value);
  showStrength();
  if (user !== null) refreshRanking(PAUSE);
});
find('tuned').addEventListener('click', () => {
  strength = null;
  showStrength();
  find('diversity').focus();
  if (user !== null) refreshRanking();
});
find('retry').addEventListener('click', () => { for (const { again } of [...failed.values()]) again(); });
watchControls(() => {
  dress();
  // The reasons are written by the server.
  if (user !== null) refreshRanking();
}, dress);
window.addEventListener('popstate', chosenByAddress);

speak(texts);
dress();
chosenByAddress();
offer();
attempt(showExperiment, refreshExperiment);
