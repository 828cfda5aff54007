// SPDX-License-Identifier: Apache-2.0
// What happened, the latest first.
import { attempt, button, h, heading, table } from './dom.js';
import { list } from './rest.js';

const most = 300;

export async function log(main) {
  let rows = [];
  const place = h('div', { class: 'log' });
  const search = h('input', { id: 'search', type: 'search', autocomplete: 'off', oninput: () => update() });
  const serious = h('input', { id: 'serious', type: 'checkbox', onchange: () => update() });
  const kind = row => /critical|error/.test(row.topics) ? 'bad' : /warning/.test(row.topics) ? 'soon' : '';
  const update = () => {
    const text = search.value.trim().toLowerCase();
    const found = rows.filter(row => (!serious.checked || kind(row)) && (!text || `${row.topics} ${row.message}`.toLowerCase().includes(text)));
    place.replaceChildren(found.length ? table('Log', ['Time', 'Topics', 'Message'], found.slice(0, most).map(row => [
      row.time, h('span', { class: `tag ${kind(row)}` }, row.topics), row.message])) : h('p', { class: 'quiet' }, 'Nothing.'),
    ...(found.length > most ? [h('p', { class: 'quiet' }, `${found.length - most} older lines are not shown.`)] : []));
  };
  const reload = async () => {
    rows = (await list('log')).reverse();
    update();
  };
  await reload();
  main.replaceChildren(h('div', { class: 'bar' }, heading('Log'), h('div', { class: 'actions' }, button('Refresh', () => attempt(reload), { symbol: 'again' }))),
    h('div', { class: 'filters' }, h('label', { for: 'search' }, 'Find'), search, serious, h('label', { for: 'serious' }, 'Warnings and errors only')), place);
}
