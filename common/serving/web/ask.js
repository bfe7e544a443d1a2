// Asks whoever is at the page for one line.
import { button, element } from './elements.js';
import { say } from './language.js';

let last = Promise.resolve();

// Null if they think better of it. One question waits for the other.
export function ask(title, text, type = 'text') {
  last = last.then(() => show(title, text, type));
  return last;
}

function show(title, text, type) {
  const input = element('input', {
    id: 'ask-input', type, autocomplete: 'off', spellcheck: 'false', required: '',
    'aria-labelledby': 'ask-title', 'aria-describedby': 'ask-text',
  });
  const dialog = element('dialog', { id: 'ask', 'aria-labelledby': 'ask-title' },
    element('form', { method: 'dialog' },
      element('h2', { id: 'ask-title' }, title),
      element('p', { id: 'ask-text' }, text),
      input,
      element('div', { class: 'row' },
        button(say().cancel, () => dialog.close(), { class: 'quiet' }),
        element('button', { value: 'ok', class: 'main' }, say().ok))));
  document.body.append(dialog);
  return new Promise((answered) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      answered((dialog.returnValue === 'ok' && input.value.trim()) || null);
    });
    dialog.showModal();
  });
}
