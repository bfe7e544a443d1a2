// What the browser keeps. Storage can be switched off, and a page must work without it.

export function recall(name, storage = 'localStorage') {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value, storage = 'localStorage') {
  try {
    window[storage].setItem(name, value);
  } catch {
    // Then it lasts as long as the page.
  }
}
