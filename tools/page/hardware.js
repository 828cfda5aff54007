// SPDX-License-Identifier: Apache-2.0
// What can hold keys and sign, and how much is signed: operations a second of each lane, over the last minutes.
import { card, h, heading, svg, table } from './dom.js';
import { list } from './rest.js';
import { duration, inWords } from './time.js';

const every = 2000; // ms
const kept = 60; // points
const height = 180, margin = 40;

/** A round number that is not less: the top of the chart. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= value) ?? 10;
}

function chart(lanes, width) {
  const top = ceiling(Math.max(1, ...lanes.flatMap(lane => lane.rates)));
  const x = i => margin + (width - margin) * i / (kept - 1);
  const y = rate => height - 20 - (height - 30) * rate / top;
  const grid = [0, top / 2, top].map(rate => [
    svg('line', { class: 'grid', x1: margin, x2: width, y1: y(rate), y2: y(rate) }),
    svg('text', { class: 'axis', x: margin - 6, y: y(rate) + 4, 'text-anchor': 'end' }, String(rate))]);
  const lines = lanes.map((lane, n) => svg('polyline', {
    class: `line lane-${n % 4}`, points: lane.rates.map((rate, i) => `${x(kept - lane.rates.length + i).toFixed(1)},${y(rate).toFixed(1)}`).join(' ') }));
  const now = lanes.map(lane => `${lane.name} ${lane.rates.at(-1)?.toFixed(1) ?? 0}`).join(', ');
  return svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Operations a second of the last two minutes; now: ${now || 'none'}` },
    grid, svg('text', { class: 'axis', x: margin, y: height - 4 }, '2 minutes ago'), svg('text', { class: 'axis', x: width, y: height - 4, 'text-anchor': 'end' }, 'now'), lines);
}

/** Counters of processes, summed by lane; one whose process has ended is not missed. */
function measure(history, rows, elapsed) {
  const counts = new Map(rows.map(row => [`${row.program} ${row.pid} ${row.lane}`, Number(row.operations)]));
  for (const name of new Set(rows.map(row => row.lane)))
    if (!history.lanes.some(lane => lane.name === name))
      history.lanes.push({ name, rates: [] });
  for (const lane of history.lanes) {
    let sum = 0;
    for (const [key, count] of counts)
      if (key.endsWith(' ' + lane.name))
        sum += Math.max(0, count - (history.counts?.get(key) ?? (history.counts ? 0 : count)));
    lane.rates = [...lane.rates, elapsed ? sum / elapsed : 0].slice(-kept);
  }
  history.counts = counts;
}

const bytes = text => `${(Number(text) / 1048576).toFixed(0)} MiB`;

export async function hardware(main) {
  const history = { lanes: [] };
  const place = h('div');
  const details = h('div');
  const [parts, resource] = await Promise.all([list('system/hardware'), list('system/resource')]);
  const machine = [resource].flat()[0];
  let before = 0;
  const update = async () => {
    const rows = (await list('system/hardware/lane')).filter(row => Number(row.operations) + Number(row.failures) > 0);
    const now = performance.now();
    measure(history, rows, before && (now - before) / 1000);
    before = now;
    place.replaceChildren(chart(history.lanes, Math.max(280, place.clientWidth || 600)), h('ul', { class: 'key' }, history.lanes.map((lane, n) => h('li', {},
      svg('svg', { viewBox: '0 0 24 8', class: 'swatch', 'aria-hidden': 'true' }, svg('line', { class: `line lane-${n % 4}`, x1: 0, x2: 24, y1: 4, y2: 4 })),
      `${lane.name}: ${lane.rates.at(-1).toFixed(1)} a second`))));
    details.replaceChildren(rows.length === 0 ? h('p', { class: 'quiet' }, 'Nothing has been signed yet by a process that counts: they do where the folder /run/signet/stats is.') :
      table('Processes', ['Program', 'Process', 'Lane', 'Operations', 'One takes', 'Failures', 'Breaker'], rows.map(row => [
        row.program, row.pid, row.lane, row.operations, `${(Number(row['service-us']) / 1000).toFixed(2)} ms`, row.failures, row.breaker])));
  };
  await update();
  main.replaceChildren(h('div', { class: 'bar' }, heading('Hardware')), h('div', { class: 'cards' },
    card('Operations with private keys', null, place, details),
    card('What is here', null, h('dl', {}, parts.map(part => h('div', {}, h('dt', {}, part.name), h('dd', {}, part.description))))),
    card('The machine', null, h('dl', {}, [['board', machine['board-name']], ['processors', machine['cpu-count']], ['architecture', machine['architecture-name']],
      ['memory', `${bytes(machine['free-memory'])} of ${bytes(machine['total-memory'])} free`], ['disk', `${bytes(machine['free-hdd-space'])} of ${bytes(machine['total-hdd-space'])} free`],
      ['up', inWords(duration(machine.uptime))], ['version', machine.version]].filter(pair => pair[1]).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))))));
  addEventListener('resize', update);
  const timer = setInterval(() => document.hidden || update().catch(() => {}), every);
  return () => {
    clearInterval(timer);
    removeEventListener('resize', update);
  };
}
