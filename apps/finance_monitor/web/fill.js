// Fills a place of the page.
import { language } from './shared/language.js';

const shown = new WeakMap();

// Builds a place anew only if what it shows has changed: focus and selection survive the rest.
export function fill(place, facts, build) {
  const told = JSON.stringify([language, facts]);
  if (shown.get(place) === told) return;
  shown.set(place, told);
  place.replaceChildren(...build());
}
