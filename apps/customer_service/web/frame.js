// The chat in the frame of another site: under the name that the site gave it, and closed from within.
import { icon } from './icon.js';
import { find } from './shared/elements.js';
import { bindText } from './shared/language.js';
import { isFramed, tellSite } from './site.js';

const close = () => tellSite('close');

if (isFramed()) {
  const title = new URLSearchParams(location.hash.slice(1)).get('title');
  if (title) {
    find('name').removeAttribute('data-text');
    find('name').textContent = title;
  }
  const name = bindText(document.createElement('span'), (words) => words.close);
  name.className = 'unseen';
  find('close').append(icon('close'), name);
  find('close').addEventListener('click', close);
  document.addEventListener('keydown', (event) => {
    const stops = find('send').classList.contains('stops');
    if (event.key === 'Escape' && !event.isComposing && !stops) close();
  });
  window.addEventListener('message', (event) => {
    if (event.source === window.parent && event.data?.bizlm === 'opened') find('question').focus({ preventScroll: true });
  });
}
