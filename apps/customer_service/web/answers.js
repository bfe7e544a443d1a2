// Talks to the server: one question in, the events of its answer out.
import { LostError, ProblemError, post, write } from './shared/api.js';
import { events } from './shared/events.js';
import { say } from './shared/language.js';

// What was chosen is shown at once; the server is told, so that it follows what comes next.
export function tell(question, conversation) {
  return write('/v1/answers', { question, conversation_id: conversation });
}

export async function* answer(question, conversation, signal) {
  const asked = { question, conversation_id: conversation, stream: true };
  const response = await post('/v1/answers', asked, { signal });
  if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
    yield { name: 'done', data: await response.json() };
    return;
  }
  for await (const event of events(response.body)) {
    if (event.name === 'error') throw new ProblemError(event.data.detail || event.data.title, event.data.status ?? 500);
    yield event;
    if (event.name === 'done') return;
  }
  throw new LostError(say().lost);
}
