// SPDX-License-Identifier: Apache-2.0
// Certificates: the tree of who issued what, and how long each is valid.
import { attempt, button, h, heading, hiddenText, icon, show } from './dom.js';
import * as forms from './certificate_forms.js';
import { duration, between, inWords } from './time.js';
import { list, may } from './rest.js';

export const flags = [
  ['K', 'private-key', 'private key is here'], ['A', 'authority', 'authority: a CA'], ['L', 'crl', 'its CRL is here'],
  ['T', 'trusted', 'trusted'], ['I', 'invalid', 'invalid'], ['R', 'revoked', 'revoked'], ['E', 'expired', 'expired'],
];
const wanted = ['.id', 'name', 'common-name', 'subject-alt-name', 'ca', 'custody', 'status', 'invalid-before', 'invalid-after',
  'expires-after', ...flags.map(flag => flag[1])];
const month = 30 * 86400;
const page = 200; // rows that are shown at once

/** A property or a flag: both may be there under one name. */
export const has = (row, name) => row[name] !== undefined && row[name] !== 'false' && row[name] !== 'no' && row[name] !== '';
export const isTemplate = row => row.status === 'template';
const left = row => duration(row['expires-after']);

const filters = {
  all: ['All', () => true],
  soon: ['Valid for 30 days or less', row => !isTemplate(row) && !has(row, 'expired') && !has(row, 'revoked') && left(row) <= month],
  over: ['Expired', row => has(row, 'expired')],
  revoked: ['Revoked', row => has(row, 'revoked')],
  key: ['With private key', row => has(row, 'private-key')],
  ca: ['Authorities', row => has(row, 'authority')],
  template: ['Not signed yet', isTemplate],
};
const state = { rows: [], text: '', filter: 'all', closed: new Set(), limit: page };

export function badges(row) {
  return h('span', { class: 'flags' }, flags.filter(flag => has(row, flag[1])).map(([letter, name, text]) =>
    h('span', { class: `flag ${name}`, title: text }, h('span', { 'aria-hidden': 'true' }, letter), hiddenText(text + ', '))));
}

/** How much of its time is left, as a bar and in words. */
export function expiry(row) {
  if (isTemplate(row))
    return h('span', { class: 'expiry' }, h('span', { class: 'words' }, 'not signed yet'));
  const whole = between(row['invalid-before'], row['invalid-after']);
  const rest = has(row, 'expired') ? 0 : left(row);
  const share = Math.max(0, Math.min(1, rest / whole || 0));
  const kind = has(row, 'revoked') || share === 0 ? 'bad' : rest <= month && share < 1 / 3 ? 'soon' : 'good';
  const words = has(row, 'revoked') ? 'revoked' : share === 0 ? 'expired' : inWords(rest) + ' left';
  const fill = h('span', { class: 'fill' });
  fill.style.width = `${share * 100}%`;
  return h('span', { class: `expiry ${kind}`, title: `${row['invalid-before']} – ${row['invalid-after']}` },
    h('span', { class: 'track', 'aria-hidden': 'true' }, fill), h('span', { class: 'words' }, words));
}

// ---- the tree ----

function tree(rows) {
  const byName = new Map(rows.map(row => [row.name, { row, issued: [] }]));
  const roots = [];
  for (const node of byName.values()) {
    const ca = byName.get(node.row.ca);
    (ca && ca !== node ? ca.issued : roots).push(node);
  }
  return roots.sort((a, b) => has(b.row, 'authority') - has(a.row, 'authority'));
}

/** Those below a certificate: what goes with it when it is removed. */
export function below(name) {
  const count = node => node.issued.reduce((sum, one) => sum + 1 + count(one), 0);
  const find = nodes => nodes.reduce((found, node) => found ?? (node.row.name === name ? node : find(node.issued)), undefined);
  const node = find(tree(state.rows));
  return node ? count(node) : 0;
}

export const authorities = () => state.rows.filter(row => has(row, 'authority') && has(row, 'private-key') && !has(row, 'revoked') && !has(row, 'expired'));

function matches(row) {
  const text = state.text.toLowerCase();
  return filters[state.filter][1](row) && (!text || [row.name, row['common-name'], row['subject-alt-name']].some(value => value?.toLowerCase().includes(text)));
}

