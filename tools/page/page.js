// SPDX-License-Identifier: Apache-2.0
// Logging in, and the sections: one at a time, named by the address behind "#".
import { certificates } from './certificates.js';
import { button, complain, h, heading, icon, say } from './dom.js';
import { enrolment } from './enrolment.js';
import { hardware } from './hardware.js';
import { log } from './log.js';
import { list, logIn, logOut, session, whenRefused } from './rest.js';
import { services } from './services.js';

const idle = 15 * 60 * 1000; // ms until somebody who does nothing is logged out
const sections = {
  certificates: ['Certificates', certificates], enrolment: ['Enrolment', enrolment], services: ['Services', services],
  hardware: ['Hardware', hardware], log: ['Log', log],
};
const main = document.getElementById('main');
const nav = document.getElementById('nav');
let leave = null; // ends what the section has begun
let turn = 0; // counts what was asked for, so that an answer that comes late does not replace a newer one
let timer = 0;

// ---- sections ----

function markLinks(name) {
  nav.replaceChildren(h('ul', {}, Object.entries(sections).map(([key, [title]]) =>
    h('li', {}, h('a', { href: '#' + key, 'aria-current': key === name ? 'page' : null }, icon(key), h('span', {}, title))))));
}

async function open(name) {
  const mine = ++turn;
  const place = h('div');
  leave?.();
  leave = null;
  markLinks(name);
  document.title = `${sections[name][0]} – Signet`;
  main.setAttribute('aria-busy', 'true');
  try {
    const end = await sections[name][1](place);
    if (mine !== turn) {
      end?.();
      return;
    }
    leave = end ?? null;
    main.replaceChildren(place);
    main.querySelector('h1')?.focus();
  } catch (error) {
    if (mine === turn && session.group) {
      main.replaceChildren(h('div', { class: 'bar' }, heading(sections[name][0])), h('p', { class: 'card' }, 'This cannot be shown. ', button('Try again', route)));
      complain(error);
    }
  } finally {
    if (mine === turn)
      main.removeAttribute('aria-busy');
  }
}

function route() {
  say('');
  if (session.group)
    open(Object.hasOwn(sections, location.hash.slice(1)) ? location.hash.slice(1) : 'certificates');
}

// ---- logging in ----

function showLogin(text = '') {
  turn++;
  leave?.();
  leave = null;
  clearTimeout(timer);
  for (const dialog of document.querySelectorAll('dialog'))
    dialog.close();
  say('');
  nav.hidden = true;
  document.getElementById('session').replaceChildren();
  document.getElementById('board').textContent = '';
  document.title = 'Signet';
  const name = h('input', { id: 'user', name: 'user', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true });
  const password = h('input', { id: 'password', name: 'password', type: 'password', autocomplete: 'current-password' });
  const error = h('p', { class: 'error', role: 'alert' }, text);
  const submit = h('button', { type: 'submit', class: 'main' }, 'Log in');
  main.replaceChildren(h('form', {
    class: 'card login', onsubmit: async event => {
      event.preventDefault();
      if (submit.getAttribute('aria-disabled'))
        return;
      error.textContent = '';
      submit.setAttribute('aria-disabled', 'true');
      try {
        await logIn(name.value, password.value);
        enter();
      } catch (problem) {
        error.textContent = problem.status === 401 ? 'The user or the password is wrong.' : problem.message;
        password.value = '';
        password.focus();
      }
      submit.removeAttribute('aria-disabled');
    },
  }, h('h1', {}, 'Log in'), h('div', { class: 'field' }, h('label', { for: 'user' }, 'User'), name),
  h('div', { class: 'field' }, h('label', { for: 'password' }, 'Password'), password), error, h('div', { class: 'actions end' }, submit)));
  main.removeAttribute('aria-busy');
  name.focus();
}

function leaveSession(text) {
  logOut();
  showLogin(text);
}

function stayAwake() {
  clearTimeout(timer);
  if (session.group)
    timer = setTimeout(() => leaveSession('You were logged out, as nothing happened for 15 minutes.'), idle);
}

async function enter() {
  nav.hidden = false;
  document.getElementById('session').replaceChildren(
    h('span', { class: 'who' }, session.name, h('span', { class: 'quiet' }, ` ${session.group}`)), button('Log out', () => leaveSession(''), { kind: 'small' }));
  stayAwake();
  route();
  try {
    const [machine] = [await list('system/resource')].flat();
    document.getElementById('board').textContent = machine['board-name'] ?? '';
  } catch { /* it is only a name */ }
}

async function start() {
  for (const event of ['pointerdown', 'keydown'])
    addEventListener(event, stayAwake);
  addEventListener('hashchange', route);
  addEventListener('unhandledrejection', event => complain(event.reason));
  whenRefused(() => showLogin('The router does not know you any more: log in again.'));
  try {
    await logIn('', '');
    enter();
    say(`Logged in as ${session.name} by your certificate.`);
  } catch {
    showLogin();
  }
}

start();
