// Listens to the server for what is new.
import { ProblemError, request } from './shared/api.js';
import { events } from './shared/events.js';

const PAUSE = 2000;

// Calls `changed` with each status the server tells of, and `lost` while there is none to be had.
export async function listen(changed, lost) {
  for (;;) {
    try {
      const reply = await request('/v1/events');
      for await (const { data } of events(reply.body)) changed(data);
    } catch (error) {
      if (!(error instanceof ProblemError)) lost();
    }
    await new Promise((done) => { setTimeout(done, PAUSE); });
  }
}
