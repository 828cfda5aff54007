// SPDX-License-Identifier: Apache-2.0
// Files from and to the person's own machine. REST carries texts: what is binary goes as PEM.
import { add, list, remove } from './rest.js';

const most = 128 << 10; // bytes
const labels = { p12: 'PKCS12', pfx: 'PKCS12', p7b: 'PKCS7', p7c: 'PKCS7', crl: 'X509 CRL', key: 'PRIVATE KEY' };

function armour(label, bytes) {
  const base64 = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`;
}

function asText(name, bytes) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.includes('-----BEGIN '))
      return text;
  } catch { /* it is binary */ }
  return armour(labels[name.split('.').pop().toLowerCase()] ?? 'CERTIFICATE', bytes);
}

/** Puts files on the router, under names that nobody else has. Certificates first: a key alone belongs to none. */
export async function upload(files) {
  const texts = [];
  for (const file of files) {
    if (file.size > most)
      throw new Error(`${file.name} is larger than 128 KiB.`);
    texts.push([file, asText(file.name, new Uint8Array(await file.arrayBuffer()))]);
  }
  const isKeyOnly = text => !text.includes('BEGIN CERTIFICATE') && text.includes('PRIVATE KEY');
  texts.sort((a, b) => isKeyOnly(a[1]) - isKeyOnly(b[1]));
  const sent = [];
  for (const [file, contents] of texts) {
    const name = `page-${crypto.randomUUID()}.pem`;
    await add('file', { name, contents });
    sent.push({ name, stem: file.name.replace(/\.[^.]*$/, '') });
  }
  return sent;
}

/** A key must not stay there. The import may have removed it already. */
export async function discard(name) {
  for (const file of await list('file', ['.id', 'name'], { name }))
    await remove('file', file['.id']);
}

export function save(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/x-pem-file' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
