// What the build reads of a module and of a source map.

import assert from "node:assert/strict";
import test from "node:test";

import { decode, placesOf, readable } from "../build/read.mjs";

test("a source map's segments are read", () => {
  assert.deepEqual(decode("AAAA,IAAM;;CACN"), [[[0, 0, 0], [4, 0, 0]], [], [[1, 0, 1]]]);
});

test("places name the author's files, and leave the SDK's out", () => {
  const map = { sources: ["stage.ts", "/sdk/src/guest.js"], mappings: "AAAA;ACAA" };
  assert.deepEqual(placesOf(map, "/home", "/sdk"), { sources: ["stage.ts", null], lines: [[1, 0, 1], []] });
});

test("what the engine says has the author's lines", () => {
  const places = { sources: ["stage.ts"], lines: [[1, 0, 7], []] };
  const said = "Error: no\n    at f (bundle.mjs:1:3)\n    at bundle.mjs:1:9\n    at <anonymous> (bundle.mjs:2:1)\n";
  assert.equal(readable(said, places), "Error: no\n    at f (stage.ts:7)\n    at (stage.ts:7)");
});
