// Puts the chat into a page of another site, which names this script in one line. All that is
// shown lies in a shadow root and a frame: neither side can break the other's looks.
'use strict';

(() => {
  const script = document.currentScript;
  const { language, theme, title, side, remember } = script.dataset;
  // A proxy may have put the server behind a path.
  const base = new URL('.', script.src);
  const server = base.origin;
  const words = {
    en: { open: 'Ask us a question', close: 'Close', title: 'Help centre', replies: (count) => (count === 1 ? '1 new reply' : `${count} new replies`) },
    zh: { open: '在线咨询', close: '关闭', title: '帮助中心', replies: (count) => `${count} 条新回复` },
  };
  const spoken = (language || document.documentElement.lang || navigator.language).toLowerCase().startsWith('zh') ? 'zh' : 'en';
  const named = title || words[spoken].title;
  const styles = `
    :host { all: initial; color-scheme: ${theme === 'dark' || theme === 'light' ? theme : 'light dark'}; }
    * { box-sizing: border-box; }
    button, iframe { position: fixed; z-index: 2147483000; ${side === 'left' ? 'left' : 'right'}: max(1.25rem, env(safe-area-inset-right)); }
    button {
      bottom: max(1.25rem, env(safe-area-inset-bottom)); display: grid; place-items: center; width: 3.5rem; height: 3.5rem; padding: 0;
      border: 0; border-radius: 50%; cursor: pointer; color: light-dark(#fff, #06212b); background: light-dark(#17607a, #6fc3df);
      box-shadow: 0 6px 24px -8px #0009;
    }
    button:focus-visible { outline: 3px solid light-dark(#16242b, #fff); outline-offset: 3px; }
    svg { width: 1.6rem; height: 1.6rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    .count {
      position: absolute; inset: -.25rem -.25rem auto auto; min-width: 1.4rem; padding: 0 .35rem; border-radius: .7rem;
      font: 600 .8rem/1.4rem system-ui, sans-serif; color: #fff; background: #b3261e;
    }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    iframe {
      bottom: calc(max(1.25rem, env(safe-area-inset-bottom)) + 4.5rem); width: min(25rem, calc(100vw - 2.5rem)); height: min(40rem, calc(100dvh - 7.5rem));
      border: 1px solid light-dark(#dde5e9, #2a3a42); border-radius: 18px; background: light-dark(#fcfdfd, #10171b); box-shadow: 0 18px 48px -16px #000a;
    }
    iframe[hidden] { display: none; }
    @media (max-width: 30rem) { iframe { inset: 0; width: 100vw; height: 100dvh; border: 0; border-radius: 0; } }`;
  const shapes = {
    open: 'M20 11.5a7.5 7.5 0 0 1-11 6.6L4.5 19.5 6 15.4A7.5 7.5 0 1 1 20 11.5z',
    close: 'M6 6l12 12M18 6L6 18',
  };
  const host = document.createElement('bizlm-help');
  const root = host.attachShadow({ mode: 'open' });
  // A sheet that is built here passes a site's content policy; a style element would need its leave.
  const sheet = new CSSStyleSheet();
  const button = document.createElement('button');
  const announcer = document.createElement('span');
  // In the tab, and only once the visitor has agreed: whether a person was asked, whose reply may come.
  const WAITS = 'bizlm-help-waits';
  // And how many replies came that were not looked at.
  const UNREAD = 'bizlm-help-unread';
  let frame = null;
  let unread = Number(mayKeep((storage) => storage.getItem(UNREAD)));

  function drawn(path) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    made.setAttribute('viewBox', '0 0 24 24');
    made.setAttribute('aria-hidden', 'true');
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', path);
    made.append(line);
    return made;
  }

  function show(isOpen) {
    if (frame) frame.hidden = !isOpen;
    if (isOpen) count(0);
    const name = isOpen ? 'close' : 'open';
    const told = unread ? words[spoken].replies(unread) : '';
    const label = [words[spoken][name], told].filter(Boolean).join(', ');
    button.replaceChildren(drawn(shapes[name]), ...(unread ? [counted()] : []));
    button.setAttribute('aria-label', label);
    button.setAttribute('aria-expanded', String(isOpen));
    button.title = label;
    announcer.textContent = told;
  }

  function count(replies) {
    unread = replies;
    mayKeep((storage) => (unread ? storage.setItem(UNREAD, String(unread)) : storage.removeItem(UNREAD)));
  }

  function counted() {
    const made = document.createElement('span');
    made.className = 'count';
    made.setAttribute('aria-hidden', 'true');
    made.textContent = unread > 9 ? '9+' : String(unread);
    return made;
  }

  function mayKeep(work) {
    if (remember === undefined) return null;
    try {
      return work(window.sessionStorage);
    } catch {
      // Storage is switched off: then it lasts as long as the page.
      return null;
    }
  }

  // Made when it is first wanted: a page that nobody asks anything loads nothing more.
  function makeFrame(isOpen) {
    const chosen = new URLSearchParams({ language: spoken, title: named });
    if (theme) chosen.set('theme', theme);
    if (remember !== undefined) chosen.set('remember', '');
    frame = document.createElement('iframe');
    frame.src = `${new URL('widget', base)}#${chosen}`;
    frame.hidden = !isOpen;
    frame.title = named;
    frame.allow = 'clipboard-write';
    frame.addEventListener('load', () => { if (!frame.hidden) goIn(); });
    root.append(frame);
  }

  // The frame hears it once it is loaded, and puts the cursor where the question goes.
  function goIn() {
    frame.focus();
    frame.contentWindow.postMessage({ bizlm: 'opened' }, server);
  }

  function open() {
    const isThere = Boolean(frame);
    if (!isThere) makeFrame(true);
    show(true);
    if (isThere) goIn();
  }

  function close() {
    show(false);
    button.focus();
  }

  button.type = 'button';
  button.addEventListener('click', () => (frame && !frame.hidden ? close() : open()));
  window.addEventListener('message', (event) => {
    const isOurs = frame && event.source === frame.contentWindow && event.origin === server;
    if (!isOurs) return;
    const { bizlm: told, waits } = event.data ?? {};
    if (told === 'close') close();
    if (told === 'waits') mayKeep((storage) => (waits ? storage.setItem(WAITS, '1') : storage.removeItem(WAITS)));
    if (told === 'reply' && frame.hidden) {
      count(unread + 1);
      show(false);
    }
  });
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  announcer.className = 'unseen';
  announcer.setAttribute('role', 'status');
  root.append(button, announcer);
  show(false);
  // A reply may have come, or come yet, to a question from before the page was loaded.
  if (mayKeep((storage) => storage.getItem(WAITS))) makeFrame(false);
  if (document.body) document.body.append(host);
  else document.addEventListener('DOMContentLoaded', () => document.body.append(host));
})();
