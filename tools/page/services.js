// SPDX-License-Identifier: Apache-2.0
// Services and what they show to clients.
import { attempt, button, h, heading, show, table } from './dom.js';
import { ask } from './forms.js';
import { expiry, has } from './certificates.js';
import { list, may, run, set } from './rest.js';

const isOff = row => row.disabled === 'true' || row.disabled === 'yes';
const isTls = row => row['tls-version'] !== undefined && row['tls-version'] !== '';

function edit(row, certificates, reload) {
  const usable = certificates.filter(one => has(one, 'private-key') && one.status !== 'template').map(one => one.name);
  return ask({
    title: `Service ${row.name}`, text: row.name === 'www-ssl' ? 'This page comes by it: with another port, network or certificate you may have to come back to it.' : '',
    fields: [
      { name: 'port', label: 'Port', type: 'number', min: 1, max: 65535, value: row.port, required: true },
      { name: 'address', label: 'Networks that may connect', value: row.address, placeholder: '192.168.88.0/24,fd00::/8', help: 'Empty: all.' },
      ...(isTls(row) ? [{ name: 'certificate', label: 'Certificate', type: 'select', value: row.certificate ?? '', options: [['', 'none'], ...usable.map(name => [name, name])] },
        { name: 'tls-version', label: 'TLS', type: 'select', value: row['tls-version'], options: [['any', '1.2 and 1.3'], ['only-1.2', '1.2'], ['only-1.3', '1.3']] }] : []),
    ],
    run: values => set('ip/service', row['.id'], values),
  }).then(isDone => isDone && attempt(reload, `${row.name} is changed.`));
}

async function toggle(row, reload) {
  const work = () => run(`ip/service/${isOff(row) ? 'enable' : 'disable'}`, { '.id': row['.id'] });
  if (row.name === 'www-ssl' && !isOff(row)) {
    await ask({ title: 'Disable www-ssl?', text: 'This page is then not there any more, until somebody enables it by the console.', submit: 'Disable', danger: true, run: work });
    return;
  }
  await attempt(async () => {
    await work();
    await reload();
  }, `${row.name} is ${isOff(row) ? 'enabled' : 'disabled'}.`);
}

const state = row => row.status === 'served' ? 'on' : row.status === 'failed' ? 'bad' : 'off';

// What other services of this machine are given: /certificate/binding.
function bindings(rows, certificates, reload) {
  const look = row => attempt(async () => {
    try {
      await run('certificate/binding/verify', { numbers: row['.id'] });
    } finally {
      await reload();
    }
  }, `${row.service} serves ${row.certificate}.`);
  const actions = row => h('div', { class: 'actions' },
    button('Verify', () => look(row), { 'aria-label': `Verify ${row.service} ${row['.id']}`, 'data-key': 'verify ' + row['.id'] }));
  const what = row => h('span', { class: 'shown' }, h('span', {}, row.certificate || 'none'),
    certificates.some(one => one.name === row.certificate) ? expiry(certificates.find(one => one.name === row.certificate)) : '');
  return h('section', { class: 'card', 'aria-label': 'Bindings' }, rows.length === 0 ? h('p', { class: 'quiet' }, 'No other service is given a certificate: /certificate binding add in the console.') :
    table('Bindings', ['Service', 'State', 'Certificate', 'Since', 'What failed', ...(may('write') ? [''] : [])], rows.map(row => [
      row.service, h('span', { class: `tag ${state(row)}` }, row.disabled === 'true' || row.disabled === 'yes' ? 'disabled' : row.status || 'not tried'), what(row), row['served-since'] ?? '',
      row['last-error'] ?? '', ...(may('write') ? [actions(row)] : [])])));
}

export async function services(main) {
  const place = h('div', { class: 'cards' });
  const reload = async () => {
    const [rows, bound, certificates] = await Promise.all([list('ip/service'), list('certificate/binding'),
      list('certificate', ['name', 'status', 'private-key', 'expired', 'revoked', 'invalid-before', 'invalid-after', 'expires-after'])]);
    const find = name => certificates.find(one => one.name === name);
    const shown = row => !isTls(row) ? h('span', { class: 'quiet' }, 'no TLS') : find(row.certificate) ?
      h('span', { class: 'shown' }, h('span', {}, row.certificate), expiry(find(row.certificate))) : h('span', { class: 'quiet' }, 'none');
    const actions = row => h('div', { class: 'actions' },
      button('Change', () => edit(row, certificates, reload), { 'aria-label': `Change ${row.name}`, 'data-key': 'change ' + row.name }),
      button(isOff(row) ? 'Enable' : 'Disable', () => toggle(row, reload), { 'aria-label': `${isOff(row) ? 'Enable' : 'Disable'} ${row.name}`, 'data-key': 'toggle ' + row.name }));
    show(place, h('section', { class: 'card', 'aria-label': 'Services' }, table('Services',
      ['Service', 'State', 'Port', 'Networks', 'Certificate', 'TLS', ...(may('write') ? [''] : [])],
      rows.toSorted((a, b) => isOff(a) - isOff(b) || isTls(b) - isTls(a)).map(row => [
        row.name, h('span', { class: `tag ${isOff(row) ? 'off' : 'on'}` }, isOff(row) ? 'disabled' : 'enabled'), row.port, row.address || 'all', shown(row),
        isTls(row) ? row['tls-version'] : '', ...(may('write') ? [actions(row)] : [])]))), bindings(bound, certificates, reload));
  };
  await reload();
  main.replaceChildren(h('div', { class: 'bar' }, heading('Services'), h('div', { class: 'actions' }, button('Refresh', () => attempt(reload), { symbol: 'again' }))), place);
}
