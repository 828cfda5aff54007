// SPDX-License-Identifier: Apache-2.0
// What can be done to certificates: add, sign, import, export, trust, rename, revoke, renew, remove.
import { attempt, button, h } from './dom.js';
import { ask, sheet } from './forms.js';
import { authorities, badges, below, expiry, has, isTemplate } from './certificates.js';
import { add, get, list, may, remove, run, set } from './rest.js';
import { save, upload, discard } from './files.js';

const purposes = {
  server: ['TLS server', ['digital-signature', 'key-encipherment', 'tls-server']],
  client: ['TLS client', ['digital-signature', 'key-encipherment', 'tls-client']],
  both: ['TLS server and client', ['digital-signature', 'key-encipherment', 'tls-server', 'tls-client']],
  ca: ['Certificate authority (CA)', ['key-cert-sign', 'crl-sign']],
  own: ['As chosen below', []],
};
const usages = ['digital-signature', 'content-commitment', 'key-encipherment', 'data-encipherment', 'key-agreement', 'key-cert-sign',
  'crl-sign', 'encipher-only', 'decipher-only', 'tls-server', 'tls-client', 'code-sign', 'email-protect', 'timestamp', 'ocsp-sign'];
const sizes = [['2048', 'RSA 2048'], ['4096', 'RSA 4096'], ['prime256v1', 'EC P-256'], ['secp384r1', 'EC P-384'], ['secp521r1', 'EC P-521']];
const custodies = [['auto', 'the TPM, if it can'], ['tpm', 'the TPM'], ['sealed', 'this machine, sealed to its TPM'], ['file', 'a file of the store']];
const reasons = ['unspecified', 'key-compromise', 'ca-compromise', 'affiliation-changed', 'superseded', 'cessation-of-operation'];

const signers = () => [...authorities().map(row => ['ca ' + row.name, row.name]), ['self', 'itself'], ['', 'nobody yet']];
const crlHost = { name: 'ca-crl-host', label: 'Host in the URL of its CRL', help: 'Where others find what it has revoked. May be empty.' };

function signWith(id, signer, host) {
  const words = { '.id': id };
  if (signer.startsWith('ca '))
    words.ca = signer.slice(3);
  if (host)
    words['ca-crl-host'] = host;
  return run('certificate/sign', words);
}

/** Only what has been filled in: the rest stays as the router has it. */
const filled = (values, names) => Object.fromEntries(names.filter(name => values[name]).map(name => [name, values[name]]));

export async function addCertificate(reload) {
  let name = '';
  const isDone = await ask({
    title: 'Add a certificate', submit: 'Add', busy: 'Adding… a TPM takes a while for a key',
    fields: [
      { name: 'name', label: 'Name', required: true, help: 'What it is called here.' },
      { name: 'purpose', label: 'For', type: 'select', value: authorities().length ? 'server' : 'ca', options: Object.entries(purposes).map(([key, [text]]) => [key, text]) },
      { name: 'key-usage', label: 'Key usage', type: 'checks', options: usages, value: ['digital-signature'], when: now => now.purpose === 'own' },
      { name: 'common-name', label: 'Common name', required: true },
      { name: 'subject-alt-name', label: 'Names it is valid for', placeholder: 'DNS:router.example.com,IP:192.168.88.1', when: now => now.purpose !== 'ca' },
      { name: 'signer', label: 'Signed by', type: 'select', value: signers()[0][0], options: signers() },
      { ...crlHost, when: now => now.purpose === 'ca' && now.signer !== '' },
      { name: 'days-valid', label: 'Valid for, days', type: 'number', min: 1, max: 36500, value: '365', required: true },
      { name: 'key-size', label: 'Key', type: 'select', value: '2048', options: sizes },
      { name: 'custody', label: 'The key is held by', type: 'select', value: 'auto', options: custodies },
      { name: 'more', label: 'More about the subject', type: 'checkbox' },
      ...[['organization', 'Organization'], ['unit', 'Unit'], ['locality', 'Locality'], ['state', 'State'], ['country', 'Country, two letters']].map(
        ([field, label]) => ({ name: field, label, when: now => now.more })),
    ],
    run: async values => {
      const usage = values.purpose === 'own' ? values['key-usage'] : purposes[values.purpose][1];
      const row = await add('certificate', {
        ...filled(values, ['name', 'common-name', 'subject-alt-name', 'days-valid', 'key-size', 'custody', 'organization', 'unit', 'locality', 'state', 'country']),
        'key-usage': usage.join(','),
      });
      name = values.name;
      if (values.signer)
        await signWith(row['.id'], values.signer, values['ca-crl-host']).catch(async problem => {
          await remove('certificate', row['.id']).catch(() => {});
          throw problem;
        });
    },
  });
  if (isDone)
    await attempt(reload, `${name} is added.`);
}

