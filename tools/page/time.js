// SPDX-License-Identifier: Apache-2.0
// Times and durations as RouterOS writes them. The router's clock counts, not the browser's.

const seconds = { w: 604800, d: 86400, h: 3600, m: 60, s: 1 };

/** 1w2d3h4m5s: seconds. */
export function duration(text) {
  let sum = 0;
  for (const [, number, unit] of (text ?? '').matchAll(/(\d+)([wdhms])/g))
    sum += Number(number) * seconds[unit];
  return (text ?? '').startsWith('-') ? -sum : sum;
}

/** Seconds between two times such as 2026-11-24 08:00:00. */
export function between(before, after) {
  const parse = text => Date.parse((text ?? '').replace(' ', 'T') + 'Z') / 1000;
  return parse(after) - parse(before);
}

export function inWords(count) {
  const units = [['year', 31557600], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [name, size] = units.find(([unit, each]) => count >= each * (unit === 'second' ? 0 : 2)) ?? units[4];
  const number = Math.floor(count / size);
  return `${number} ${name}${number === 1 ? '' : 's'}`;
}
