// The two buttons at the head of a page: the other language, the other colours.
import { find } from './elements.js';
import { switchLanguage } from './language.js';
import { remember } from './memory.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

export const theme = () => document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light');

// Calls `languageChanged` and `themeChanged`, which show anew what follows them.
export function watchControls(languageChanged, themeChanged) {
  find('language').addEventListener('click', () => {
    switchLanguage();
    languageChanged();
  });
  find('theme').addEventListener('click', () => {
    document.documentElement.dataset.theme = theme() === 'dark' ? 'light' : 'dark';
    remember('theme', theme());
    themeChanged();
  });
  dark.addEventListener('change', themeChanged);
}
