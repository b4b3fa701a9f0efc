// Where in the author's code an exception came from. In a component, positions are the bundle's: `build.mjs` puts a table
// in place of the text below.

const TABLE = "@@SANDMILL_PLACES@@";
const FRAMES_MAX = 8;
const SDK = /[\\/](?:guest-sdk[\\/]|\.sandmill[\\/])?javascript[\\/](?:src|build)[\\/.]|^node:|[\\/]node:internal/;

let table = null;

/** `stage.ts:12 in parse, called from stage.ts:7 in shout`: the innermost frame first. */
export function place(error) {
  const frames = [];
  for (const line of String(error?.stack ?? "").split("\n")) {
    const found = /^\s*at (?:(.*) \()?(.+?):(\d+)(?::(\d+))?\)?$/.exec(line);
    if (found === null) continue;
    const [, name = "", file, row, column = "1"] = found;
    const where = TABLE.startsWith("@@") ? native(file, row) : mapped(Number(row), Number(column));
    if (where !== null) frames.push(`${where}${name === "" || name === "<anonymous>" ? "" : ` in ${name}`}`);
  }
  return runs(frames).slice(0, FRAMES_MAX).join(", called from ");
}

/** `TypeError: cannot read property 'x' of undefined`, and what caused it. */
export function message(error) {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const text = error.message === "" ? error.name : `${error.name}: ${error.message}`;
  return error.cause === undefined ? text : `${text}, caused by ${message(error.cause)}`;
}

function native(file, row) {
  if (SDK.test(file)) return null;
  return `${file.replace(/^.*[\\/]/, "")}:${row}`;
}

function mapped(row, column) {
  table ??= JSON.parse(TABLE);
  const segments = table.lines[row - 1] ?? [];
  let found = null; // triples: column, source, line
  for (let at = 0; at < segments.length && (found === null || segments[at] < column); at += 3) found = at;
  return found === null ? null : `${table.sources[segments[found + 1]]}:${segments[found + 2]}`;
}

function runs(frames) {
  const shown = [];
  for (let at = 0; at < frames.length; ) {
    let next = at + 1;
    while (frames[next] === frames[at]) next++;
    shown.push(next - at === 1 ? frames[at] : `${frames[at]} (${next - at} times)`);
    at = next;
  }
  return shown;
}
