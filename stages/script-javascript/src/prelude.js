// What scripts find beside the language, and what they do not: no clock and no chance. Gives what the stage needs of it.
(write, emit) => {
  "use strict";
  class Failure extends Error {
    constructor(message, { retryable = false } = {}) {
      super(message);
      this.retryable = Boolean(retryable);
    }
  }
  Object.defineProperty(Failure.prototype, "name", { value: "Failure", configurable: true, writable: true });

  class Emitted {
    constructor(value, key, port) {
      this.value = value;
      this.key = key;
      this.port = port;
    }
  }
  const keyed = function Keyed(key, value) {
    return new Emitted(value, key, undefined);
  };
  const to = function To(port, value) {
    return value instanceof Emitted ? new Emitted(value.value, value.key, port) : new Emitted(value, undefined, port);
  };

  class Out {
    key = null;
    emit(value, { key, port } = {}) {
      emit(value, key, port);
    }
  }

  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return String(value);
    try {
      return JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner)) ?? String(value);
    } catch {
      return String(value);
    }
  };
  const say = (level) => (...values) => write(level, values.map(shown).join(" "));
  const console = { debug: say(0), log: say(1), info: say(1), warn: say(2), error: say(3) };

  const refuse = (what) => {
    throw new Error(what);
  };
  const clock = "a stage has no clock: put the time into the record before it, or into the stage's arguments";
  const chance = "a stage has no chance: put a seed into the record or the stage's arguments";
  const date = new Proxy(Date, {
    construct: (target, values, called) => (values.length ? Reflect.construct(target, values, called) : refuse(clock)),
    apply: () => refuse(clock),
  });
  Date.now = () => refuse(clock);
  Date.prototype.constructor = date;
  Math.random = () => refuse(chance);
  delete globalThis.performance;

  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
  define("Date", date);
  define("Failure", Failure);
  define("Keyed", keyed);
  define("To", to);
  define("console", console);
  return { Failure, emitted: Emitted.prototype, out: new Out() };
}
