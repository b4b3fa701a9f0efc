// Columns: what is looked at and copied all at once.

import assert from "node:assert/strict";
import test from "node:test";

import { trial } from "../index.js";
import { isAscii } from "../src/columns.js";

test("a byte that is not ASCII is found wherever it is, in few bytes and in many", () => {
  for (const length of [0, 1, 31, 32, 1023, 1024, 1025, 1056, 1100]) {
    for (const before of [0, 1, 2, 3]) {
      const bytes = new Uint8Array(length + before + 8).fill(0xff).subarray(before, before + length).fill(0x7f);
      assert.ok(isAscii(bytes), `${length} bytes`);
      for (let at = 0; at < length; at++) {
        bytes[at] = 0x80;
        assert.ok(!isAscii(bytes), `byte ${at} of ${length}`);
        bytes[at] = 0x7f;
      }
    }
  }
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
