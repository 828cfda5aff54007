// SPDX-License-Identifier: Apache-2.0
// Certificates for others, by SCEP: requests that wait for somebody's consent; and from others, by ACME and SCEP.
import { attempt, button, card, h, heading, table } from './dom.js';
import { ask } from './forms.js';
import { authorities } from './certificates.js';
import { add, list, may, remove, run } from './rest.js';

const requestsMenu = 'certificate/scep-server/requests';
const isOff = row => row.disabled === 'true' || row.disabled === 'yes';
const none = text => h('p', { class: 'quiet' }, text);

function requests(rows, reload) {
  const command = (row, name, text) => attempt(async () => {
    await run(`${requestsMenu}/${name}`, { '.id': row['.id'] });
    await reload();
  }, text);
  const deny = row => ask({
    title: 'Deny the request?', text: row.subject, submit: 'Deny', danger: true, fields: [{ name: 'reason', label: 'Why', help: 'Told to the client. May be empty.' }],
    run: values => run(`${requestsMenu}/deny`, values.reason ? { '.id': row['.id'], reason: values.reason } : { '.id': row['.id'] }),
  }).then(isDone => isDone && attempt(reload, 'The request is denied.'));
  const buttons = row => h('div', { class: 'actions' }, row.status === 'pending' ? [
    button('Grant', () => command(row, 'grant', 'The certificate is issued.'), { kind: 'main', 'aria-label': `Grant ${row.subject}` }),
    button('Deny', () => deny(row), { kind: 'danger', 'aria-label': `Deny ${row.subject}` }),
  ] : button('Remove', () => attempt(async () => {
    await remove(requestsMenu, row['.id']);
    await reload();
  }, 'The request is removed.'), { 'aria-label': `Remove ${row.subject}` }));
  const sorted = rows.toSorted((a, b) => (b.status === 'pending') - (a.status === 'pending'));
  return card('SCEP requests', null, rows.length === 0 ? none('Nobody has asked.') :
    table('SCEP requests', ['Subject', 'Names', 'From', 'When', 'Status', ...(may('write') ? [''] : [])], sorted.map(row => [
      row.subject, row['subject-alt-name'] ?? '', row.address, row.created, h('span', { class: `tag ${row.status}` }, row.status), ...(may('write') ? [buttons(row)] : [])])));
}

async function password() {
  let told = '';
  if (await ask({
    title: 'Make a one-time password', text: 'Whoever has it gets one certificate without being asked any further.', submit: 'Make',
    fields: [{ name: 'minutes-valid', label: 'Minutes that it is valid', type: 'number', min: 1, max: 525600, value: '60', required: true },
      { name: 'for', label: 'Only for names like', placeholder: '*.example.com', help: 'Patterns with commas. May be empty.' }],
    run: async values => {
      const answer = [await run('certificate/scep-server/otp/generate', Object.fromEntries(Object.entries(values).filter(pair => pair[1])))].flat()[0];
      told = answer.password ?? answer.ret;
    },
  }))
    await ask({ title: 'The password', text: told, submit: 'Done', isTold: true, run: async () => {} });
}

function servers(rows, reload) {
  const toggle = row => attempt(async () => {
    await run(`certificate/scep-server/${isOff(row) ? 'enable' : 'disable'}`, { '.id': row['.id'] });
    await reload();
  }, `${row.path} is ${isOff(row) ? 'enabled' : 'disabled'}.`);
  const create = () => ask({
    title: 'Add a SCEP server', submit: 'Add',
    fields: [{ name: 'ca-cert', label: 'CA', type: 'select', options: authorities().map(row => row.name), required: true },
      { name: 'path', label: 'Path', value: '/scep/', required: true },
      { name: 'days-valid', label: 'Days that its certificates are valid', type: 'number', min: 1, max: 36500, value: '365', required: true },
      { name: 'disabled', label: 'Leave it disabled', type: 'checkbox' }],
    run: values => add('certificate/scep-server', { ...values, disabled: values.disabled ? 'yes' : 'no' }),
  }).then(isDone => isDone && attempt(reload, 'It is added.'));
  return card('SCEP servers', may('write') && [button('Add', create, { symbol: 'plus' }), rows.length > 0 && button('One-time password', password)],
    rows.length === 0 ? none('Other devices cannot enrol here.') : table('SCEP servers', ['Path', 'CA', 'Days', 'State', ...(may('write') ? [''] : [])],
      rows.map(row => [row.path, row['ca-cert'], row['days-valid'], isOff(row) ? 'disabled' : 'enabled',
        ...(may('write') ? [button(isOff(row) ? 'Enable' : 'Disable', () => toggle(row), { 'data-key': 'server ' + row['.id'], 'aria-label': `${isOff(row) ? 'Enable' : 'Disable'} ${row.path}` })] : [])])));
}

