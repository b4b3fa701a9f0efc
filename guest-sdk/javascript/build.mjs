// Makes a component of a stage written in JavaScript or TypeScript. `sandmill build` runs it:
//
//   node build.mjs --folder DIR --entry stage.ts --engine FILE --work DIR --tools DIR --out FILE [--reach time,random]
//
// `--tools` has the `node_modules` of toolchain/package-lock.json. `--engine` is the module that all stages run on. The
// stage's bundle is evaluated in it, and `--out` becomes its memory then. The last line of stdout is JSON:
// `{"world": "stage", "flushes": true}`; `flushes` is null where nobody can tell.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { evaluated } from "./build/engine.mjs";
import { describe, placesOf, readable, unresolved } from "./build/read.mjs";

const SDK = path.dirname(fileURLToPath(import.meta.url));

class Refused extends Error {}

async function main() {
  const options = Object.fromEntries(
    ["folder", "entry", "engine", "work", "tools", "out", "reach"].map((name) => [name, { type: "string", default: "" }]),
  );
  const given = parseArgs({ options }).values;
  for (const name of ["folder", "engine", "work", "tools"]) given[name] = path.resolve(given[name]);
  const reach = given.reach.split(",").filter(Boolean);
  const require = createRequire(path.join(given.tools, "package.json"));
  const rolldown = await import(pathToFileURL(require.resolve("rolldown")));
  const { parseAst } = await import(pathToFileURL(require.resolve("rolldown/parseAst")));
  const entry = path.join(given.folder, given.entry);
  const text = await readFile(entry, "utf8").catch(() => {
    throw new Refused(`${given.entry}: there is no such file in ${given.folder}`);
  });
  const work = path.join(given.work, `js.${process.pid}-${process.hrtime.bigint()}`);
  await mkdir(work, { recursive: true });
  try {
    const { code, map } = await bundled(rolldown, given.folder, entryOf(entry, reach), work);
    const form = describe(parseAst, text, given.entry);
    const places = placesOf(map, given.folder, SDK);
    // The folder has another name in each build, and stands in comments: without it, the same sources give the same bytes.
    const named = code.replaceAll(path.relative(given.folder, work), "sandmill");
    const source = named.replace('"@@SANDMILL_PLACES@@"', () => JSON.stringify(JSON.stringify(places)));
    const memory = await evaluated(await readFile(given.engine), source).catch((error) => {
      throw new Refused(`${given.entry}: ${readable(error.message, places)}`);
    });
    await writeFile(given.out, memory);
    console.log(JSON.stringify(form));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The module that the engine evaluates. `prepare.js` comes first: see `src/reach.js`. */
function entryOf(entry, reach) {
  const from = (file) => JSON.stringify(file);
  return `
import ${from(path.join(SDK, "src/prepare.js"))};
import * as author from ${from(entry)};
import { component } from ${from(path.join(SDK, "src/guest.js"))};
export const stage = component(author.default, ${JSON.stringify(reach)});
`;
}

async function bundled({ rolldown }, folder, entry, work) {
  const file = path.join(work, "entry.mjs");
  await writeFile(file, entry);
  const sdk = path.join(SDK, "index.js");
  let missing = null;
  const build = await rolldown({
    input: file,
    cwd: folder,
    platform: "neutral",
    resolve: { alias: { "#sandmill": sdk, sandmill: sdk }, mainFields: ["module", "main"] },
    onLog(level, log) {
      if (log.code === "UNRESOLVED_IMPORT") missing ??= unresolved(log.message);
    },
  });
  try {
    const { output } = await build.generate({ dir: folder, format: "esm", sourcemap: true, minify: false, codeSplitting: false });
    if (missing !== null) throw new Refused(missing);
    return output[0];
  } catch (error) {
    if (error instanceof Refused) throw error;
    const isUnresolved = error.message.includes("[UNRESOLVED_IMPORT]");
    throw new Refused(isUnresolved ? unresolved(error.message) : error.message);
  } finally {
    await build.close();
  }
}

main().catch((error) => {
  console.error(error instanceof Refused ? error.message : (error.stack ?? error));
  process.exitCode = 1;
});
