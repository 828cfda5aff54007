// SPDX-License-Identifier: Apache-2.0
// Dialogs: questions, and sheets with details. The browser keeps the focus in them and gives it back.
import { button, h, icon } from './dom.js';

let count = 0;

function option(entry, value) {
  const [key, text] = Array.isArray(entry) ? entry : [entry, entry];
  return h('option', { value: key, selected: key === value }, text);
}

function control(field, id) {
  const common = { id, name: field.name, required: field.required, 'aria-describedby': field.help ? id + '-help' : null };
  switch (field.type) {
  case 'select':
    return h('select', common, field.options.map(entry => option(entry, field.value)));
  case 'checkbox':
    return h('input', { ...common, type: 'checkbox', checked: field.value });
  default:
    return h('input', {
      ...common, type: field.type ?? 'text', value: field.type === 'file' ? null : field.value, min: field.min, max: field.max,
      multiple: field.multiple, accept: field.accept, minlength: field.minlength, placeholder: field.placeholder,
      autocomplete: field.autocomplete ?? 'off', autocapitalize: 'none', spellcheck: 'false',
    });
  }
}

function checks(field) {
  return h('fieldset', { class: 'field', 'data-field': field.name }, h('legend', {}, field.label),
    h('div', { class: 'checks' }, field.options.map(name => h('label', {},
      h('input', { type: 'checkbox', name: field.name, value: name, checked: field.value.includes(name) }), name))));
}

function row(field) {
  const id = `f${++count}`;
  if (field.type === 'checks')
    return checks(field);
  const label = h('label', { for: id }, field.label);
  const help = field.help && h('p', { id: id + '-help', class: 'help' }, field.help);
  const input = control(field, id);
  return h('div', { class: field.type === 'checkbox' ? 'field check' : 'field', 'data-field': field.name },
    field.type === 'checkbox' ? [input, label] : [label, input], help);
}

/** Values by name: texts, booleans, arrays of texts, FileLists. Fields that are not shown are left out. */
export function values(form, fields) {
  const all = {};
  for (const field of fields) {
    const input = form.elements[field.name];
    if (form.querySelector(`[data-field="${field.name}"]`).hidden)
      continue;
    if (field.type === 'checks')
      all[field.name] = [...form.querySelectorAll(`input[name="${field.name}"]:checked`)].map(one => one.value);
    else
      all[field.name] = field.type === 'checkbox' ? input.checked : field.type === 'file' ? input.files : input.value;
  }
  return all;
}

function open(dialog, resolve) {
  dialog.addEventListener('close', () => {
    document.body.append(document.getElementById('messages')); // it may be in there: dom.js
    dialog.remove();
    resolve(dialog.returnValue === 'done');
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Asks. fields: {name, label, type, value, options, help, required, when: values => boolean}; run does what was asked
 * for, and its error is shown in the dialog, which stays; isTold: there is nothing to decide. The promise tells whether it was done.
 */
export function ask({ title, text, fields = [], submit = 'Save', danger = false, isTold = false, busy = 'Working…', run }) {
  const id = `d${++count}`;
  const error = h('p', { class: 'error', role: 'alert' });
  const accept = h('button', { type: 'submit', class: danger ? 'danger' : 'main' }, submit);
  const cancel = button('Cancel', () => dialog.close(), { autofocus: danger });
  const form = h('form', {}, h('h2', { id }, title), [text].flat().filter(Boolean).map(line => h('p', {}, line)),
    fields.map(row), error, h('div', { class: 'actions end' }, !isTold && cancel, accept));
  const dialog = h('dialog', { class: 'question', 'aria-labelledby': id }, form);
  let isBusy = false;

  const update = () => {
    const now = values(form, fields);
    for (const field of fields)
      if (field.when) {
        const place = form.querySelector(`[data-field="${field.name}"]`);
        place.hidden = !field.when(now);
        for (const input of place.querySelectorAll('input, select'))
          input.disabled = place.hidden;
      }
  };
  const work = async () => {
    isBusy = true;
    error.textContent = '';
    accept.setAttribute('aria-disabled', 'true');
    accept.textContent = busy;
    form.setAttribute('aria-busy', 'true');
    try {
      await run(values(form, fields));
      dialog.close('done');
    } catch (problem) {
      error.textContent = problem.message;
    }
    isBusy = false;
    accept.removeAttribute('aria-disabled');
    accept.textContent = submit;
    form.removeAttribute('aria-busy');
  };
  form.addEventListener('input', update);
  form.addEventListener('submit', event => {
    event.preventDefault();
    if (!isBusy)
      work();
  });
  dialog.addEventListener('cancel', event => {
    if (isBusy)
      event.preventDefault();
  });
  update();
  return new Promise(resolve => open(dialog, resolve));
}

/** A sheet at the side, on a phone the whole screen. fill(dialog) makes its content. */
export function sheet(title, fill) {
  const id = `d${++count}`;
  const dialog = h('dialog', { class: 'sheet', 'aria-labelledby': id });
  dialog.append(h('div', { class: 'bar' }, h('h2', { id }, title),
    h('button', { type: 'button', class: 'plain', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('close'))),
  ...fill(dialog));
  return new Promise(resolve => open(dialog, resolve));
}
