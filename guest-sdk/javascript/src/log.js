// Lines for the person who runs the pipeline. The host adds stage and worker; in node they go to stderr.

import { engine } from "./engine.js";

const sink = engine?.log ?? ((level, line) => globalThis.console?.error(`${level}: ${line}`));

/** Prints a text and a line feed. */
export function print(level, text) {
  if (engine === null) line(level, text);
  else engine.write(level, `${text}\n`);
}

/** Logs each line of a text. Half a character cannot cross, and becomes U+FFFD. */
export function line(level, message) {
  for (const each of String(message).toWellFormed().split("\n")) sink(level, each);
}

export const log = {
  debug: (message) => line("debug", message),
  info: (message) => line("info", message),
  warn: (message) => line("warn", message),
  error: (message) => line("error", message),
};

/** What `console.log` shows of its arguments. */
export function shown(values) {
  return values.map((value) => (typeof value === "string" ? value : inspected(value))).join(" ");
}

function inspected(value) {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === "object" && value !== null) {
    try {
      return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}n` : each)) ?? String(value);
    } catch {
      return Object.prototype.toString.call(value); // it contains itself
    }
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}
