// Makes a component of a stage written in JavaScript or TypeScript. `sandmill build` runs it:
//
//   node build.mjs --folder DIR --entry stage.ts --wit DIR --work DIR --tools DIR --out stage.wasm [--reach time,random]
//
// `--tools` has the `node_modules` of toolchain/package-lock.json. The last line of stdout is JSON:
// `{"world": "stage", "flushes": true}`; `flushes` is null where nobody can tell. The author's module is not run here.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { describe, placesOf, readable, unresolved } from "./build/read.mjs";

const SDK = path.dirname(fileURLToPath(import.meta.url));
const HOST = "sandmill:stage/host@0.1.0";
const RANDOM = "wasi:random/random@0.2.12";

class Refused extends Error {}

async function main() {
  const options = Object.fromEntries(
    ["folder", "entry", "wit", "work", "tools", "out", "reach"].map((name) => [name, { type: "string", default: "" }]),
  );
  const given = parseArgs({ options }).values;
  for (const name of ["folder", "wit", "work", "tools"]) given[name] = path.resolve(given[name]);
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
    const source = code.replace('"@@SANDMILL_PLACES@@"', () => JSON.stringify(JSON.stringify(places)));
    const wit = await witOf(given.wit, work, form.world, reach);
    const bundle = path.join(work, "bundle.mjs");
    await writeFile(bundle, source);
    const { componentize } = require("componentize-qjs");
    const made = await componentize({
      witPath: wit,
      jsSource: source,
      jsPath: bundle,
      world: reach.length === 0 ? form.world : "reaching",
      sync: true,
      stubWasi: reach.length === 0,
    }).catch((error) => {
      throw new Refused(`${given.entry}: ${readable(error.message, places)}`);
    });
    await writeFile(given.out, made.component);
    console.log(JSON.stringify(form));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The module that becomes the component. `prepare.js` comes first: see `src/reach.js`. */
function entryOf(entry, reach) {
  const from = (file) => JSON.stringify(file);
  const hasRandom = reach.includes("random");
  return `
import ${from(path.join(SDK, "src/prepare.js"))};
import * as author from ${from(entry)};
import { component } from ${from(path.join(SDK, "src/guest.js"))};
import * as host from "${HOST}";
${hasRandom ? `import { getRandomBytes } from "${RANDOM}";` : ""}
const made = component(author.default, host, { reach: ${JSON.stringify(reach)}, random: ${hasRandom ? "getRandomBytes" : "null"} });
export const transform = made;
export const source = made;
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
    external: [HOST, RANDOM],
    resolve: { alias: { "#sandmill": sdk, sandmill: sdk }, mainFields: ["module", "main"] },
    onLog(level, log) {
      if (log.code === "UNRESOLVED_IMPORT") missing ??= unresolved(log.message);
    },
  });
  try {
    const { output } = await build.generate({ dir: folder, format: "esm", sourcemap: true, minify: false });
    if (missing !== null) throw new Refused(missing);
    return output[0];
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(error.message);
  } finally {
    await build.close();
  }
}

/** The interface, with what the stage reaches. */
async function witOf(wit, work, world, reach) {
  if (reach.length === 0) return wit;
  const copy = path.join(work, "wit");
  await cp(wit, copy, { recursive: true });
  const imports = reach.includes("random") ? `import ${RANDOM};` : "";
  const stage = await readFile(path.join(copy, "stage.wit"), "utf8");
  await writeFile(path.join(copy, "stage.wit"), `${stage}\nworld reaching { include ${world}; ${imports} }\n`);
  return copy;
}

main().catch((error) => {
  console.error(error instanceof Refused ? error.message : (error.stack ?? error));
  process.exitCode = 1;
});