function acme(rows, reload) {
  const create = () => ask({
    title: 'Get a certificate by ACME', submit: 'Get it', busy: 'Proving that the names are this router’s…',
    fields: [{ name: 'domain-names', label: 'Names', placeholder: 'router.example.com,www.example.com', required: true },
      { name: 'name', label: 'What it is called here', help: 'Empty: as the first name.' },
      { name: 'challenge', label: 'Proved by', type: 'select', options: [['http-01', 'HTTP, port 80'], ['tls-alpn-01', 'TLS, port 443']] },
      { name: 'directory-url', label: 'ACME server', type: 'url', value: 'https://acme-v02.api.letsencrypt.org/directory', required: true }],
    run: values => run('certificate/add-acme', Object.fromEntries(Object.entries(values).filter(pair => pair[1]))),
  }).then(isDone => attempt(reload, isDone ? 'The certificate is there.' : ''));
  const renew = row => attempt(async () => {
    await run('certificate/acme-renew', { numbers: row.certificate });
    await reload();
  }, `${row.certificate} is renewed.`);
  const end = row => ask({
    title: `Renew ${row.certificate} no more?`, text: 'The certificate stays until it expires.', submit: 'Renew no more', danger: true,
    run: () => remove('certificate/acme', row['.id']),
  }).then(isDone => isDone && attempt(reload, 'It is not renewed any more.'));
  return card('ACME', may('write') && button('Get a certificate', create, { symbol: 'plus' }),
    rows.length === 0 ? none('No certificate is kept valid by ACME.') : table('ACME', ['Certificate', 'Names', 'Status', 'Renewed at', ...(may('write') ? [''] : [])],
      rows.map(row => [row.certificate ?? '', row['domain-names'] ?? '', [h('span', { class: `tag ${row['acme-status'] ?? ''}` }, row['acme-status'] ?? ''),
        row['last-error'] && h('p', { class: 'error' }, row['last-error'])], row['renew-at'] ?? '',
      ...(may('write') ? [h('div', { class: 'actions' }, button('Renew', () => renew(row), { 'aria-label': `Renew ${row.certificate}` }),
        button('Stop', () => end(row), { kind: 'danger', 'aria-label': `Renew ${row.certificate} no more` }))] : [])])));
}

function clients(rows, reload) {
  const renew = row => attempt(async () => {
    await run('certificate/scep-renew', { numbers: row.certificate });
    await reload();
  }, 'The server has been asked.');
  return rows.length > 0 && card('From SCEP servers', null, table('From SCEP servers', ['Certificate', 'Server', 'Status', ...(may('write') ? [''] : [])], rows.map(row => [
    row.certificate ?? '', row['scep-url'] ?? '', [row.status ?? row['scep-status'] ?? '', row['last-error'] && h('p', { class: 'error' }, row['last-error'])],
    ...(may('write') ? [button('Renew', () => renew(row), { 'aria-label': `Renew ${row.certificate}` })] : [])])));
}

export async function enrolment(main) {
  const place = h('div', { class: 'cards' });
  const reload = async () => {
    const [waiting, serving, byAcme, byScep] = await Promise.all([list(requestsMenu), list('certificate/scep-server'), list('certificate/acme'), list('certificate/scep')]);
    place.replaceChildren(...[requests(waiting, reload), servers(serving, reload), acme(byAcme, reload), clients(byScep, reload)].filter(Boolean));
  };
  await reload();
  main.replaceChildren(h('div', { class: 'bar' }, heading('Enrolment'), h('div', { class: 'actions' }, button('Refresh', () => attempt(reload), { symbol: 'again' }))), place);
}
