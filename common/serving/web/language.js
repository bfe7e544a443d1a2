// The language of a page: which of the two it is, and what is said in it.
import { recall, remember } from './memory.js';
import { texts } from './texts.js';

const words = { ...texts };
const bound = new Map();

export let language = startLanguage();

function startLanguage() {
  const kept = document.documentElement.dataset.language ?? recall('language');
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const say = () => words[language];

// Takes a page's own words; it does so before anything is shown.
export function speak(own) {
  for (const name of Object.keys(words)) words[name] = { ...texts[name], ...own[name] };
}

export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh';
  remember('language', language);
}

// Gives a node words that follow the language: `choose` takes them from those of the page.
export function bindText(node, choose) {
  bound.set(node, choose);
  node.textContent = choose(say());
  return node;
}

export function refreshTexts() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.title = say().title;
  for (const [node, choose] of bound) {
    if (node.isConnected) node.textContent = choose(say());
    else bound.delete(node);
  }
  for (const node of document.querySelectorAll('[data-text]')) {
    node.textContent = say()[node.dataset.text];
  }
}

// Empty, which is HTML's word for unknown, where neither of our languages shows.
export function languageOf(text) {
  if (/[\u3040-\u30ff]/.test(text)) return '';
  if (/\p{Script=Han}/u.test(text)) return 'zh';
  return /\p{Script=Latin}/u.test(text) ? 'en' : '';
}

export const locale = () => (language === 'zh' ? 'zh-CN' : 'en-GB');

export function time(iso, more = {}) {
  return new Intl.DateTimeFormat(locale(), {
    month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', ...more,
  }).format(new Date(iso));
}
