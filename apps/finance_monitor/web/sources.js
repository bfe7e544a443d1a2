// Sources that are asked again and again: how each of them does.
import { fill } from './fill.js';
import { element, find, quoted } from './shared/elements.js';
import { say, time } from './shared/language.js';

export function showSources(sources) {
  const place = find('sources');
  place.hidden = !sources.length;
  fill(place.querySelector('thead tr'), [say().sources], () => say().sourceHeads.map((head) => element('th', { scope: 'col' }, head)));
  fill(place.querySelector('tbody'), sources, () => sources.map(row));
}

function row(one) {
  const told = [one.failed_at && time(one.failed_at), one.last_error].filter(Boolean).join(': ');
  return element('tr', { 'data-state': one.error ? 'trouble' : 'well' },
    element('th', { scope: 'row' }, quoted(one.name)),
    element('td', {}, one.heard_at ? time(one.heard_at) : say().never),
    element('td', {}, one.behind === null ? '–' : say().minutes(one.behind / 60)),
    element('td', {}, one.next_try ? time(one.next_try) : say().never),
    element('td', {}, quoted(told)));
}
