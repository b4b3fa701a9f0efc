// Types that exist when the stage runs: for the configuration, and for records of JSON. TypeScript reads them as types.

import { Failure } from "./outputs.js";

/** A value that does not fit. The path grows on the way out: `lines[2].price`. */
class Misfit extends Error {
  constructor(message, path = "") {
    super(message);
    this.path = path;
  }

  inside(step) {
    this.path = step + (this.path === "" || this.path.startsWith("[") ? "" : ".") + this.path;
    return this;
  }
}

class Schema {
  constructor(expected, read) {
    this.expected = expected;
    this.read = read;
    this.fallback = undefined;
    this.isOptional = false;
  }

  /** The same, with a value for where it is missing. */
  default(value) {
    return Object.assign(new Schema(this.expected, this.read), { fallback: value, isOptional: true });
  }

  /** The same, which may be missing. */
  optional() {
    return this.default(undefined);
  }
}

const article = { string: "a string", number: "a number", boolean: "true or false" };

const shownTypes = (value) => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (typeof value === "object") return "object";
  const text = JSON.stringify(value);
  const kind = typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
  return `${kind} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
};

const wrong = (value, expected) => new Misfit(`invalid type: ${shownTypes(value)}, expected ${expected}`);

const simple = (kind) =>
  new Schema(article[kind], (value) => {
    if (typeof value !== kind) throw wrong(value, article[kind]);
    return value;
  });

const within = (schema, step, value, strict) => {
  try {
    return schema.read(value, strict);
  } catch (error) {
    throw error instanceof Misfit ? error.inside(step) : error;
  }
};

function object(fields) {
  const names = Object.keys(fields);
  const read = (value, strict) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(value, "an object");
    for (const name of strict ? Object.keys(value) : []) {
      if (!Object.hasOwn(fields, name)) {
        const known = names.map((each) => `\`${each}\``).join(", ") || "no fields";
        throw new Misfit(`unknown field \`${name}\`, expected ${known}`, name);
      }
    }
    const result = strict ? {} : { ...value };
    for (const name of names) {
      if (Object.hasOwn(value, name)) result[name] = within(fields[name], name, value[name], strict);
      else if (!fields[name].isOptional) throw new Misfit(`missing field \`${name}\``);
      else if (fields[name].fallback !== undefined) result[name] = structured(fields[name].fallback);
    }
    return result;
  };
  return new Schema("an object", read);
}

/** A default is a value of its own for each reader: nobody changes another's. */
const structured = (value) => (typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : value);

function list(item) {
  return new Schema("a list", (value, strict) => {
    if (!Array.isArray(value)) throw wrong(value, "a list");
    return value.map((each, index) => within(item, `[${index}]`, each, strict));
  });
}

function map(item) {
  return new Schema("an object", (value, strict) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(value, "an object");
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, within(item, key, each, strict)]));
  });
}

function oneOf(...choices) {
  const expected = `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`;
  return new Schema(expected, (value) => {
    if (!choices.includes(value)) throw new Misfit(`${shownTypes(value)} is not ${expected}`);
    return value;
  });
}

function either(...options) {
  const expected = options.map((option) => option.expected).join(" or ");
  return new Schema(expected, (value, strict) => {
    let deepest = null;
    for (const option of options) {
      try {
        return option.read(value, strict);
      } catch (error) {
        if (!(error instanceof Misfit)) throw error;
        if (error.path !== "") deepest ??= error;
      }
    }
    throw deepest ?? wrong(value, expected);
  });
}

const integer = () =>
  new Schema("an integer", (value) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrong(value, "an integer");
    return value;
  });

export const t = {
  string: () => simple("string"),
  number: () => simple("number"),
  boolean: () => simple("boolean"),
  integer,
  any: () => new Schema("any value", (value) => value),
  null: () =>
    new Schema("null", (value) => {
      if (value !== null) throw wrong(value, "null");
      return value;
    }),
  object,
  list,
  map,
  oneOf,
  either,
};

/** Whether it is one of the types above. */
export const isSchema = (value) => value instanceof Schema;

/** Reads a value, or throws a Failure that names the field. `root` is the name of the outermost value. */
export function read(schema, value, { root = "", strict = false } = {}) {
  try {
    return schema.read(value, strict);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const path = root === "" ? error.path : error.inside(root).path;
    throw new Failure(path === "" ? error.message : `${path}: ${error.message}`);
  }
}
