// Who waits, in the title of the tab; and a new ticket, told without a sound.
import { find } from './shared/elements.js';
import { bindText, say } from './shared/language.js';

let waiting = 0;
// When the newest was opened that is known; null before the first look.
let known = null;
let isNews = false;

export function noteNews(listed) {
  waiting = listed.waiting;
  const opened = listed.newest?.opened_at ?? 0;
  if (known !== null && opened > known) {
    bindText(find('news'), (words) => words.isNew(listed.newest.why.question));
    isNews = document.hidden || !document.hasFocus();
  }
  known = Math.max(known ?? 0, opened);
  showTitle();
}

export function showTitle() {
  document.title = `${isNews ? '● ' : ''}${waiting ? `(${waiting}) ` : ''}${say().title}`;
}

function seen() {
  if (document.hidden) return;
  isNews = false;
  showTitle();
}

window.addEventListener('focus', seen);
document.addEventListener('visibilitychange', seen);
