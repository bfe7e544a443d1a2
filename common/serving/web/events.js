// Reads a stream of server-sent events, one at a time: its name, and its data from JSON.
import { orLost } from './api.js';

export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  for (;;) {
    const { value, done } = await orLost(() => reader.read());
    if (done) return;
    const blocks = (buffered + value).split(/\r?\n\r?\n/);
    buffered = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
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
