// Builds what the page shows. Text from outside goes in by textContent alone.
import { texts } from './texts.js';

const SVG = 'http://www.w3.org/2000/svg';

export let language = startLanguage();

function startLanguage() {
  const kept = recall('language');
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

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

export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const shown = new WeakMap();

// Builds a place anew only if what it shows has changed: focus and selection survive the rest.
export function fill(place, facts, build) {
  const told = JSON.stringify([language, facts]);
  if (shown.get(place) === told) return;
  shown.set(place, told);
  place.replaceChildren(...build());
}

// Text from outside, in a language of its own; a link where the address is safe.
export function quoted(text, url) {
  const language = /\p{Script=Han}/u.test(text) ? 'zh' : /\p{Script=Latin}/u.test(text) ? 'en' : '';
  const link = safeLink(url);
  const attributes = { lang: language, dir: 'auto' };
  const made = link
    ? element('a', { ...attributes, href: link, target: '_blank', rel: 'noopener noreferrer' })
    : element('span', attributes);
  made.textContent = text;
  return made;
}

function safeLink(url) {
  try {
    const parsed = new URL(url);
    return ['http:', 'https:'].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

export function button(text, pressed, attributes = {}) {
  const made = element('button', { type: 'button', class: 'plain', ...attributes }, text);
  made.addEventListener('click', pressed);
  return made;
}

export function time(iso) {
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en-GB', {
    month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
  }).format(new Date(iso));
}

// Asks for one line; null if the user thinks better of it.
export function ask(title, text, secret = false) {
  const dialog = document.getElementById('ask');
  const input = document.getElementById('ask-input');
  document.getElementById('ask-title').textContent = title;
  document.getElementById('ask-text').textContent = text;
  input.type = secret ? 'password' : 'text';
  input.value = '';
  return new Promise((answered) => {
    dialog.addEventListener('close', () => {
      answered(dialog.returnValue === 'ok' ? input.value.trim() || null : null);
    }, { once: true });
    dialog.returnValue = '';
    dialog.showModal();
  });
}
