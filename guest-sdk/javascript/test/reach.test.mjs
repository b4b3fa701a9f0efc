// What a stage reaches once it is sealed. In a process of its own: `prepare` changes the globals.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";

import { fractions } from "../src/reach.js";

function sealed(reach, program) {
  const text = `
    import ${JSON.stringify(new URL("../src/prepare.js", import.meta.url).href)};
    import { seal } from ${JSON.stringify(new URL("../src/reach.js", import.meta.url).href)};
    const write = (text) => process.stdout.write(text);
    const built = new Date();
    seal(${JSON.stringify(reach)});
    ${program}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", text], { encoding: "utf8" });
}

test("what is not reached is an error, and the rest of Date works", () => {
  const { stdout, stderr } = sealed(
    [],
    `for (const asks of [Date.now, () => new Date(), () => Date(), Math.random, () => performance.now()]) {
       try { asks(); write("reached "); } catch (error) { write(error.constructor.name + " "); }
     }
     write([new Date(0).toISOString(), new Date(0) instanceof Date, built instanceof Date, Date.UTC(1970, 0), class extends Date {}.name].join(" "));`,
  );
  assert.equal(stderr, "");
  assert.equal(stdout, "Error Error Error Error Error 1970-01-01T00:00:00.000Z true true 0 ");
});

test("what is reached works", () => {
  const { stdout } = sealed(["time", "random"], `write([Date.now() > 0, new Date() > 0, Math.random() < 1].join(" "));`);
  assert.equal(stdout, "true true true");
});

test("the host's bytes become numbers below 1", () => {
  const most = fractions((length) => new Uint8Array(length).fill(0xff));
  const least = fractions((length) => new Uint8Array(length));
  for (let round = 0; round < 200; round++) {
    assert.ok(most() < 1);
    assert.equal(least(), 0);
  }
});

test("what would run after the stage's function is refused", () => {
  const { stdout, stderr } = sealed([], `try { Promise.resolve(1).then(() => 2); } catch (error) { write(error.message); }`);
  assert.equal(stdout + stderr, "a stage waits for nothing: what `then` is given would never run");
});
