// Every shape of stage and source, through configuration, parsing, call and result.

import assert from "node:assert/strict";
import test from "node:test";

import { At, Failure, Json, Keyed, Record, To, source, stage, t, trial } from "../index.js";

const picky = stage({
  process(line) {
    switch (line) {
      case "drop":
        return null;
      case "nothing":
        return undefined;
      case "false":
        return false;
      case "same":
        return true;
      case "many":
        return ["a", new Uint8Array([98]), { c: 1 }, null];
      case "keyed":
        return new Keyed("schlüssel", "v");
      case "port":
        return new To(2, ["x", new Keyed("k", "y")]);
      case "json":
        return new Json([1, 2]);
      case "fail":
        throw new Failure("told to", { retryable: true });
      case "throw":
        return undefined.missing;
      case "text":
        throw "a text";
      case "map":
        return new Map();
      case "promise":
        return Promise.resolve("x");
      case "surrogate":
        return ["ok", "\ud800"];
      case "nan":
        return { x: NaN };
    }
    return line;
  },
});

const shown = (fates) => fates.outputs.map(({ origin, port, key, text }) => [origin, port, key, text]);

test("every result has its outputs", () => {
  const fates = trial(picky).process(["drop", "nothing", "false", "same", "many", "keyed", "port", "json", "x"]);
  assert.deepEqual(shown(fates), [
    [3, 0, "", "same"],
    [4, 0, "", "a"],
    [4, 0, "", "b"],
    [4, 0, "", '{"c":1}'],
    [5, 0, "schlüssel", "v"],
    [6, 2, "", "x"],
    [6, 2, "k", "y"],
    [7, 0, "", "[1,2]"],
    [8, 0, "", "x"],
  ]);
});

test("an exception fails its record with the place in the author's file", () => {
  const fates = trial(picky).process(["a", "throw", "fail", "text", "b"]);
  assert.deepEqual(fates.texts, ["a", "b"]);
  assert.match(fates.failure(1), /^TypeError: .*missing.* \(shapes\.test\.mjs:\d+ in /);
  assert.deepEqual([fates.failure(2), fates.failures.get(2).retryable], ["told to", true]);
  assert.equal(fates.failure(3), "thrown: a text");
});

test("what cannot be an output fails its record and takes its outputs back", () => {
  const fates = trial(picky).process(["map", "promise", "surrogate", "nan", "x"]);
  assert.deepEqual(fates.texts, ["x"]);
  assert.match(fates.failure(0), /the stage returned a Map/);
  assert.match(fates.failure(1), /the stage returned a promise/);
  assert.match(fates.failure(2), /half a surrogate pair/);
  assert.match(fates.failure(3), /NaN cannot be written as JSON \(in "x"\)/);
});

test("a failure at every place of a batch leaves the others alone", () => {
  for (const bad of ["throw", new Uint8Array([0xff])]) {
    for (let place = 0; place < 4; place++) {
      const given = ["a", "b", "c", "ü"];
      given[place] = bad;
      const fates = trial(picky).process(given);
      assert.deepEqual(fates.texts, given.filter((each) => each !== bad));
      assert.deepEqual([...fates.failures.keys()], [place]);
    }
  }
});

test("text is UTF-8, and a record that is not fails alone", () => {
  const upper = (line) => line.toUpperCase();
  const bytes = (...values) => new Uint8Array(values);
  const fates = trial(upper).process([bytes(0xc3), bytes(0xbc), "ü😀\0\r\u2028", "x".repeat(70), bytes(120, 0xe2, 0x82)]);
  assert.deepEqual(fates.texts, ["Ü😀\0\r\u2028", "X".repeat(70)]);
  assert.equal(fates.failure(0), "the record is not UTF-8: byte 0xc3 at offset 0");
  assert.equal(fates.failure(4), "the record is not UTF-8: byte 0xe2 at offset 1");
  assert.deepEqual(trial((line) => "é" + line).process(["a", ""]).texts, ["éa", "é"]);
  for (let length = 0; length < 80; length++) {
    const line = "a".repeat(length);
    assert.deepEqual(trial(upper).process([`${line}é`, line]).texts, [`${line}é`.toUpperCase(), line.toUpperCase()]);
  }
});

test("half a surrogate pair fails its record, also where all else is plain", () => {
  const fates = trial((line) => (line === "s" ? "\udc00" : line)).process(["a", "s", "b"]);
  assert.deepEqual([fates.texts, [...fates.failures.keys()]], [["a", "b"], [1]]);
});

test("bytes pass unchanged", () => {
  const reversed = stage({ input: "bytes", process: (value) => value.toReversed() });
  assert.deepEqual([...trial(reversed).process([new Uint8Array([0xff, 0]), ""]).outputs[0].value], [0, 0xff]);
});

test("an output keeps the key of its record unless it has its own", () => {
  const fates = trial(picky).processKeyed([["k", "a"], ["", "drop"], ["ü", "many"], ["m", "keyed"]]);
  assert.deepEqual(fates.outputs.map(({ key }) => key), ["k", "ü", "ü", "ü", "schlüssel"]);
  assert.deepEqual(trial(picky).processKeyed([["k", "a"], ["", "b"]]).outputs.map(({ key }) => key), ["k", ""]);
  const swap = stage({ process: (line, _, { key, keyText }) => [new Record(line, key), keyText] });
  assert.deepEqual(shown(trial(swap).processKeyed([["k", "a"]])), [[0, 0, "a", "k"], [0, 0, "k", "k"]]);
});

test("an empty batch has no fates", () => {
  const fates = trial(picky).process([]);
  assert.deepEqual([fates.outputs, fates.failures.size], [[], 0]);
});

test("a generator runs before the next record", () => {
  const seen = [];
  const words = stage({
    *process(line) {
      seen.push(line);
      yield* line.split(" ");
      if (line === "x") throw new RangeError("late");
    },
  });
  const fates = trial(words).process(["a b", "x", "c"]);
  assert.deepEqual([fates.texts, seen], [["a", "b", "c"], ["a b", "x", "c"]]);
  assert.match(fates.failure(1), /^RangeError: late/);
});

test("state lives as long as the instance, and is given up at its end", () => {
  const count = stage({
    open: () => new Map(),
    process(word, counts) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    },
    *flush(counts) {
      for (const [word, count] of counts) yield new Keyed(word, count);
    },
  });
  const counting = trial(count);
  counting.process(["b", "a"]);
  assert.deepEqual(counting.process(["b"]).outputs, []);
  assert.deepEqual(shown(counting.flush()), [[null, 0, "b", "2"], [null, 0, "a", "1"]]);
  assert.deepEqual(trial(count).flush().outputs, []);
});

