// Talks to the server: one question in, events of its answer out.

export class ProblemError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

function headers() {
  const found = { 'Content-Type': 'application/json' };
  const key = sessionStorage.getItem('api-key');
  if (key) found.Authorization = `Bearer ${key}`;
  return found;
}

async function checked(response) {
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new ProblemError(response.status, problem, Number(response.headers.get('Retry-After')) || 1);
}

export async function examples(language) {
  const response = await fetch(`/v1/examples?language=${language}`, { headers: headers() });
  return (await checked(response)).json();
}

export async function* answer(question, conversation, signal) {
  const body = JSON.stringify({ question, conversation_id: conversation, stream: true });
  const response = await checked(
    await fetch('/v1/answers', { method: 'POST', headers: headers(), body, signal }),
  );
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (buffered + value).split(/\r?\n\r?\n/);
    buffered = blocks.pop();
    for (const block of blocks) yield parse(block);
  }
}

function parse(block) {
  let name = 'message';
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith('event:')) name = line.slice(6).trim();
    if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
  return { name, data: data.length ? JSON.parse(data.join('\n')) : null };
}
