// SPDX-License-Identifier: Apache-2.0
// Elements. Text only ever becomes a text node, so that nothing of the store can be markup.

/** h('p', {class: 'x', onclick: fn, hidden: true}, 'text', element, …); children that are null or false are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function')
      element.addEventListener(name.slice(2), value);
    else if (value === true)
      element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false)
      element.append(child);
  }
  return element;
}

const icons = {
  certificates: 'M3 4h18v12H3zM7 8h10M7 12h6M15 14v7l2-1.5 2 1.5v-7',
  enrolment: 'M4 5h16v11H9l-5 4zM8 10l2.5 2.5L16 8',
  services: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01',
  hardware: 'M7 7h10v10H7zM9 3v4M15 3v4M9 17v4M15 17v4M3 9h4M3 15h4M17 9h4M17 15h4',
  log: 'M5 4h14v16H5zM9 9h6M9 13h6M9 17h3',
  authority: 'M12 3l8 3v6c0 5-3 8-8 10-5-2-8-5-8-10V6zM9 12l2 2 4-4',
  certificate: 'M4 5h16v11H4zM8 9h8M8 12h5',
  template: 'M6 3h9l4 4v14H6zM15 3v4h4',
  plus: 'M12 5v14M5 12h14',
  upload: 'M12 16V4M7 9l5-5 5 5M4 20h16',
  again: 'M20 12a8 8 0 1 1-2.3-5.6M20 3v5h-5',
  close: 'M6 6l12 12M18 6L6 18',
  more: 'M9 6l6 6-6 6',
};

export function icon(name) {
  return svg('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: icons[name] }));
}

export function button(text, onclick, { kind = '', symbol, ...attributes } = {}) {
  return h('button', { type: 'button', class: kind, onclick, ...attributes }, symbol && icon(symbol), h('span', {}, text));
}

export function hiddenText(text) {
  return h('span', { class: 'unseen' }, text);
}

/** A heading that takes the focus when its section is shown. */
export function heading(text) {
  return h('h1', { tabindex: '-1' }, text);
}

export function card(title, actions, ...content) {
  const id = 'h-' + title.toLowerCase().replace(/\W+/g, '-');
  return h('section', { class: 'card', 'aria-labelledby': id },
    h('div', { class: 'bar' }, h('h2', { id }, title), h('div', { class: 'actions' }, actions)), content);
}

export function table(caption, names, rows) {
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h('table', {}, h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, names.map(name => h('th', { scope: 'col' }, name || hiddenText('Actions'))))),
      h('tbody', {}, rows.map(cells => h('tr', {}, cells.map((cell, i) => h(i ? 'td' : 'th',
        { scope: i ? null : 'row', 'data-label': names[i] }, cell)))))));
}

/** Replaces the children of a container; the focus goes to the new element with the data-key of the old one. */
export function show(container, ...children) {
  const key = container.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  container.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (key)
    [...container.querySelectorAll('[data-key]')].find(element => element.dataset.key === key)?.focus();
}

// ---- what has happened ----

let timer = 0;

function put(id, text) {
  const place = document.getElementById(id);
  // While a dialog is open, nothing outside it is seen or read.
  ([...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body).append(place.parentElement);
  const close = () => put(id, '');
  place.replaceChildren(...(text ? [h('p', {}, text), h('button', { type: 'button', class: 'plain', 'aria-label': 'Dismiss', onclick: close }, icon('close'))] : []));
}

export function say(text) {
  put('alert', '');
  put('status', text);
  clearTimeout(timer);
  timer = setTimeout(() => put('status', ''), 12000);
}

/** Whoever is not known any more is asked to log in, which tells enough. */
export function complain(error) {
  if (error.status === 401)
    return;
  put('status', '');
  put('alert', error.message ?? String(error));
}

/** Runs something that a button started, and tells what has come of it. */
export async function attempt(work, done) {
  try {
    await work();
    if (done)
      say(done);
  } catch (error) {
    complain(error);
  }
}
