// Numbers as the language writes them.
import { locale } from './shared/language.js';

export function number(value, options = {}) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2, ...options }).format(value);
}

export function percent(share) {
  return number(share, { style: 'percent', maximumFractionDigits: share < 0.01 ? 2 : share < 0.1 ? 1 : 0 });
}
