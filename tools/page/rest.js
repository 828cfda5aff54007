// SPDX-License-Identifier: Apache-2.0
// REST, as this page speaks it. Name and password are kept in this variable alone: not in a cookie, which another
// site could use, nor in the browser's storage, which outlives the tab. Reloading the page forgets them.

let authorization = '';
let refused = () => {};

export const session = { name: '', group: '' };

/** fn is called when the server does not know the user any more. */
export function whenRefused(fn) {
  refused = fn;
}

export function may(group) {
  const groups = ['read', 'write', 'full'];
  return groups.indexOf(session.group) >= groups.indexOf(group);
}

/** What the server says when it does not do what it was asked for. */
export class RestError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function send(method, path, body) {
  const headers = { 'X-Requested-With': 'signet', Accept: 'application/json' };
  if (authorization)
    headers.Authorization = authorization;
  if (body !== undefined)
    headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch('/rest/' + path, {
      method, headers, cache: 'no-store', redirect: 'error',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new RestError(0, 'The router does not answer.');
  }
  let answer = null;
  try {
    answer = await response.json();
  } catch { /* 204, or a server that is in trouble: the status tells */ }
  if (response.ok)
    return answer;
  if (response.status === 429)
    throw new RestError(429, answer?.detail ?? 'Too many requests: wait a while.');
  throw new RestError(response.status, answer?.detail || answer?.message || `The router answers ${response.status}.`);
}

async function call(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (error) {
    if (error.status === 401 && session.group) {
      logOut();
      refused();
    }
    throw error;
  }
}

/** Rows of a menu; proplist is an array of names, query an object. */
export function list(menu, proplist, query = {}) {
  const words = Object.entries(proplist ? { ...query, '.proplist': proplist.join(',') } : query);
  return call('GET', menu + (words.length ? '?' : '') + words.map(pair => pair.map(encodeURIComponent).join('=')).join('&'));
}
export const get = (menu, id) => call('GET', `${menu}/${id}`);
export const add = (menu, values) => call('PUT', menu, values);
export const set = (menu, id, values) => call('PATCH', `${menu}/${id}`, values);
export const remove = (menu, id) => call('DELETE', `${menu}/${id}`);
export const run = (command, values) => call('POST', command, values);

function basic(name, password) {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return 'Basic ' + btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}

/** Without a name: by the certificate that the browser has shown. */
export async function logIn(name, password) {
  authorization = name ? basic(name, password) : '';
  try {
    const [user] = await send('GET', 'user/active');
    Object.assign(session, { name: user.name, group: user.group });
  } catch (error) {
    authorization = '';
    throw error;
  }
}

export function logOut() {
  authorization = '';
  Object.assign(session, { name: '', group: '' });
}
