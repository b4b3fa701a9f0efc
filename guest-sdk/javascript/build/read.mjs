// What `build.mjs` reads of the author's module and of the bundle's source map, without running anything.

import { isBuiltin } from "node:module";
import path from "node:path";

/** Whether the module is a stage or a source, and whether it gives outputs at its end. */
export function describe(parseAst, text, name) {
  const lang = { ".ts": "ts", ".mts": "ts", ".tsx": "tsx", ".jsx": "jsx" }[path.extname(name)] ?? "js";
  const { body } = parseAst(text, { lang });
  const exported = body.find((node) => node.type === "ExportDefaultDeclaration")?.declaration;
  const made = exported?.type === "Identifier" ? valueOf(body, exported.name) : exported;
  const call = withoutTypes(made);
  if (call?.type === "FunctionDeclaration" || call?.type === "ArrowFunctionExpression") return { world: "stage", flushes: false };
  if (call?.type !== "CallExpression") return { world: "stage", flushes: null };
  if (call.callee.name === "source") return { world: "record-source", flushes: null };
  const [given] = call.arguments;
  if (given?.type === "ArrowFunctionExpression" || given?.type === "FunctionExpression") return { world: "stage", flushes: false };
  if (given?.type !== "ObjectExpression") return { world: "stage", flushes: null };
  const isWhole = given.properties.every((each) => each.type !== "SpreadElement");
  const flushes = given.properties.some((each) => each.key?.name === "flush");
  return { world: "stage", flushes: flushes || (isWhole ? false : null) };
}

function valueOf(body, name) {
  for (const node of body) {
    if (node.type === "FunctionDeclaration" && node.id?.name === name) return node;
    for (const each of node.declarations ?? []) if (each.id.name === name) return each.init;
  }
  return undefined;
}

function withoutTypes(node) {
  while (node?.type?.startsWith("TS") && node.expression) node = node.expression;
  return node;
}

/**
 * A table from lines of the bundle to lines of the author's files: for each line, triples of column, source and
 * line. The SDK's own lines are left out, so that its frames are not shown.
 */
export function placesOf(map, folder, sdk) {
  const sources = map.sources.map((source) => (source === null ? null : path.resolve(folder, source)));
  const isShown = sources.map((source) => source !== null && !source.startsWith(sdk + path.sep + "src") && !source.includes("\0") && path.basename(source) !== "entry.mjs");
  const lines = decode(map.mappings).map((segments) => {
    const kept = [];
    for (const [column, source, line] of segments) {
      if (source !== undefined && isShown[source]) kept.push(column + 1, source, line + 1);
    }
    return kept;
  });
  const named = (source, index) => (isShown[index] ? path.relative(folder, source) : null);
  return { sources: sources.map(named), lines };
}

/** Which import leads nowhere, and where it is. */
export function unresolved(said) {
  const found = /Could not resolve '(.+?)' in (.+)/.exec(said);
  if (found === null) return said;
  const [, name, file] = found;
  const line = /\[ .+?:(\d+):\d+ \]/.exec(said)?.[1];
  const why = isBuiltin(name) ? "a stage runs without node" : "is it a file that does not exist, or a package to install with npm?";
  return `${file}${line === undefined ? "" : `:${line}`}: cannot import "${name}": ${why}`;
}

/** What the tool says, with the author's lines in place of the bundle's. */
export function readable(text, { sources, lines }) {
  const shown = text.trimEnd().split("\n").map((line) => {
    const found = /\(?[^\s(]*bundle\.mjs:(\d+):(\d+)\)?/.exec(line);
    if (found === null) return line;
    const segments = lines[found[1] - 1] ?? [];
    let at = -3;
    while (at + 3 < segments.length && segments[at + 3] <= Number(found[2])) at += 3;
    return at < 0 ? null : line.replace(found[0], `(${sources[segments[at + 1]]}:${segments[at + 2]})`);
  });
  return shown.filter((line) => line !== null).join("\n");
}

const DIGITS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].map((c, i) => [c, i]));

/** The segments of a source map, by line: [column, source, line], all counted from 0. */
export function decode(mappings) {
  let source = 0;
  let line = 0;
  return mappings.split(";").map((row) => {
    let column = 0;
    return row.split(",").filter(Boolean).map((segment) => {
      const [columnStep, sourceStep, lineStep] = numbers(segment);
      column += columnStep;
      if (sourceStep === undefined) return [column];
      source += sourceStep;
      line += lineStep;
      return [column, source, line];
    });
  });
}

function numbers(segment) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.get(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) === 0) {
      found.push(value & 1 ? -(value >> 1) : value >> 1);
      value = shift = 0;
    }
  }
  return found;
}
