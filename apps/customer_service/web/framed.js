// A classic script in the head: in the frame of another site, what that site chose stands before
// anything is shown.
'use strict';

if (location.pathname.endsWith('/widget')) {
  const chosen = new URLSearchParams(location.hash.slice(1));
  const { dataset } = document.documentElement;
  const theme = chosen.get('theme');
  const language = chosen.get('language');
  dataset.framed = '';
  if (theme === 'light' || theme === 'dark') dataset.theme = theme;
  else delete dataset.theme;
  if (language === 'en' || language === 'zh') dataset.language = language;
  // Without the consent of the site's visitor nothing is stored in their browser.
  if (!chosen.has('remember')) dataset.storage = 'none';
}
