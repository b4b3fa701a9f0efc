// `stage` and `source`: what an author's module exports by default, checked when the component is built.

import { isSchema } from "./schema.js";

const INPUTS = ["text", "bytes", "json"];
const STAGE_KEYS = ["input", "config", "open", "process", "flush"];
const SOURCE_KEYS = ["config", "records", "hasCursors"];

/** A stage: a function of the record's text, or an object with `process` and perhaps more. */
export function stage(definition) {
  const given = typeof definition === "function" ? { process: definition } : definition;
  known("stage", given, STAGE_KEYS);
  const { input = "text", config, open, process, flush } = given;
  if (!INPUTS.includes(input) && !isSchema(input)) {
    throw new TypeError(`input is ${INPUTS.map((each) => `"${each}"`).join(", ")}, or a type such as t.object({…})`);
  }
  schema(config);
  synchronous("process", process);
  for (const [name, each] of Object.entries({ open, flush })) if (each !== undefined) synchronous(name, each);
  return Object.freeze({ kind: "stage", input, config, open, process, flush });
}

/** A source: a generator function that makes records from its configuration. */
export function source(definition) {
  const given = typeof definition === "function" ? { records: definition } : definition;
  known("source", given, SOURCE_KEYS);
  schema(given.config);
  synchronous("records", given.records);
  return Object.freeze({ kind: "source", config: given.config, records: given.records, hasCursors: !!given.hasCursors });
}

/** What an author's module exports by default: a stage, a source, or a plain function. */
export function declared(exported) {
  if (typeof exported === "function") return stage(exported);
  if (exported?.kind === "stage" || exported?.kind === "source") return exported;
  throw new TypeError("the module has no stage: write `export default stage(…)`, `export default source(…)` or a function");
}

function known(what, given, keys) {
  if (typeof given !== "object" || given === null) throw new TypeError(`${what} takes a function or an object`);
  for (const key of Object.keys(given)) {
    if (!keys.includes(key)) throw new TypeError(`${what} has no "${key}": it takes ${keys.join(", ")}`);
  }
}

function schema(config) {
  if (config !== undefined && !isSchema(config)) throw new TypeError("config is a type such as t.object({ prefix: t.string() })");
}

function synchronous(name, given) {
  if (typeof given !== "function") throw new TypeError(`${name} is a function, not ${given === null ? "null" : typeof given}`);
  if (/^Async(Generator)?Function$/.test(given.constructor.name)) {
    throw new TypeError(`${name} is async: a stage waits for nothing, so make it a plain function`);
  }
}
