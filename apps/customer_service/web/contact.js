// Outside the hours a customer may leave where they can be reached; said is what for, and how long it is kept.
import { conversationId, keepContact } from './conversation.js';
import { post } from './shared/api.js';
import { button, element, quoted } from './shared/elements.js';
import { bindText } from './shared/language.js';

export function contactForm({ id, ticket }) {
  const box = element('div', { class: 'contact' });
  if (ticket.left) thank(box, id, ticket.left);
  else ask(box, id);
  return box;
}

function ask(box, id) {
  const field = element('input', { maxlength: '200', autocomplete: 'email', required: '', dir: 'ltr' });
  const label = element('label', {}, bindText(element('span', { class: 'small' }), (words) => words.contact.label), field);
  const trouble = element('p', { class: 'small trouble', role: 'alert' });
  const form = element('form', { class: 'row' }, label,
    bindText(element('button', { class: 'plain' }), (words) => words.contact.leave));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const contact = field.value.trim();
    if (!await told({ contact, consent: true }, trouble)) return;
    keepContact(id, contact);
    thank(box, id, contact);
  });
  box.replaceChildren(form, bindText(element('p', { class: 'small' }), (words) => words.contact.consent), trouble);
}

function thank(box, id, contact) {
  const trouble = element('p', { class: 'small trouble', role: 'alert' });
  const back = bindText(button('', async () => {
    if (!await told({ contact: null }, trouble)) return;
    keepContact(id, null);
    ask(box, id);
  }), (words) => words.contact.takeBack);
  const done = element('p', { class: 'small', role: 'status' },
    bindText(element('span'), (words) => words.contact.left), ' ', quoted(contact));
  box.replaceChildren(done, element('div', { class: 'row' }, back), trouble);
}

async function told(body, trouble) {
  try {
    await post(`/v1/conversations/${encodeURIComponent(conversationId())}/contact`, body);
    return true;
  } catch (error) {
    // The ticket is deleted, and what was left with it.
    if (body.contact === null && error.status === 404) return true;
    const refused = error.status === 422;
    bindText(trouble, (words) => (refused ? words.contact.neither : words.failed(error.message)));
    return false;
  }
}