export async function importFiles(reload) {
  let told = '';
  const isDone = await ask({
    title: 'Import', submit: 'Import', busy: 'Importing…',
    text: 'Certificates, keys and CRLs in PEM, DER, PKCS #12 or PKCS #7. A key may come as a second file.',
    fields: [
      { name: 'files', label: 'Files', type: 'file', multiple: true, required: true },
      { name: 'name', label: 'Name', help: 'Of the certificate here; empty: as the file.' },
      { name: 'passphrase', label: 'Passphrase', type: 'password', autocomplete: 'new-password', help: 'Of what is encrypted in them.' },
      { name: 'trusted', label: 'Trust it', type: 'checkbox' },
      { name: 'custody', label: 'A private key is then held by', type: 'select', value: 'file', options: custodies.slice(1).reverse() },
    ],
    run: async values => {
      const sum = { certificates: 0, keys: 0, wrong: 0 };
      for (const file of await upload(values.files)) {
        const words = { 'file-name': file.name, passphrase: values.passphrase, custody: values.custody, name: values.name || file.stem };
        if (values.trusted)
          words.trusted = 'yes';
        try {
          const [answer] = [await run('certificate/import', words)].flat();
          sum.certificates += Number(answer['certificates-imported'] ?? 0);
          sum.keys += Number(answer['private-keys-imported'] ?? 0);
          sum.wrong += Number(answer['decryption-failures'] ?? 0);
        } finally {
          await discard(file.name);
        }
      }
      if (sum.wrong)
        throw new Error(`The passphrase is wrong. Certificates imported: ${sum.certificates}, private keys: ${sum.keys}.`);
      told = `Certificates imported: ${sum.certificates}, private keys: ${sum.keys}.`;
    },
  });
  await attempt(reload, isDone ? told : '');
}

// ---- one certificate ----

async function sign(row) {
  return ask({
    title: `Sign ${row.name}`, submit: 'Sign', busy: 'Signing… a TPM takes a while for a key',
    fields: [{ name: 'signer', label: 'Signed by', type: 'select', options: signers().slice(0, -1) }, crlHost],
    run: values => signWith(row['.id'], values.signer, values['ca-crl-host']),
  });
}

async function rename(row) {
  return ask({
    title: `Rename ${row.name}`, submit: 'Rename', fields: [{ name: 'name', label: 'Name', value: row.name, required: true }],
    run: values => set('certificate', row['.id'], values),
  });
}

async function revoke(row) {
  return ask({
    title: `Revoke ${row.name}?`, submit: 'Revoke', danger: true, text: 'Its CA then says that it is not to be accepted any more. This cannot be undone.',
    fields: [{ name: 'reason', label: 'Why', type: 'select', options: reasons }],
    run: values => run('certificate/issued-revoke', { '.id': row['.id'], ...values }),
  });
}

