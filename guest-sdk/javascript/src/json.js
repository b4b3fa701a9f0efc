// JSON that is exact, or an error: no integer that becomes another, no Infinity that becomes null.

import { engine } from "./engine.js";
import { Failure } from "./outputs.js";

/** How deep JSON may be nested: a component's stack holds several times as many levels. */
export const DEPTH_MAX = 512;

// What may not survive: sixteen digits in a row, or an exponent.
const suspicious = /\d{16}|\d[eE]/;

/** Parses JSON. Throws a Failure for what is not JSON, and for integers that no number holds. */
export function parse(text) {
  const plain = engine?.parse(text);
  if (plain !== undefined) return plain;
  if (text.length > 2 * DEPTH_MAX && depth(text) > DEPTH_MAX) {
    throw new Failure(`not JSON: nested more than ${DEPTH_MAX} levels deep`);
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure(`not JSON: ${error.message}`);
  }
  if (suspicious.test(text)) check(text);
  return value;
}

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

function check(text) {
  for (const [found] of text.matchAll(token)) {
    if (found[0] === '"') continue;
    const number = Number(found);
    if (!Number.isFinite(number)) throw new Failure(`not JSON: the number ${found} is too large`);
    if (/^-?\d+$/.test(found) && !Number.isSafeInteger(number) && BigInt(found) !== BigInt(number)) {
      throw new Failure(`the integer ${found} is too large for a JavaScript number: it would become ${number}`);
    }
  }
}

function depth(text) {
  let now = 0;
  let most = 0;
  for (const [bracket] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (bracket === "[" || bracket === "{") most = Math.max(most, ++now);
    else if (bracket === "]" || bracket === "}") now--;
    if (now > DEPTH_MAX) return now;
  }
  return most;
}

const surrogate = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** Writes JSON. Throws for what JSON cannot say: NaN, Infinity, functions, half a surrogate pair. */
export function stringify(value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${typeof value} cannot be written as JSON`);
  if (text.includes("null")) JSON.stringify(value, finite);
  if (text.includes("\\ud") && surrogate.test(text)) {
    throw new TypeError("the output has half a surrogate pair: it cannot be written as UTF-8");
  }
  return text;
}

function finite(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError(`${value} cannot be written as JSON${key === "" ? "" : ` (in "${key}")`}`);
  }
  return value;
}
