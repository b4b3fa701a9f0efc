// The outputs of a call, as they are collected from what the stage returned.

import * as columns from "./columns.js";
import { stringify } from "./json.js";
import { Json, Keyed, Record, To } from "./outputs.js";

const NO_KEY = new Uint8Array(0);
const PORT_MAX = 0xffff;

export class Emitted {
  constructor() {
    this.values = []; // text, or bytes
    this.keys = [];
    this.origins = [];
    this.ports = [];
    this.hasBytes = false;
    this.hasKeys = false;
    this.hasPorts = false;
  }

  /** Forgets the outputs from number `mark` on. */
  takeBack(mark) {
    for (const column of [this.values, this.keys, this.origins, this.ports]) column.length = mark;
  }

  /** Adds what a stage returned for a record, whose bytes are `record`. Throws for what cannot be an output. */
  add(value, origin, key, record, port = 0) {
    if (typeof value === "string") this.push(wellFormed(value), origin, key, port);
    else if (value === null || value === undefined || value === false) return;
    else if (value === true) this.push(original(record), origin, key, port);
    else if (value instanceof Uint8Array) this.push(value.slice(), origin, key, port);
    else if (value instanceof Keyed || value instanceof Record) {
      const own = keyOf(value.key);
      this.hasKeys ||= own.length > 0;
      this.add(value.value, origin, own, record, port);
    } else if (value instanceof To) {
      this.hasPorts = true;
      this.add(value.value, origin, key, record, portOf(value.port));
    } else if (value instanceof Json) this.push(stringify(value.value), origin, key, port);
    else if (Array.isArray(value) || typeof value.next === "function") {
      for (const each of value) this.add(each, origin, key, record, port);
    } else this.push(stringify(allowed(value)), origin, key, port);
  }

  /** Adds a text, or bytes. */
  push(value, origin, key, port) {
    this.hasBytes ||= typeof value !== "string";
    this.values.push(value);
    this.keys.push(key);
    this.origins.push(origin);
    this.ports.push(port);
  }

  /** The outputs as columns. `isOneToOne`: one for each record, in order. */
  outcome(failures, isOneToOne) {
    const values = this.hasBytes
      ? columns.ofBytes(this.values.map((value) => (typeof value === "string" ? columns.toUtf8(value) : value)))
      : columns.ofTexts(this.values);
    const keys = this.hasKeys ? columns.ofBytes(this.keys) : columns.NO_COLUMN();
    return {
      emitted: { values, keys },
      origins: isOneToOne ? [] : this.origins,
      ports: this.hasPorts ? this.ports : [],
      failures,
    };
  }
}

function wellFormed(text) {
  if (!text.isWellFormed()) throw new TypeError(columns.HALF_A_PAIR);
  return text;
}

function original(record) {
  if (record === null) throw new TypeError("`flush` returned true, which stands for the record: it has none");
  return record;
}

function keyOf(key) {
  if (typeof key === "string") return columns.toUtf8(key);
  if (key instanceof Uint8Array) return key.slice();
  throw new TypeError(`a key is a string or a Uint8Array, not ${typeof key}`);
}

function portOf(port) {
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new TypeError(`${port} is not the number of an output: they are counted from 0`);
  }
  return port;
}

function allowed(value) {
  if (typeof value?.then === "function") {
    throw new TypeError("the stage returned a promise: nothing waits for it, so return its value without `await`");
  }
  if (typeof value === "number" || (typeof value === "object" && !(value instanceof Map) && !(value instanceof Set))) {
    return value;
  }
  const name = typeof value === "object" ? value.constructor.name : typeof value;
  throw new TypeError(
    `the stage returned a ${name}: an output is a string, a Uint8Array or JSON (an object or a number), ` +
      "an array or a generator of these, or null for no output",
  );
}