async function removeOne(row) {
  const issued = below(row.name);
  return ask({
    title: `Remove ${row.name}?`, submit: 'Remove', danger: true,
    text: [has(row, 'private-key') ? 'Its private key is gone, too.' : '', issued ? `So are the certificates that it has issued: ${issued}.` : '', 'This cannot be undone.'].filter(Boolean),
    run: () => remove('certificate', row['.id']),
  });
}

async function exportKey(row) {
  return ask({
    title: `Download ${row.name} with its private key`, submit: 'Download', text: 'As PEM: the certificate, the CAs above it, and the key, encrypted with this passphrase. What a TPM holds cannot be exported.',
    fields: [{ name: 'passphrase', label: 'Passphrase', type: 'password', required: true, minlength: 8, autocomplete: 'new-password' }],
    run: async values => {
      const file = `page-${crypto.randomUUID()}`;
      try {
        await run('certificate/export-certificate', { '.id': row['.id'], 'file-name': file, 'export-passphrase': values.passphrase });
        const [key] = await list('file', ['contents'], { name: file + '.key' });
        if (!key?.contents)
          throw new Error('The router does not give the key away.');
        save(`${row.name}.pem`, await pem(row) + key.contents);
      } finally {
        await discard(file + '.key');
        await discard(file + '.crt');
      }
    },
  });
}

const pem = async row => (await run('certificate/pem', { '.id': row['.id'] })).ret;

function actions(row, dialog, reload) {
  const after = (work, text) => async () => {
    try {
      if (!await work(row))
        return;
    } catch (error) {
      dialog.close();
      await attempt(() => Promise.reject(error));
      return;
    }
    dialog.close();
    await attempt(reload, text);
  };
  const isSigned = !isTemplate(row);
  const isTrusted = has(row, 'trusted');
  const trust = async () => set('certificate', row['.id'], { trusted: isTrusted ? 'no' : 'yes' });
  const renew = command => () => run(`certificate/${command}`, { '.id': row['.id'] });
  return h('div', { class: 'actions' },
    isSigned && button('Download', () => attempt(async () => save(`${row.name}.pem`, await pem(row)))),
    may('write') && !isSigned && button('Sign', after(sign, `${row.name} is signed.`), { kind: 'main' }),
    may('write') && isSigned && button(isTrusted ? 'Trust no more' : 'Trust', after(trust, `${row.name} is ${isTrusted ? 'not trusted any more' : 'trusted'}.`)),
    may('write') && button('Rename', after(rename, 'It is renamed.')),
    may('full') && isSigned && has(row, 'private-key') && row.custody !== 'tpm' && button('Download with key', after(exportKey, 'The download has begun.')),
    may('write') && has(row, 'acme-status') && button('Renew by ACME', after(async () => (await renew('acme-renew')(), true), `${row.name} is renewed.`)),
    may('write') && isSigned && row.ca && !has(row, 'revoked') && button('Revoke', after(revoke, `${row.name} is revoked.`), { kind: 'danger' }),
    may('write') && button('Remove', after(removeOne, `${row.name} is removed.`), { kind: 'danger' }));
}

const hidden = new Set(['.id', 'private-key', 'authority', 'crl', 'invalid', 'expired', 'trust-store', 'path-length']);

export async function details(row, reload) {
  let whole, services = [];
  try {
    [whole, services] = await Promise.all([get('certificate', row['.id']), list('ip/service', ['name', 'certificate'])]);
  } catch (error) {
    await attempt(() => Promise.reject(error));
    return;
  }
  const used = services.filter(service => service.certificate && service.certificate === whole.name).map(service => service.name);
  const facts = Object.entries(whole).filter(([name, value]) => !hidden.has(name) && value !== '' && value !== 'false');
  await sheet(whole.name, dialog => [
    h('div', { class: 'state' }, badges(whole), expiry(whole)), actions(whole, dialog, reload),
    used.length > 0 && h('p', {}, `Shown by ${used.join(', ')}.`),
    h('dl', {}, facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
  ].filter(Boolean));
}
