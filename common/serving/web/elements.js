// Builds what a page shows. Text from outside goes in by textContent alone.
import { languageOf } from './language.js';

const SVG = 'http://www.w3.org/2000/svg';

export const find = (id) => document.getElementById(id);

// Attributes and children that are null or undefined are left out.
export function element(tag, attributes = {}, ...children) {
  return equip(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes = {}, ...children) {
  return equip(document.createElementNS(SVG, tag), attributes, children);
}

function equip(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

// Text from outside, in a language and a direction of its own.
export function quoted(text, tag = 'span', attributes = {}) {
  const made = element(tag, { ...attributes, lang: languageOf(text), dir: 'auto' });
  made.textContent = text;
  return made;
}

export function button(content, pressed, attributes = {}) {
  const made = element('button', { type: 'button', class: 'plain', ...attributes }, content);
  made.addEventListener('click', pressed);
  return made;
}

// What makes an `a` lead to an address from outside; null where it is no address of the web.
export function linkTo(url) {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!['http:', 'https:'].includes(parsed?.protocol)) return null;
  return { href: parsed.href, target: '_blank', rel: 'noopener noreferrer' };
}
