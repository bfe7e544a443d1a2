// A classic script in the head: a module would run after the first paint, in the wrong colours.
'use strict';

try {
  const chosen = localStorage.getItem('theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off; the system's colours serve.
}
