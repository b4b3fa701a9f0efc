// An open stage: the records of one call in, what became of each out.

import * as columns from "./columns.js";
import { Emitted } from "./emitted.js";
import { engine } from "./engine.js";
import { parse, stringify } from "./json.js";
import { Failure } from "./outputs.js";
import { message, place } from "./place.js";
import { isSchema, read } from "./schema.js";

/** Where a record comes from: its key. */
class Origin {
  constructor(key) {
    this.key = key;
  }

  /** The key as text. */
  get keyText() {
    return columns.fromUtf8(this.key);
  }
}

const NO_KEY = new Uint8Array(0);
const NO_ORIGIN = new Origin(NO_KEY);

/** Reads the configuration's text. Throws a Failure that names the field. */
export function configure(schema, text) {
  let given = parse(text.trim() === "" ? "{}" : text);
  given ??= {};
  if (schema !== undefined) return read(schema, given, { root: "config", strict: true });
  const [name] = Object.keys(given);
  if (name !== undefined) throw new Failure(`config: this stage takes no configuration, but has "${name}"`);
  return given;
}

/** Whether the instance is done for, and not just the record. */
export function isFatal(error) {
  if (typeof InternalError === "function" && error instanceof InternalError) return true; // out of memory
  return error instanceof RangeError && /call stack/i.test(error.message);
}

export class Instance {
  constructor(definition, configText) {
    const config = configure(definition.config, configText);
    this.definition = definition;
    this.state = definition.open === undefined ? config : definition.open(config);
    this.convert = conversion(definition.input);
  }

  /** Takes the records of one invocation: `{ values, keys }` of columns. */
  process(batch) {
    const run = new Run(batch);
    const { input, process } = this.definition;
    const count = batch.values.ends.length;
    // The engine takes records as long as one output or none comes of each: most stages, whole batches.
    let index = engine === null || run.keys !== null ? 0 : run.begin(this);
    if (index === count) return run.outcome();
    // Bytes of its own for each: what a stage does to them, it does to no other record.
    const given = input === "bytes" ? columns.slices(batch.values).map((value) => value.slice()) : columns.texts(batch.values);
    for (; index < count; index++) {
      let got;
      try {
        let value = given[index];
        if (value === null) throw notUtf8(recordAt(batch.values, index));
        if (this.convert !== null) value = this.convert(value);
        got = process(value, this.state, run.origin(index));
      } catch (error) {
        run.fail(index, error);
        continue;
      }
      if (run.emitted === null && typeof got === "string") run.texts.push(got);
      else run.add(index, got);
    }
    return run.outcome();
  }

  /** Takes what the stage has kept for its end. Throws what the stage throws. */
  flush() {
    const emitted = new Emitted();
    if (this.definition.flush !== undefined) emitted.add(this.definition.flush(this.state), 0, NO_KEY, null);
    return emitted.outcome([], true);
  }
}

/** One invocation. As long as each record has one text as its output, there is nothing but texts to keep. */
class Run {
  constructor(batch) {
    this.batch = batch;
    this.keys = batch.keys.ends.length > 0 ? columns.slices(batch.keys) : null;
    this.texts = [];
    this.done = null;
    this.emitted = null;
    this.isOneToOne = true;
    this.failures = [];
  }

  /** Has the engine take the first records. Returns how many. */
  begin({ definition, state, convert }) {
    const { values } = this.batch;
    const done = engine.run(values, definition.input, definition.process, state, NO_ORIGIN, convert, written);
    if (done.taken === values.ends.length && done.got === undefined && done.thrown === undefined) this.done = done;
    else if (done.taken > 0) this.takeOver(done);
    return done.taken;
  }

  /** Continues where the engine has stopped: at a record of which more comes than it can say. */
  takeOver({ outputs, origins, taken, got, thrown }) {
    this.emitted = new Emitted();
    this.isOneToOne = origins === undefined;
    for (const [number, value] of columns.slices(outputs).entries()) {
      const origin = origins === undefined ? number : origins[number];
      this.emitted.push(columns.fromUtf8(value) ?? value, origin, NO_KEY, 0);
    }
    if (got !== undefined) this.add(taken - 1, got[0]);
    if (thrown !== undefined) this.fail(taken - 1, thrown[0]);
  }

  /** Keeps what the stage returned for a record. */
  add(index, got) {
    const emitted = (this.emitted ??= this.begun());
    const mark = emitted.values.length;
    try {
      emitted.add(got, index, this.key(index), recordAt(this.batch.values, index));
    } catch (error) {
      emitted.takeBack(mark);
      this.fail(index, error);
    }
    if (emitted.values.length !== mark + 1) this.isOneToOne = false;
  }

  /** Keeps why a record failed. Throws what the instance does not survive. */
  fail(index, error) {
    if (isFatal(error)) throw error;
    this.emitted ??= this.begun();
    this.isOneToOne = false;
    this.failures.push(failed(index, error));
  }

  outcome() {
    if (this.done !== null) {
      const { outputs, origins } = this.done;
      return { emitted: { values: outputs, keys: columns.NO_COLUMN() }, origins: origins ?? [], ports: [], failures: [] };
    }
    if (this.emitted === null) {
      try {
        return { emitted: { values: columns.ofTexts(this.texts), keys: this.batch.keys }, origins: [], ports: [], failures: [] };
      } catch (error) {
        if (isFatal(error)) throw error;
        const { texts } = this; // one of them has half a surrogate pair
        this.texts = [];
        for (let index = 0; index < texts.length; index++) this.add(index, texts[index]);
      }
    }
    return this.emitted.outcome(this.failures, this.isOneToOne);
  }

  begun() {
    const emitted = new Emitted();
    emitted.hasKeys = this.keys !== null;
    for (let index = 0; index < this.texts.length; index++) emitted.push(this.texts[index], index, this.key(index), 0);
    return emitted;
  }

  key(index) {
    return this.keys === null ? NO_KEY : this.keys[index];
  }

  origin(index) {
    return this.keys === null ? NO_ORIGIN : new Origin(this.keys[index]);
  }
}

function recordAt({ data, ends }, index) {
  return data.subarray(index === 0 ? 0 : ends[index - 1], ends[index]);
}

function notUtf8(bytes) {
  const at = columns.invalidAt(bytes);
  const byte = bytes[at].toString(16).padStart(2, "0");
  return new Failure(`the record is not UTF-8: byte 0x${byte} at offset ${at}`);
}

/** The text of a value that is one output by itself: JSON. Undefined for what is more than that, or not an output. */
function written(value) {
  const isPlain = typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
  const isJson = isPlain && typeof value.next !== "function" && typeof value.then !== "function";
  return isJson || typeof value === "number" ? stringify(value) : undefined;
}

function failed(index, error) {
  if (error instanceof Failure) return { index, retryable: error.retryable, message: error.message.toWellFormed() };
  const where = place(error);
  return { index, retryable: false, message: (message(error) + (where && ` (${where})`)).toWellFormed() };
}

function conversion(input) {
  if (input === "json") return parse;
  if (isSchema(input)) return (text) => read(input, parse(text));
  return null;
}
