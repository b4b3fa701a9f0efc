// JSON is exact or it fails; a configuration that does not fit is refused with the field's name.

import assert from "node:assert/strict";
import test from "node:test";

import { Failure, stage, t, trial } from "../index.js";

const same = stage({ input: "json", process: (v) => ({ v }) });

test("values come out as they went in", () => {
  const texts = ["9007199254740992", "1e300", "-0.5", '"\\u0000é😀"', "[]", '{"<&>":null,"n":"9007199254740993 1e400"}', "100000000000000000000"];
  const fates = trial(same).process(texts);
  assert.equal(fates.failures.size, 0);
  texts.forEach((text, index) => assert.deepEqual(JSON.parse(fates.texts[index]).v, JSON.parse(text)));
});

test("what a number cannot hold fails, and never becomes another number", () => {
  const texts = ["9007199254740993", "[1, -9007199254740993]", "1e400", "-1e400", "NaN", '"\\ud800"', "", '{"a":1', "1 2", "\ufeff1", "[".repeat(100_000)];
  const fates = trial(same).process(texts);
  assert.deepEqual(fates.texts, []);
  assert.deepEqual([...fates.failures.keys()], [...texts.keys()]);
  assert.equal(fates.failure(0), "the integer 9007199254740993 is too large for a JavaScript number: it would become 9007199254740992");
  assert.equal(fates.failure(2), "not JSON: the number 1e400 is too large");
  assert.equal(fates.failure(10), "not JSON: nested more than 512 levels deep");
});

test("JSON may be nested 500 levels deep, and texts may hold brackets", () => {
  const fates = trial(same).process(["[".repeat(500) + "]".repeat(500), JSON.stringify(['{"['.repeat(2_000)])]);
  assert.equal(fates.failures.size, 0);
});

test("what JSON cannot say fails", () => {
  for (const wrong of [{ x: NaN }, [Infinity], { f: { g: -Infinity } }, "\ud800", { n: 1n }]) {
    const fates = trial(stage(() => ({ wrong }))).process(["a"]);
    assert.equal(fates.failures.size, 1);
  }
  assert.deepEqual(trial(stage(() => ({ a: null, b: "\\ud800" }))).process([""]).texts, ['{"a":null,"b":"\\\\ud800"}']);
});

test("a record is read as its type", () => {
  const order = t.object({ customer: t.string(), lines: t.list(t.object({ price: t.number() })).default([]) });
  const fates = trial(stage({ input: order, process: ({ customer, lines }) => `${customer} ${lines.length}` })).process([
    '{"customer": "Ada", "note": 1}',
    '{"customer": 1}',
    '{"customer": "Bob", "lines": [{"price": 1}, {"price": "2"}]}',
    "{}",
  ]);
  assert.deepEqual(fates.texts, ["Ada 0"]);
  assert.equal(fates.failure(1), "customer: invalid type: integer 1, expected a string");
  assert.equal(fates.failure(2), 'lines[1].price: invalid type: string "2", expected a number');
  assert.equal(fates.failure(3), "missing field `customer`");
});

const configured = stage({
  config: t.object({
    name: t.string(),
    size: t.integer().default(1),
    mode: t.oneOf("fast", "slow").default("fast"),
    limits: t.object({ low: t.integer() }).optional(),
    tags: t.map(t.string()).default({}),
    either: t.either(t.string(), t.integer()).optional(),
  }),
  process: (_, config) => config,
});

test("a configuration that fits is read with its defaults", () => {
  const fates = trial(configured, { name: "ü", tags: { a: "b" } }).process([""]);
  assert.deepEqual(JSON.parse(fates.texts[0]), { name: "ü", size: 1, mode: "fast", tags: { a: "b" } });
});

test("a field that does not fit is named", () => {
  for (const [given, expected] of [
    [{}, "config: missing field `name`"],
    [{ name: 3 }, "config.name: invalid type: integer 3, expected a string"],
    [{ name: "a", size: 1.5 }, "config.size: invalid type: number 1.5, expected an integer"],
    [{ name: "a", size: 2 ** 53 + 2 }, "config.size: invalid type: integer 9007199254740994, expected an integer"],
    [{ name: "a", mode: "x" }, 'config.mode: string "x" is not one of "fast", "slow"'],
    [{ name: "a", limits: { low: 1, high: 2 } }, "config.limits.high: unknown field `high`, expected `low`"],
    [{ name: "a", tags: { b: 1 } }, "config.tags.b: invalid type: integer 1, expected a string"],
    [{ name: "a", either: true }, "config.either: invalid type: boolean true, expected a string or an integer"],
  ]) {
    assert.throws(() => trial(configured, given), new RegExp(`^Failure: ${expected.replace(/[[\].]/g, "\\$&")}$`));
  }
  assert.throws(() => trial(same, { loud: true }), /takes no configuration, but has "loud"/);
  assert.throws(() => trial(configured, { nmae: 1 }), Failure);
});
