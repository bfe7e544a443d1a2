// Builds what the page shows. Text from outside goes in by textContent alone.
import { recall, remember } from './memory.js';
import { texts } from './texts.js';

const SVG = 'http://www.w3.org/2000/svg';
const spoken = new Map();

export let language = startLanguage();

function startLanguage() {
  const kept = recall('localStorage', 'language');
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const say = () => texts[language];

export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh';
  remember('localStorage', 'language', language);
  retell();
}

// Gives a node words of the page that follow the language: `words` reads them from `texts`.
export function tell(node, words) {
  spoken.set(node, words);
  node.textContent = words(say());
  return node;
}

export function retell() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.title = say().title;
  for (const [node, words] of spoken) {
    if (node.isConnected) node.textContent = words(say());
    else spoken.delete(node);
  }
  for (const node of document.querySelectorAll('[data-text]')) {
    node.textContent = say()[node.dataset.text];
  }
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Text from outside, in a language and a direction of its own.
export function quoted(tag, text, attributes = {}) {
  const made = element(tag, { ...attributes, lang: languageOf(text), dir: 'auto' });
  made.textContent = text;
  return made;
}

// Empty, which is HTML's word for unknown, where neither of our languages shows.
export function languageOf(text) {
  if (/[\u3040-\u30ff]/.test(text)) return '';
  if (/\p{Script=Han}/u.test(text)) return 'zh';
  return /\p{Script=Latin}/u.test(text) ? 'en' : '';
}

export function icon(name) {
  const drawn = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  drawn.setAttribute('aria-hidden', 'true');
  drawn.setAttribute('class', 'icon');
  use.setAttribute('href', `#icon-${name}`);
  drawn.append(use);
  return drawn;
}

export function button(words, pressed, attributes = {}) {
  const made = tell(element('button', { type: 'button', ...attributes }), words);
  made.addEventListener('click', pressed);
  return made;
}

export function safeLink(url) {
  try {
    const parsed = new URL(url);
    return ['http:', 'https:'].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}