test("a definition that cannot be a stage is refused before any record", () => {
  for (const [wrong, why] of [
    [() => stage({ proces() {} }), /stage has no "proces"/],
    [() => stage({ process: async () => {} }), /is async/],
    [() => stage({ input: "txt", process() {} }), /input is "text"/],
    [() => stage({ config: { prefix: "" }, process() {} }), /config is a type/],
    [() => stage({}), /process is a function, not undefined/],
    [() => trial({}), /the module has no stage/],
  ]) {
    assert.throws(wrong, why);
  }
});

test("a source is resumed by count, or by its own cursors", () => {
  const numbers = source({
    config: t.object({ to: t.integer() }),
    *records({ to }) {
      for (let n = 0; n < to; n++) yield String(n);
    },
  });
  const first = trial(numbers, { to: 5 });
  assert.deepEqual([first.pull(2).texts, first.cursor, first.done], [["0", "1"], "2", false]);
  assert.deepEqual(trial(numbers, { to: 5 }, { cursor: "2" }).pull().texts, ["2", "3", "4"]);
  assert.throws(() => trial(numbers, { to: 5 }, { cursor: "x" }), /not a number of records/);

  const countdown = source({
    hasCursors: true,
    *records(_, cursor) {
      for (let n = Number(cursor ?? 3); n > 0; n--) yield new At(n - 1, `n${n}`);
    },
  });
  const second = trial(countdown);
  assert.deepEqual([second.pull(1).texts, second.cursor], [["n3"], "2"]);
  assert.deepEqual(trial(countdown, {}, { cursor: "2" }).pull().texts, ["n2", "n1"]);
});

test("what a source cannot yield is refused", () => {
  for (const wrong of [null, undefined, true, ["a"], new To(1, "a"), new At("1", "a")]) {
    assert.throws(() => trial(source(function* () { yield wrong; })).pull(), TypeError);
  }
});
