// The stage under test: the subject of the conformance suite, the same in each language.

import { Failure, Keyed, To, log, stage, t } from "#sandmill";

export default stage({
  config: t.object({ prefix: t.string().default("") }),
  process(line, { prefix }) {
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
        return odd(line);
    }
    return prefix + upper(line);
  },
});

// ASCII only: the regular expression costs less where nothing else is in the line.
function upper(text) {
  const all = text.toUpperCase();
  return /^[\x00-\x7f]*$/.test(text) ? all : text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

function odd(line) {
  switch (line.slice(1)) {
    case "panic":
      return undefined.missing;
    case "index":
      return [1, 2][line.length].toString();
    case "loop":
      for (;;);
    case "oom": {
      const kept = [];
      for (;;) kept.push(new Uint8Array(1 << 20));
    }
    case "deep":
      return deep(0);
    case "log":
      for (const level of ["debug", "info", "warn", "error"]) log[level]("a line, Straße");
      break;
    case "print":
    case "console":
      console.log("printed, Straße", { a: 1 });
      console.error("to stderr");
      break;
    case "time":
      return String(Date.now());
    case "random":
      return String(Math.random());
    case "promise":
      return Promise.resolve(line);
    case "surrogate":
      return "\ud800";
    case "nan":
      return { x: NaN };
  }
  return line;
}

const deep = (depth) => deep(depth + 1) + 1;
