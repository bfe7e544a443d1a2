// Talks to the server: one question in, the events of its answer out.
import { recall } from './memory.js';

const SHORTEST_WAIT_SECONDS = 1;

export class ProblemError extends Error {
  constructor(problem, status, retryAfter = null) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export class LostError extends Error {}

export async function examples(language) {
  const response = await send(`/v1/examples?language=${language}`, { headers: headers() });
  return response.json();
}

export async function* answer(question, conversation, signal) {
  const body = JSON.stringify({ question, conversation_id: conversation, stream: true });
  const response = await send('/v1/answers', { method: 'POST', headers: headers(), body, signal });
  if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
    yield { name: 'done', data: await response.json() };
    return;
  }
  for await (const event of events(response.body)) {
    if (event.name === 'error') throw new ProblemError(event.data, event.data.status ?? 500);
    yield event;
    if (event.name === 'done') return;
  }
  throw new LostError('The stream ended before the answer did.');
}

function headers() {
  const sent = { 'Content-Type': 'application/json' };
  const key = recall('sessionStorage', 'api-key');
  if (key) sent.Authorization = `Bearer ${key}`;
  return sent;
}

async function send(path, options) {
  const response = await connect(path, options);
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const wait = response.headers.get('Retry-After');
  throw new ProblemError(problem, response.status, wait && secondsUntil(wait));
}

async function connect(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    // fetch tells a lost network and a blocked request by the same TypeError.
    throw error instanceof TypeError ? new LostError(error.message) : error;
  }
}

// Retry-After holds seconds or a date.
function secondsUntil(wait) {
  const seconds = /^\d+$/.test(wait) ? Number(wait) : (Date.parse(wait) - Date.now()) / 1000;
  return Math.max(SHORTEST_WAIT_SECONDS, Math.ceil(seconds) || 0);
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  for (;;) {
    const { value, done } = await read(reader);
    if (done) return;
    const blocks = (buffered + value).split(/\r?\n\r?\n/);
    buffered = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
  }
}

async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    throw error instanceof TypeError ? new LostError(error.message) : error;
  }
}

// Null for a block without data, such as a comment that keeps the connection open.
function parse(block) {
  let name = 'message';
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith('event:')) name = line.slice(6).trim();
    if (line.startsWith('data:')) data.push(line.slice(5));
  }
  return data.length ? { name, data: JSON.parse(data.join('\n')) } : null;
}
