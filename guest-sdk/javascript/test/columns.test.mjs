// Columns: what is looked at and copied all at once.

import assert from "node:assert/strict";
import test from "node:test";

import { stage as makeStage, trial } from "../index.js";
import * as columns from "../src/columns.js";

test("texts come out of a column as they went in, and what is not UTF-8 is null", () => {
  const values = ["", "a", "ß€😀", "\ufeffx", "z"];
  assert.deepEqual(columns.texts(columns.ofTexts(values)), values);
  const bytes = [[0x61], [0x80], [0xed, 0xa0, 0x80], [0x62]].map((value) => new Uint8Array(value));
  assert.deepEqual(columns.texts(columns.ofBytes(bytes)), ["a", null, null, "b"]);
  assert.throws(() => columns.ofTexts(["a", "\ud800"]), /half a surrogate pair/);
});

test("records after one that is not a text out have their fates, in order", () => {
  let calls = 0;
  const stage = (line) => {
    calls++;
    if (line === "fail") throw new Error("told to");
    return line === "drop" ? null : line === "two" ? ["x", "y"] : line.toUpperCase();
  };
  for (const odd of ["fail", "drop", "two"]) {
    calls = 0;
    const fates = trial(stage).process(["a", "b", odd, "c", "fail", "d"]);
    const between = odd === "two" ? ["x", "y"] : [];
    assert.deepEqual(fates.texts, ["A", "B", ...between, "C", "D"]);
    assert.equal(calls, 6, "each record is given once");
    assert.match(fates.failure(4), /told to/);
  }
});

test("what a stage does to the bytes of a record, it does to no other", () => {
  const stage = {
    input: "bytes",
    process(bytes) {
      if (bytes[0] === 70) throw new Error("told to");
      new Uint8Array(bytes.buffer).fill(88);
      return true;
    },
  };
  assert.deepEqual(trial(makeStage(stage)).process(["a", "F", "bc", "d"]).texts, ["a", "bc", "d"]);
});
