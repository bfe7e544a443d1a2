// An icon of those that `index.html` holds.
import { drawn } from './shared/elements.js';

export function icon(name) {
  return drawn('svg', { class: 'icon', 'aria-hidden': 'true' }, drawn('use', { href: `#icon-${name}` }));
}
