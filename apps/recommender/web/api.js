// Asks the server, with the key where it wants one.
import { askForKey, recall, remember, say } from './elements.js';

let asking = null;

export async function read(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  const reply = await send(`${path}?${new URLSearchParams(given)}`);
  if (reply.status === 401) {
    // One dialog for all requests that were refused meanwhile.
    asking ??= askForKey().finally(() => { asking = null; });
    const key = await asking;
    if (!key) throw new Error(say().needsKey);
    remember('key', key, 'sessionStorage');
    return read(path, parameters);
  }
  if (!reply.ok) {
    const problem = await reply.json().catch(() => ({}));
    throw new Error(problem.detail ?? problem.title ?? String(reply.status));
  }
  return reply.json();
}

async function send(path) {
  const key = recall('key', 'sessionStorage');
  try {
    return await fetch(path, { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  } catch {
    throw new Error(say().lost);
  }
}