function keep(node) {
  const issued = node.issued.map(keep).filter(Boolean);
  return issued.length || matches(node.row) ? { row: node.row, issued } : null;
}

function line(node, again) {
  const { row } = node;
  const isClosed = state.closed.has(row.name);
  const toggle = node.issued.length > 0 && h('button', {
    type: 'button', class: 'plain toggle', 'aria-expanded': String(!isClosed), 'aria-label': `Issued by ${row.name}: ${node.issued.length}`,
    'data-key': 'toggle ' + row['.id'],
    onclick: () => {
      state.closed[isClosed ? 'delete' : 'add'](row.name);
      again();
    },
  }, icon('more'));
  const kind = has(row, 'authority') ? 'authority' : isTemplate(row) ? 'template' : 'certificate';
  const names = [row['common-name'] !== row.name && row['common-name'], row['subject-alt-name']].filter(Boolean).join(' · ');
  return h('div', { class: 'certificate' },
    h('span', { class: 'lead' }, toggle || h('span', { class: 'toggle' })), icon(kind),
    h('span', { class: 'names' },
      h('button', { type: 'button', class: 'name', 'data-key': row['.id'], onclick: () => forms.details(row, again.reload) }, row.name || row['.id']),
      names && h('span', { class: 'quiet' }, names)),
    h('span', { class: 'facts' }, badges(row), has(row, 'private-key') && h('span', { class: 'custody' }, row.custody)), expiry(row));
}

function branch(nodes, again, budget) {
  const items = [];
  for (const node of nodes) {
    if (budget.left <= 0) {
      budget.isOver = true;
      break;
    }
    budget.left--;
    const isOpen = node.issued.length > 0 && !state.closed.has(node.row.name);
    items.push(h('li', {}, line(node, again), isOpen && branch(node.issued, again, budget)));
  }
  return h('ul', {}, items);
}

function summary() {
  const number = name => state.rows.filter(filters[name][1]).length;
  const parts = [`${state.rows.length} certificate${state.rows.length === 1 ? '' : 's'}`];
  for (const [name, text] of [['soon', 'valid for 30 days or less'], ['over', 'expired'], ['revoked', 'revoked'], ['template', 'not signed yet']])
    if (number(name))
      parts.push(`${number(name)} ${text}`);
  return parts.join(', ');
}

export async function certificates(main) {
  const place = h('div', { class: 'tree' });
  const head = h('p', { class: 'quiet', role: 'status' });
  const again = () => {
    const nodes = tree(state.rows).map(keep).filter(Boolean);
    const budget = { left: state.limit };
    head.textContent = summary();
    const content = branch(nodes, again, budget);
    show(place, nodes.length ? content : h('p', { class: 'quiet' }, state.rows.length ? 'None is like that.' : 'There are no certificates yet. Add a CA first: it signs the others.'),
      budget.isOver && button('Show more', () => {
        state.limit += page * 5;
        again();
      }));
  };
  again.reload = async () => {
    state.rows = await list('certificate', wanted);
    again();
  };
  const search = h('input', {
    id: 'search', type: 'search', autocomplete: 'off', spellcheck: 'false',
    oninput: event => {
      state.text = event.target.value.trim();
      again();
    },
  });
  const filter = h('select', {
    id: 'filter', onchange: event => {
      state.filter = event.target.value;
      again();
    },
  }, Object.entries(filters).map(([key, [text]]) => h('option', { value: key, selected: key === state.filter }, text)));
  search.value = state.text;
  await again.reload();
  main.replaceChildren(
    h('div', { class: 'bar' }, heading('Certificates'), h('div', { class: 'actions' },
      may('write') && button('Add', () => forms.addCertificate(again.reload), { kind: 'main', symbol: 'plus' }),
      may('write') && button('Import', () => forms.importFiles(again.reload), { symbol: 'upload' }),
      button('Refresh', () => attempt(again.reload), { symbol: 'again' }))),
    h('div', { class: 'filters' }, h('label', { for: 'search' }, 'Find'), search, h('label', { for: 'filter' }, 'Show'), filter),
    head, place,
    h('details', { class: 'legend' }, h('summary', {}, 'What the letters mean'),
      h('ul', {}, flags.map(([letter, name, text]) => h('li', {}, h('span', { class: `flag ${name}` }, letter), ' ', text)))));
}
