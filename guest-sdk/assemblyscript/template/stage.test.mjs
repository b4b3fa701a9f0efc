import assert from "node:assert/strict";
import test from "node:test";

import { trial } from "./.sandmill/assemblyscript/trial.mjs";

test("greets by name", async () => {
  const greet = await trial("target/sandmill/{{name}}.core.wasm", { greeting: "Hi" });
  const fates = greet.process(["Ada", ""]);
  assert.deepEqual(fates.texts, ["Hi, Ada!"]);
  assert.equal(fates.failures.get(1).message, "nobody to greet");
});
