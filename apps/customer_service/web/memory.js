// What the browser keeps. Storage can be switched off, and the page must work without it.

export function recall(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

export function remember(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    // Then it lasts as long as the page.
  }
}
