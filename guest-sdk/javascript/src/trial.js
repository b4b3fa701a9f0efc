// A stage or a source under test, in node: records in, what became of them out.

import * as columns from "./columns.js";
import { declared } from "./declared.js";
import { Instance } from "./instance.js";
import { Failure } from "./outputs.js";
import { OpenSource } from "./source.js";

/** Opens a stage or a source. Throws a Failure where the configuration does not fit. */
export function trial(exported, config = {}, { cursor = null } = {}) {
  const definition = declared(exported);
  const text = JSON.stringify(config);
  return definition.kind === "source" ? new SourceTrial(definition, text, cursor) : new Trial(definition, text);
}

class Trial {
  #instance;

  constructor(definition, text) {
    this.#instance = new Instance(definition, text);
  }

  process(values) {
    const column = columns.ofBytes(Array.from(values, bytes));
    return new Fates(this.#instance.process({ values: column, keys: columns.NO_COLUMN() }), true);
  }

  processKeyed(records) {
    const pairs = Array.from(records, ([key, value]) => [bytes(key), bytes(value)]);
    const keys = columns.ofBytes(pairs.map(([key]) => key));
    const values = columns.ofBytes(pairs.map(([, value]) => value));
    const batch = { values, keys: keys.data.length === 0 ? columns.NO_COLUMN() : keys };
    return new Fates(this.#instance.process(batch), true);
  }

  flush() {
    return new Fates(this.#instance.flush(), false);
  }
}

class SourceTrial {
  #source;

  constructor(definition, text, cursor) {
    this.#source = new OpenSource(definition, text, cursor);
    this.cursor = cursor;
    this.done = false;
  }

  pull(max = 65536) {
    const { records, cursor, done } = this.#source.pull(max);
    this.cursor = cursor;
    this.done = done;
    return new Fates({ emitted: records, origins: [], ports: [], failures: [] }, false);
  }
}

class Fates {
  constructor({ emitted, origins, ports, failures }, hasOrigins) {
    const keys = columns.slices(emitted.keys);
    this.outputs = columns.slices(emitted.values).map((value, index) => ({
      value,
      text: columns.fromUtf8(value),
      key: keys.length === 0 ? "" : columns.fromUtf8(keys[index]),
      origin: hasOrigins ? (origins[index] ?? index) : null,
      port: ports[index] ?? 0,
    }));
    this.failures = new Map(
      failures.map(({ index, message, retryable }) => [index, new Failure(message, { retryable })]),
    );
  }

  get texts() {
    return this.outputs.map((output) => output.text);
  }

  failure(index) {
    return this.failures.get(index)?.message;
  }
}

const bytes = (value) => (typeof value === "string" ? columns.toUtf8(value) : value);
