// Talks to the server, with the key where it wants one.
import { ask } from './ask.js';
import { say } from './language.js';
import { recall, remember } from './memory.js';

const SHORTEST_WAIT_SECONDS = 1;
// Where the server is: at the root of its host, or behind a path.
const ROOT = new URL('../../', import.meta.url);
const SCOPES = ['ask', 'edit', 'learn', 'admin'];
let key = recall('api-key', 'sessionStorage');
let asking = null;
seeAccess();

export class ProblemError extends Error {
  constructor(message, status, retryAfter = null, details = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.details = details;
  }
}

export class LostError extends Error {}

// Parameters that are null are left out.
export async function read(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  return (await request(`${path}?${new URLSearchParams(given)}`)).json();
}

export async function write(path, body) {
  return (await post(path, body)).json();
}

export function post(path, body, options = {}) {
  const headers = { 'Content-Type': 'application/json' };
  return request(path, { ...options, method: 'POST', headers, body: JSON.stringify(body) });
}

export async function request(path, options = {}) {
  const sent = key;
  const headers = sent ? { ...options.headers, Authorization: `Bearer ${sent}` } : options.headers;
  const reply = await orLost(() => fetch(new URL(path.slice(1), ROOT), { ...options, headers }));
  if (reply.status === 401) {
    // One dialog for all requests that were refused meanwhile.
    if (key === sent) asking ??= askForKey().finally(() => { asking = null; });
    if (key !== sent || (await asking)) return request(path, options);
    throw new ProblemError(say().needsKey, 401);
  }
  if (reply.ok) return reply;
  const problem = await reply.json().catch(() => ({}));
  const wait = reply.headers.get('Retry-After');
  const message = problem.detail || problem.title || String(reply.status);
  throw new ProblemError(message, reply.status, wait && secondsUntil(wait), problem);
}

async function askForKey() {
  const given = await ask(say().keyTitle, key ? say().keyRefused : say().keyText, 'password');
  if (!given) return false;
  key = given;
  remember('api-key', key, 'sessionStorage');
  seeAccess();
  return true;
}

// What the key may not do is not shown: `data-scope` of an element names what it is for.
async function seeAccess() {
  const reply = await fetch(new URL('v1/access', ROOT), { headers: key ? { Authorization: `Bearer ${key}` } : {} }).catch(() => null);
  if (!reply?.ok) return;
  const { needs_key: needsKey, scopes } = await reply.json();
  document.documentElement.dataset.lacks = needsKey ? '' : SCOPES.filter((scope) => !scopes.includes(scope)).join(' ');
}

// The browser tells a lost network and a blocked request by the same TypeError.
export async function orLost(task) {
  try {
    return await task();
  } catch (error) {
    throw error instanceof TypeError ? new LostError(say().lost) : error;
  }
}

// Retry-After holds seconds or a date.
function secondsUntil(wait) {
  const seconds = /^\d+$/.test(wait) ? Number(wait) : (Date.parse(wait) - Date.now()) / 1000;
  return Math.max(SHORTEST_WAIT_SECONDS, Math.ceil(seconds) || 0);
}
