// Bundles in the engine that stages run on. ENGINE is its module, unpacked; without it, nothing is tried. TOOLS is the folder
// of the bundler.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { evaluated } from "../build/engine.mjs";

const file = process.env.ENGINE;
const options = { skip: file === undefined && "ENGINE is not set" };
const engine = file === undefined ? null : await readFile(file);

test("a module may make the engine's memory grow while it is evaluated", options, async () => {
  const small = await evaluated(engine, "export const stage = {};");
  const large = await evaluated(engine, "const table = new Uint8Array(30 << 20).fill(7); export const stage = { table };");
  assert.ok(large.length > small.length + (29 << 20));
  assert.ok(large.lastIndexOf(7) > small.length);
});

test("what a module throws comes with its places, also when the memory has grown", options, async () => {
  const bundle = "const list = Array.from({ length: 100_000 }, (_, n) => `item ${n}`);\nfunction f() { null.x; }\nf();";
  const thrown = await evaluated(engine, bundle).catch((error) => error.message);
  assert.match(thrown, /^TypeError: .*\n +at f \(bundle\.mjs:2:\d+\)\n +at .*bundle\.mjs:3/);
});

test("a promise that nobody keeps is an error, and one that is kept is waited for", options, async () => {
  await evaluated(engine, "export const stage = await Promise.resolve({});");
  const thrown = await evaluated(engine, "await new Promise(() => {}); export const stage = {};").catch((error) => error.message);
  assert.match(thrown, /waits for something that a stage does not have/);
});

const bundles = { skip: (file === undefined || !process.env.TOOLS) && "ENGINE or TOOLS is not set" };

test("the same sources give the same bytes, wherever they lie", bundles, async () => {
  const base = await mkdtemp(path.join(tmpdir(), "sandmill-same-"));
  const build = fileURLToPath(new URL("../build.mjs", import.meta.url));
  const made = [];
  try {
    for (const name of ["a", "another folder"]) {
      const folder = path.join(base, name);
      await mkdir(folder);
      await writeFile(path.join(folder, "stage.js"), "import { t } from './t.js';\nexport default (line) => t + line;\n");
      await writeFile(path.join(folder, "t.js"), "export const t = 'x';\n");
      const places = ["--folder", ".", "--entry", "stage.js", "--work", "target", "--out", "memory"];
      const { stderr } = spawnSync(process.execPath, [build, ...places, "--engine", file, "--tools", process.env.TOOLS], { cwd: folder, encoding: "utf8" });
      assert.equal(stderr, "");
      made.push(await readFile(path.join(folder, "memory")));
    }
  } finally {
    await rm(base, { recursive: true });
  }
  assert.ok(made[0].equals(made[1]));
});
