// A stage under test, in node: the core module that build.mjs makes, with records in and what became of them out.
//
// There is no native AssemblyScript, so a test compiles the stage first: see README.md.

import { readFile } from "node:fs/promises";

const INTERFACE = "sandmill:stage/transform@0.1.0#";
const SOURCE = "sandmill:stage/source@0.1.0#";
const text = (bytes) => new TextDecoder().decode(bytes);
const bytesOf = (value) => (typeof value === "string" ? new TextEncoder().encode(value) : value);

/** Why the stage refused its configuration, or why it ended. */
export class Refused extends Error {}

/** Opens a stage. Throws Refused where the configuration does not fit. */
export async function trial(file, config = {}) {
  const stage = await instantiated(file);
  stage.open(JSON.stringify(config));
  return stage;
}

/** Opens a source, at a cursor that an earlier `pull` gave. */
export async function sourceTrial(file, config = {}, cursor = null) {
  const source = await instantiated(file);
  source.openSource(JSON.stringify(config), cursor);
  return source;
}

async function instantiated(file) {
  const lines = [];
  let ended = null;
  let memory = null;
  const read = (at, length) => text(new Uint8Array(memory.buffer, at, length));
  const levels = ["debug", "info", "warn", "error"];
  const host = {
    log: (level, at, length) => lines.push([levels[level], read(at, length)]),
    // What the SDK writes ends in a line feed.
    write: (level, at, length) => lines.push([levels[level], read(at, length - 1)]),
    panicked: (at, length, place, placeLength) => (ended = `${read(at, length)} (${read(place, placeLength)})`),
  };
  const { instance } = await WebAssembly.instantiate(await readFile(file), { "sandmill:stage/host@0.1.0": host });
  memory = instance.exports.memory;
  return new Trial(instance.exports, () => ended, lines);
}

class Trial {
  #exports;
  #ended;

  constructor(exports, ended, lines) {
    this.#exports = exports;
    this.#ended = ended;
    /** What the stage logged: pairs of level and line. */
    this.lines = lines;
  }

  open(config) {
    const result = this.#call("open", ...this.#lower(new TextEncoder().encode(config)));
    if (this.#word(result) === 1) throw new Refused(text(this.#bytes(result + 4)));
  }

  openSource(config, cursor) {
    const given = cursor === null ? [0, 0, 0] : [1, ...this.#lower(new TextEncoder().encode(cursor))];
    const result = this.#call("open", ...this.#lower(new TextEncoder().encode(config)), ...given);
    if (this.#word(result) === 1) throw new Refused(text(this.#bytes(result + 4)));
  }

  /** Asks a source for at most `most` records. */
  pull(most) {
    const result = this.#call("pull", most);
    if (this.#word(result) === 1) throw new Refused(text(this.#bytes(result + 4)));
    const texts = this.#values(result + 4).map(text);
    const pulled = { texts, cursor: text(this.#bytes(result + 36)), done: this.#word(result + 44) % 256 === 1 };
    this.#exports[`cabi_post_${SOURCE}pull`](0);
    return pulled;
  }

  /** Gives the stage records without keys, all in one batch. */
  process(values) {
    return this.#processed(Array.from(values, bytesOf), null);
  }

  /** Gives the stage pairs of key and value, all in one batch. */
  processKeyed(records) {
    const pairs = Array.from(records, (pair) => pair.map(bytesOf));
    return this.#processed(pairs.map(([, value]) => value), pairs.map(([key]) => key));
  }

  /** Tells the stage that the input has ended. */
  flush() {
    const fates = this.#fates(this.#call("flush"), false);
    this.#exports[`cabi_post_${INTERFACE}flush`](0);
    return fates;
  }

  #processed(values, keys) {
    const none = [0, 0, 0, 0];
    const result = this.#call("process", ...this.#column(values), ...(keys === null ? none : this.#column(keys)));
    const fates = this.#fates(result, true);
    this.#exports[`cabi_post_${INTERFACE}process`](0);
    return fates;
  }

  #call(name, ...values) {
    try {
      return (this.#exports[INTERFACE + name] ?? this.#exports[SOURCE + name])(...values);
    } catch (error) {
      throw new Refused(this.#ended() ?? error.message);
    }
  }

  #column(values) {
    const data = new Uint8Array(values.reduce((sum, value) => sum + value.length, 0));
    let end = 0;
    const ends = new Uint32Array(values.map((value) => (data.set(value, end), (end += value.length))));
    return [...this.#lower(data), ...this.#lower(new Uint8Array(ends.buffer), 4)];
  }

  #lower(bytes, size = 1) {
    const at = this.#exports.cabi_realloc(0, 0, size, bytes.length);
    new Uint8Array(this.#exports.memory.buffer).set(bytes, at);
    return [at, bytes.length / size];
  }

  #word(at) {
    return new DataView(this.#exports.memory.buffer).getUint32(at, true);
  }

  #bytes(at, size = 1) {
    return new Uint8Array(this.#exports.memory.buffer, this.#word(at), this.#word(at + 4) * size).slice();
  }

  #words(at) {
    return new Uint32Array(this.#bytes(at, 4).buffer);
  }

  #values(at) {
    const data = this.#bytes(at);
    const ends = Array.from(this.#words(at + 8));
    return ends.map((end, index) => data.subarray(index === 0 ? 0 : ends[index - 1], end));
  }

  #fates(result, hasOrigins) {
    if (this.#word(result) === 1) throw new Refused(text(this.#bytes(result + 4)));
    const keys = this.#values(result + 20);
    const origins = this.#words(result + 36);
    const ports = new Uint16Array(this.#bytes(result + 44, 2).buffer);
    const outputs = this.#values(result + 4).map((value, index) => ({
      value,
      text: text(value),
      key: keys.length === 0 ? "" : text(keys[index]),
      origin: hasOrigins ? (origins[index] ?? index) : null,
      port: ports[index] ?? 0,
    }));
    const failures = new Map();
    const count = this.#word(result + 56);
    for (let at = this.#word(result + 52), end = at + count * 16; at < end; at += 16) {
      const retryable = this.#word(at + 4) % 256 === 1;
      failures.set(this.#word(at), { message: text(this.#bytes(at + 8)), retryable });
    }
    return { outputs, failures, texts: outputs.map((output) => output.text) };
  }
}
