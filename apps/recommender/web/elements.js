// Builds what the page shows. Text from outside goes in by textContent alone.
import { texts } from './texts.js';

export let language = startLanguage();

function startLanguage() {
  const kept = recall('language');
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const find = (id) => document.getElementById(id);
export const say = () => texts[language];

export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh';
  remember('language', language);
}

// Storage may be switched off; then a choice lasts as long as the page.
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
    // Forgotten with the page.
  }
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Text from outside, in a language and a direction of its own.
export function quoted(text, tag = 'span', attributes = {}) {
  const spoken = /\p{Script=Han}/u.test(text) ? 'zh' : /\p{Script=Latin}/u.test(text) ? 'en' : '';
  const made = element(tag, { ...attributes, lang: spoken, dir: 'auto' });
  made.textContent = text;
  return made;
}

export function button(content, pressed, attributes = {}) {
  const made = element('button', { type: 'button', class: 'plain', ...attributes }, content);
  made.addEventListener('click', pressed);
  return made;
}

const locale = () => (language === 'zh' ? 'zh-CN' : 'en-GB');

export function time(iso) {
  return new Intl.DateTimeFormat(locale(), {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
  }).format(new Date(iso));
}

export function number(value, options = {}) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2, ...options }).format(value);
}

export function percent(share) {
  return number(share, { style: 'percent', maximumFractionDigits: share < 0.01 ? 2 : share < 0.1 ? 1 : 0 });
}

// Asks for a key; null if the user thinks better of it.
export function askForKey() {
  const dialog = find('ask');
  find('ask-title').textContent = say().keyTitle;
  find('ask-text').textContent = say().keyText;
  find('ask-input').value = '';
  return new Promise((answered) => {
    dialog.addEventListener('close', () => {
      answered(dialog.returnValue === 'ok' ? find('ask-input').value.trim() || null : null);
    }, { once: true });
    dialog.returnValue = '';
    dialog.showModal();
  });
}
