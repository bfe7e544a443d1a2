// What the browser keeps. Storage can be switched off, by the browser or by the page that frames
// this one, and a page must work without it.

const mayKeep = () => document.documentElement.dataset.storage !== 'none';

export function recall(name, storage = 'localStorage') {
  if (!mayKeep()) return null;
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value, storage = 'localStorage') {
  if (!mayKeep()) return;
  try {
    window[storage].setItem(name, value);
  } catch {
    // Then it lasts as long as the page.
  }
}
