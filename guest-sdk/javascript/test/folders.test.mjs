// The stage under test and the template, as a stage's folder has them: with the SDK in .sandmill/javascript.

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const SDK = fileURLToPath(new URL("..", import.meta.url));

async function unpacked(name, use) {
  const folder = await mkdtemp(path.join(tmpdir(), "sandmill-folder-"));
  try {
    // Without what a build left there.
    const filter = (source) => !/\/(\.sandmill|target)$/.test(source);
    await cp(path.join(SDK, name), folder, { recursive: true, filter });
    await mkdir(path.join(folder, ".sandmill"), { recursive: true });
    await symlink(SDK, path.join(folder, ".sandmill/javascript"));
    const { trial } = await import(path.join(folder, ".sandmill/javascript/index.js"));
    const { default: stage } = await import(path.join(folder, "stage.js"));
    await use(trial, stage);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("each mark has its fate, and the configuration is strict", async () => {
  await unpacked("hello", (trial, hello) => {
    const fates = trial(hello, { prefix: "> " }).process(["aß", "!x", "!?x", "-", "+y", "*2", "@k=v", ">1 z", "~panic"]);
    assert.deepEqual(fates.texts, ["> Aß", "> Y", "> Y", "> *2", "> *2", "> V", "> Z"]);
    assert.equal(fates.failure(1), "told to fail: !x");
    assert.deepEqual([1, 2].map((each) => fates.failures.get(each).retryable), [false, true]);
    assert.deepEqual(fates.outputs.slice(-2).map(({ key, port }) => [key, port]), [["k", 0], ["", 1]]);
    assert.match(fates.failure(8), /^TypeError: .* \(stage\.js:\d+ in breakIt/);
    for (const wrong of [{ prefix: 5 }, { prefx: "" }]) assert.throws(() => trial(hello, wrong), /^Failure: config\.pref/);
  });
});

test("the template greets", async () => {
  await unpacked("template", (trial, greet) => {
    assert.deepEqual(trial(greet, { greeting: "Hi" }).process(["Ada"]).texts, ["Hi, Ada!"]);
  });
});
