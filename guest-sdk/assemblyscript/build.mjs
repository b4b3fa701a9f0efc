// Makes a core module of a stage written in AssemblyScript. `sandmill build` runs it, and makes a component of the module:
//
//   node build.mjs --folder DIR --entry stage.ts --tools DIR --out core.wasm [--world record-source]
//
// `--tools` has the `node_modules` of toolchain/package-lock.json. The folder has this SDK in .sandmill/assemblyscript. The
// last line of stdout is JSON: `{"world": "stage", "flushes": true}`.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import v8 from "node:v8";

const SDK = ".sandmill/assemblyscript";
const TRANSFORM = "sandmill:stage/transform@0.1.0#";
const SOURCE = "sandmill:stage/source@0.1.0#";

/** The names of the component model, for which AssemblyScript has no syntax, in each world. */
const NAMES = {
  stage: {
    allocated: ["cabi_realloc"],
    opened: [`${TRANSFORM}open`],
    processed: [`${TRANSFORM}process`],
    flushed: [`${TRANSFORM}flush`],
    released: [`cabi_post_${TRANSFORM}process`, `cabi_post_${TRANSFORM}flush`],
  },
  "record-source": {
    allocated: ["cabi_realloc"],
    sourceOpened: [`${SOURCE}open`],
    pulled: [`${SOURCE}pull`],
    released: [`cabi_post_${SOURCE}pull`],
  },
};
/** What exports.ts exports. */
const EXPORTED = new Set(Object.values(NAMES).flatMap(Object.keys));

/** What programs of AssemblyScript import from a web page, and what there is instead. */
const ABSENT = {
  "env.console": "of console there are log, info, debug, warn, error and assert",
  "env.Date": "a stage does not reach the time",
  "env.seed": "a stage does not reach random numbers",
  "env.performance": "a stage does not reach the time",
};

class Renamed {
  flushes = false;

  constructor(world) {
    this.names = NAMES[world];
  }

  afterParse(parser) {
    for (const source of parser.sources) {
      if (source.isLibrary || source.normalizedPath.startsWith(SDK)) continue;
      for (const { members } of source.statements) this.flushes ||= !!members?.some(({ name }) => name?.text === "flush");
    }
  }

  afterCompile(module) {
    for (const name of EXPORTED) module.removeExport(name);
    for (const [from, names] of Object.entries(this.names)) {
      for (const name of names) module.addFunctionExport(`${SDK}/guest/${from}`, name);
    }
    module.addCustomSection("sandmill:stage", new TextEncoder().encode(`flush=${this.flushes ? 1 : 0}\n`));
  }
}

async function main() {
  // The compiler's optimiser is a large WebAssembly module that runs for a few seconds: to optimise it first takes half of the time.
  v8.setFlagsFromString("--liftoff-only");
  const options = Object.fromEntries(["folder", "entry", "tools", "out", "world"].map((name) => [name, { type: "string" }]));
  const { folder, entry, tools, out, world = "stage" } = parseArgs({ options }).values;
  const require = createRequire(path.resolve(tools, "package.json"));
  const { default: asc } = await import(pathToFileURL(path.join(path.dirname(require.resolve("assemblyscript/package.json")), "dist/asc.js")));
  const renamed = new Renamed(world);
  let said = "";
  let made = null;
  const { error } = await asc.main(
    [
      ...[entry, `${SDK}/exports.ts`, "--baseDir", path.resolve(folder), "-O3", "--runtime", "incremental", "--enable", "simd"],
      ...["--use", `abort=${SDK}/panic/panicked`, "--use", `console=${SDK}/print/printed`],
      ...["--use", `trace=${SDK}/print/traced`, "--outFile", "core.wasm"],
    ],
    {
      stderr: { write: (text) => (said += text) },
      stdout: { write: (text) => (said += text) },
      transforms: [renamed],
      readFile: (name, base) => { try { return readFileSync(path.resolve(base, name), "utf8"); } catch { return null; } },
      writeFile: (name, content) => { if (name.endsWith(".wasm")) made = content; },
      listFiles: () => null,
    },
  );
  const why = error === null ? absent(made) : said.trim() || error.message;
  if (why !== null) {
    console.error(why);
    process.exitCode = 1;
    return;
  }
  writeFileSync(out, made);
  console.log(JSON.stringify({ world, flushes: renamed.flushes }));
}

function absent(binary) {
  const found = WebAssembly.Module.imports(new WebAssembly.Module(binary)).find(({ module }) => !module.startsWith("sandmill:"));
  if (found === undefined) return null;
  const name = `${found.module}.${found.name}`;
  const known = Object.keys(ABSENT).find((each) => name.startsWith(each));
  return `the stage imports ${name}, which a component does not have${known === undefined ? "" : `: ${ABSENT[known]}`}`;
}

await main();
