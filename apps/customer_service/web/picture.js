// A picture that is pasted, dropped or chosen becomes text, which its sender looks over before asking.
import { icon } from './icon.js';
import { explain } from './problems.js';
import { write } from './shared/api.js';
import { find } from './shared/elements.js';
import { bindText } from './shared/language.js';

const MOST_BYTES = 8_000_000;
let reading = false;

// `take` gets the text; `refuse` says what is wrong, in the language shown.
export function acceptPictures(take, refuse) {
  const choice = find('picture');
  const read = (file) => readPicture(file, take, refuse);
  const attach = find('attach');
  attach.hidden = false;
  attach.append(icon('picture'));
  attach.addEventListener('click', () => choice.click());
  choice.addEventListener('change', () => {
    read(choice.files[0]);
    // The same file may be chosen again.
    choice.value = '';
  });
  document.addEventListener('paste', (event) => { if (pictureIn(event.clipboardData)) read(pictureIn(event.clipboardData)); });
  document.addEventListener('dragover', (event) => {
    if ([...event.dataTransfer.items].some((one) => one.kind === 'file')) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    if (!event.dataTransfer.files.length) return;
    // Else the browser would leave the page for the file.
    event.preventDefault();
    read(pictureIn(event.dataTransfer));
  });
}

const pictureIn = (given) => [...given.files].find((file) => file.type.startsWith('image/'));

async function readPicture(file, take, refuse) {
  if (reading) return;
  if (!file) {
    refuse((words) => words.noPicture);
    return;
  }
  if (file.size > MOST_BYTES) {
    refuse((words) => words.pictureTooLarge);
    return;
  }
  show(true);
  try {
    const { text } = await write('/v1/pictures', { picture: await inBase64(file) });
    show(false);
    take(text);
  } catch (error) {
    show(false);
    refuse((words) => told(error, words));
  }
}

function show(isReading) {
  reading = isReading;
  find('composer').classList.toggle('reading', reading);
  find('attach').disabled = reading;
  if (reading) bindText(find('hint'), (words) => words.readingPicture);
}

function told(error, words) {
  if (error.status === 413) return words.pictureTooLarge;
  return error.status === 422 ? words.noTextInPicture : explain(error, words);
}

function inBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result.slice(reader.result.indexOf(',') + 1)));
    reader.addEventListener('error', () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}
