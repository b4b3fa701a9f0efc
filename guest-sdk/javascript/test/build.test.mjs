// What the build reads of a module and of a source map.

import assert from "node:assert/strict";
import test from "node:test";

import { decode, placesOf, readable } from "../build/read.mjs";

test("a source map's segments are read", () => {
  assert.deepEqual(decode("AAAA,IAAM;;CACN"), [[[0, 0, 0], [4, 0, 0]], [], [[1, 0, 1]]]);
});

test("places name the author's files, and leave the SDK's out", () => {
  const map = { sources: ["stage.ts", "/sdk/src/guest.js"], mappings: "AAAA;ACAA" };
  assert.deepEqual(placesOf(map, "/home", "/sdk"), { sources: ["stage.ts", "../sdk/src/guest.js"], lines: [[1, 0, 1], []] });
});

test("what the tool says has the author's lines", () => {
  const places = { sources: ["stage.ts"], lines: [[1, 0, 7], []] };
  for (const folder of ["", "/target/javascript/js.10902-29253"]) {
    const said = `Failed to evaluate user JavaScript module: Error: no\n    at f (${folder}/bundle.mjs:1:3)\n    at (${folder}/bundle.mjs:2:1)\n`;
    assert.equal(readable(said, places), "Error: no\n    at f (stage.ts:7)");
  }
});
