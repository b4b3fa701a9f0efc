// The stage under test, in TypeScript: see ../hello/stage.js.

import { Failure, Keyed, To, log, stage, t } from "#sandmill";

interface State {
  prefix: string;
  limit: number;
  seen: number;
  kept: number;
  isSpoilt: boolean;
}

export default stage({
  config: t.object({ prefix: t.string().default(""), limit: t.integer().default(0) }),
  open: (config): State => ({ ...config, seen: 0, kept: 0, isSpoilt: false }),
  process(line, state) {
    const { prefix } = state;
    state.seen++;
    switch (line[0]) {
      case "!":
        throw new Failure(`told to fail: ${line}`, { retryable: line.startsWith("!?") });
      case "-":
        return null;
      case "+":
        return [prefix + upper(line.slice(1)), prefix + upper(line.slice(1))];
      case "*":
        return Array(Number(line.slice(1))).fill(prefix + upper(line));
      case "@": {
        const [key, value] = line.slice(1).split("=", 2);
        return new Keyed(key, prefix + upper(value));
      }
      case ">": {
        const [port, value] = line.slice(1).split(" ", 2);
        return new To(Number(port), prefix + upper(value));
      }
      case "~":
        return odd(line, state);
    }
    return prefix + upper(line);
  },
  flush({ kept, isSpoilt }) {
    if (isSpoilt) throw new Failure("told to fail at the end");
    return Array.from({ length: kept }, (_, index) => new Keyed("kept", String(index + 1)));
  },
});

// ASCII only: the regular expression costs less where nothing else is in the line.
function upper(text: string): string {
  const all = text.toUpperCase();
  return /^[\x00-\x7f]*$/.test(text) ? all : text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

// What concerns the instance.
function odd(line: string, state: State) {
  switch (line.slice(1)) {
    case "keep":
      state.kept++;
      return null;
    case "spoil":
      state.isSpoilt = true;
      return null;
    case "count":
      return String(state.seen);
    case "limit":
      return String(state.limit);
  }
  fail(line);
  speak(line);
  return reachOut(line) ?? breakIt(line) ?? line;
}

function fail(line: string) {
  switch (line.slice(1)) {
    case "nothing":
      throw new Failure("");
    case "long":
      throw new Failure("x".repeat(1_000_000));
    case "nul":
      throw new Failure("a\0b");
  }
}

function speak(line: string) {
  switch (line.slice(1)) {
    case "log":
      for (const level of ["debug", "info", "warn", "error"] as const) log[level]("a line, Straße");
      break;
    case "print":
      console.log("printed, Straße", { a: 1 });
      console.error("to stderr");
      break;
  }
}

function reachOut(line: string) {
  switch (line.slice(1)) {
    case "time":
      return String(Date.now());
    case "random":
      return String(Math.random());
    case "order":
      return [...new Set("jihgfedcba"), ...Object.keys({ b: 1, a: 2 })].join("");
    case "beside":
      return Promise.resolve(line);
    case "surrogate":
      return "\ud800";
    case "both":
      return both();
  }
}

function* both() {
  yield "lost";
  throw new Failure("emitted, then failed");
}

function breakIt(line: string): string | undefined {
  switch (line.slice(1)) {
    case "panic":
      return (undefined as unknown as { missing: string }).missing;
    case "index":
      return [1, 2][line.length].toString();
    case "loop":
      for (;;);
    case "oom": {
      const kept: Uint8Array[] = [];
      for (;;) kept.push(new Uint8Array(1 << 20));
    }
    case "deep":
      return String(deep(0));
  }
  if (line.startsWith("~last ")) {
    console.log("last words");
    return breakIt(line.slice("~last ".length));
  }
}

const deep = (depth: number): number => deep(depth + 1) + 1;
