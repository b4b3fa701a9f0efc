// What a stage may not reach is an error of JavaScript, and never a trap.
//
// What would ask for it is wrapped before the author's module runs. While the component is built the wrappers let everything
// through; `seal` closes them.

import { engine } from "./engine.js";
import { print, shown } from "./log.js";

const WORDS = { time: "the time", random: "random numbers", env: "the environment" };

const RANDOM_BYTES = 512;

const sealed = new Set();

function refuse(kind) {
  throw new Error(`this stage does not reach ${WORDS[kind]}: \`reach = ["${kind}"]\` in sandmill.toml asks for it`);
}

const guarded = (kind, call) =>
  function (...values) {
    if (sealed.has(kind)) refuse(kind);
    return Reflect.apply(call, this, values);
  };

/** Refuses from now on what is not in `reach`. Called when the component is opened. */
export function seal(reach) {
  for (const kind of Object.keys(WORDS)) if (!reach.includes(kind)) sealed.add(kind);
  sealed.add("later");
  if (reach.includes("random") && engine !== null) Math.random = fractions(engine.random); // QuickJS's own seed is the build's
}

/** Numbers from 0 up to, but not including, 1, made of the host's random bytes. */
export function fractions(random) {
  let words = new Uint32Array(0);
  let at = 0;
  return () => {
    if (at >= words.length) {
      words = new Uint32Array(random(RANDOM_BYTES).buffer);
      at = 0;
    }
    return ((words[at++] >>> 5) * 2 ** 26 + (words[at++] >>> 6)) / 2 ** 53;
  };
}

/** Wraps what reaches out, and adds what every JavaScript program expects: `console`, `TextEncoder`, `TextDecoder`. */
export function prepare(columns) {
  const Original = Date;
  const proxy = new Proxy(Original, {
    construct(target, values, newTarget) {
      if (values.length === 0 && sealed.has("time")) refuse("time");
      return Reflect.construct(target, values, newTarget === proxy ? target : newTarget);
    },
    apply(target) {
      if (sealed.has("time")) refuse("time");
      return target();
    },
  });
  const clock = Original.now;
  Original.now = guarded("time", clock);
  Original.prototype.constructor = proxy;
  globalThis.Date = proxy;
  Object.defineProperty(globalThis, "performance", { value: { timeOrigin: 0, now: guarded("time", clock) } });
  Math.random = guarded("random", Math.random);
  Promise.prototype.then = awaited(Promise.prototype.then);
  globalThis.console = consoleOf();
  globalThis.TextEncoder ??= encoderOf(columns);
  globalThis.TextDecoder ??= decoderOf(columns);
}

/** What a promise's reactions would do is never done: nothing runs when the stage's function has returned. */
const awaited = (then) =>
  function (...reactions) {
    if (sealed.has("later")) throw new Error("a stage waits for nothing: what `then` is given would never run");
    return Reflect.apply(then, this, reactions);
  };

function consoleOf() {
  const to = (level) => (...values) => print(level, shown(values));
  const result = { debug: to("debug"), trace: to("debug"), log: to("info"), info: to("info"), warn: to("warn"), error: to("error") };
  result.assert = (holds, ...values) => holds || print("error", `assertion failed: ${shown(values)}`);
  return result;
}

const encoderOf = (columns) =>
  class TextEncoder {
    encoding = "utf-8";
    encode(text = "") {
      return columns.toUtf8(String(text).toWellFormed());
    }
  };

const decoderOf = (columns) =>
  class TextDecoder {
    constructor(label = "utf-8", { fatal = false } = {}) {
      if (!/^utf-?8$/i.test(label)) throw new RangeError(`TextDecoder knows UTF-8 here, not ${label}`);
      this.encoding = "utf-8";
      this.fatal = fatal;
    }
    decode(given = new Uint8Array(0)) {
      const bytes = given instanceof ArrayBuffer ? new Uint8Array(given) : new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
      const text = columns.fromUtf8(bytes);
      if (text === null && this.fatal) throw new TypeError("the bytes are not UTF-8");
      return (text ?? columns.replaced(bytes)).replace(/^\ufeff/, "");
    }
  };
