import assert from "node:assert/strict";
import test from "node:test";

import { trial } from "#sandmill";
import stage from "./stage.ts";

test("greets by name", () => {
  const fates = trial(stage, { greeting: "Hi" }).process(["Ada", ""]);
  assert.deepEqual(fates.texts, ["Hi, Ada!"]);
  assert.equal(fates.failure(1), "nobody to greet");
});
