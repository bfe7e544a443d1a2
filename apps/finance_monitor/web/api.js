// Talks to the server: reads, writes, and listens for what is new.
import { ask, recall, remember, say } from './elements.js';

const PAUSE = 2000;
let asking = null;

export class RefusedError extends Error {}

function headers(more = {}) {
  const key = recall('key', 'sessionStorage');
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

async function request(path, options = {}) {
  const sent = { ...options, headers: headers(options.headers) };
  const reply = await fetch(path, sent);
  if (reply.status === 401) {
    // One dialog for all requests that were refused meanwhile.
    asking ??= ask(say().keyTitle, say().keyText, true).finally(() => { asking = null; });
    const key = await asking;
    if (!key) throw new RefusedError('401');
    remember('key', key, 'sessionStorage');
    return request(path, options);
  }
  if (!reply.ok) {
    const problem = await reply.json().catch(() => ({}));
    throw new RefusedError(problem.detail ?? problem.title ?? String(reply.status));
  }
  return reply;
}

export async function read(path) {
  return (await request(path)).json();
}

export async function write(path, body) {
  const options = { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  return (await request(path, options)).json();
}

// Calls `changed` with each status the server tells of, and `lost` while there is none to be had.
export async function listen(changed, lost) {
  for (;;) {
    try {
      const reply = await request('/v1/events');
      await readEvents(reply.body.pipeThrough(new TextDecoderStream()).getReader(), changed);
    } catch (error) {
      if (!(error instanceof RefusedError)) lost();
    }
    await new Promise((done) => { setTimeout(done, PAUSE); });
  }
}

async function readEvents(reader, changed) {
  let held = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (held + value).split('\n\n');
    held = parts.pop();
    for (const part of parts) {
      const data = part.split('\n').filter((line) => line.startsWith('data:'));
      if (data.length) changed(JSON.parse(data.map((line) => line.slice(5)).join('\n')));
    }
  }
}
