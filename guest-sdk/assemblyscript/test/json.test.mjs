// JSON and sources, through stages that build.mjs compiles. TOOLS is the folder with the compiler: `npm ci` in toolchain/.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { Refused, sourceTrial, trial } from "../trial.mjs";

const SDK = fileURLToPath(new URL("..", import.meta.url));
const TOOLS = process.env.TOOLS ?? path.join(SDK, "toolchain");
let folder;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "sandmill-as-"));
  await mkdir(path.join(folder, ".sandmill"));
  await symlink(SDK, path.join(folder, ".sandmill/assemblyscript"));
  await writeFile(path.join(folder, "json.ts"), `
    import { Config, Json, JsonStage, Output, use } from "./.sandmill/assemblyscript/sandmill";
    class Probe extends JsonStage {
      mode: string = "";
      lines: i32 = 0;
      open(config: Config): void {
        this.mode = config.text("mode");
        if (config.has("nested")) this.lines = <i32>config.object("nested").integer("lines");
        if (config.has("names")) {
          const names = config.list("names");
          for (let index = 0; index < names.length; index++) names.at(index).asText;
        }
      }
      value(json: Json, out: Output): void {
        if (this.mode == "pass") return out.emitJson(json);
        if (this.mode == "number") return out.emitJson(Json.ofObject().setNumber("n", json.number("n")));
        if (this.mode == "nan") return out.emitJson(Json.ofObject().setNumber("n", NaN));
        if (this.mode == "surrogate") return out.emitJson(Json.ofText(String.fromCharCode(0xd800)));
        const items = json.list("items");
        let sum: i64 = 0;
        for (let index = 0; index < items.length; index++) sum += items.at(index).integer("cents");
        out.emitJson(Json.ofObject().setText("name", json.text("name")).setInteger("sum", sum).setFlag("paid", json.flag("paid")));
      }
    }
    use(new Probe());`);
  await writeFile(path.join(folder, "numbers.ts"), `
    import { Config, Output, Source, useSource } from "./.sandmill/assemblyscript/sandmill";
    class Numbers extends Source {
      last: i64 = 0;
      open(config: Config): void { this.last = config.integer("last"); }
      pull(most: u32, out: Output): void {
        let next = this.cursor == "" ? 0 : I64.parseInt(this.cursor);
        for (; most > 0 && next <= this.last; most--, next++) out.emit(next.toString());
        if (next == 13) return out.fail("thirteen brings bad luck");
        this.cursor = next.toString();
        this.done = next > this.last;
      }
    }
    useSource(new Numbers());`);
  for (const [name, world] of [["json", "stage"], ["numbers", "record-source"]]) {
    const made = built(name, world);
    assert.equal(made.status, 0, made.stderr);
  }
});

after(() => rm(folder, { recursive: true }));

const wasm = (name) => path.join(folder, `${name}.wasm`);

function built(name, world) {
  const given = ["--folder", folder, "--entry", `${name}.ts`, "--tools", TOOLS, "--out", wasm(name), "--world", world];
  return spawnSync(process.execPath, [path.join(SDK, "build.mjs"), ...given], { encoding: "utf8" });
}

test("JSON that passes a stage is what it was", async () => {
  const pass = await trial(wasm("json"), { mode: "pass" });
  const texts = [
    "9007199254740993", "-0", "1.0", "1E5", "123456789012345678901234567890", "null", "true", "[]", "{}", "\"\"",
    "{\"b\":1,\"a\":[1,{\"c\":null}]}", "\"é😀\\u0001\\n\\\"\\\\\"", `${"[".repeat(500)}${"]".repeat(500)}`,
  ];
  const fates = pass.process(texts);
  assert.deepEqual(fates.texts, texts);
  const other = pass.process([" [ 1 , 2 ] \n", "\"\\ud83d\\ude00\\/\"", "{\"a\":1,\"a\":2}"]);
  assert.deepEqual(other.texts, ["[1,2]", "\"😀/\"", "{\"a\":2}"]);
});

test("what is not JSON fails its record alone, with the place", async () => {
  const pass = await trial(wasm("json"), { mode: "pass" });
  const bad = [
    "", "{\"a\":1", "[1,]", "{\"a\" 1}", "01", "1.", "+1", "1e400", "NaN", "nul", "1 2", "\"a", "\"\\x\"", "\"\\ud800\"", "\"\t\"",
    "{1:2}", "[1 2]", "\ufeff1", `${"[".repeat(501)}${"]".repeat(501)}`, "[".repeat(100000),
  ];
  const fates = pass.process([...bad, "1"]);
  assert.deepEqual(fates.texts, ["1"]);
  for (const index of bad.keys()) assert.match(fates.failures.get(index)?.message ?? "no failure", /^it is not JSON: /, bad[index]);
  assert.equal(fates.failures.get(2).message, "it is not JSON: there is no value, at character 4");
  assert.equal(fates.failures.get(6).message, "it is not JSON: there is no value, at character 1");
});

test("a field is what the stage asks for, or its record fails", async () => {
  const sums = await trial(wasm("json"), { mode: "sum" });
  const fates = sums.process([
    '{"name":"Ada","items":[{"cents":9007199254740993},{"cents":1}],"paid":true}',
    '{"name":"Ada"}',
    '{"name":1,"items":[]}',
    '{"name":"Ada","items":[{"cents":1.5}]}',
    '{"name":"Ada","items":[{"cents":9223372036854775808}]}',
    "[]",
  ]);
  assert.deepEqual(fates.texts, ['{"name":"Ada","sum":9007199254740994,"paid":true}']);
  assert.deepEqual([1, 2, 3, 4, 5].map((index) => fates.failures.get(index).message), [
    "record: missing field `items`",
    "record.name: invalid type: number 1, expected a string",
    "record.items[0].cents: invalid type: number 1.5, expected an integer",
    "record.items[0].cents: 9223372036854775808 does not fit in 64 bits",
    "record: invalid type: list, expected an object",
  ]);
});

test("a number is exact, or its record fails", async () => {
  const numbers = await trial(wasm("json"), { mode: "number" });
  const fates = numbers.process(['{"n":1.5}', '{"n":9007199254740992}', '{"n":9007199254740993}', '{"n":123456789012345678901}']);
  assert.deepEqual(fates.texts.map(JSON.parse), [{ n: 1.5 }, { n: 9007199254740992 }]);
  assert.equal(fates.failures.get(2).message, "record.n: 9007199254740993 cannot be exactly a number of 64 bits");
  assert.ok(fates.failures.has(3));
  for (const [mode, why] of [["nan", "NaN is not a number of JSON"], ["surrogate", "a string has half a surrogate pair"]]) {
    const fates = (await trial(wasm("json"), { mode })).process(["{}"]);
    assert.equal(fates.failures.get(0).message, `the output is not JSON: ${why}`);
  }
});

test("a configuration is refused at the field that does not fit, however deep", async () => {
  const refused = (config) => trial(wasm("json"), config).then(() => null, (error) => {
    assert.ok(error instanceof Refused);
    return error.message;
  });
  assert.equal(await refused({ mode: "pass", nested: { lines: 3 }, names: ["a"] }), null);
  assert.equal(await refused({ mode: "pass", nested: { lines: "3" } }), 'config.nested.lines: invalid type: string "3", expected an integer');
  assert.equal(await refused({ mode: "pass", nested: {} }), "config.nested: missing field `lines`");
  assert.equal(await refused({ mode: "pass", nested: { lines: 3, rows: 1 } }), "config.nested.rows: unknown field `rows`, expected `lines`");
  assert.equal(await refused({ mode: "pass", names: ["a", 1] }), "config.names[1]: invalid type: number 1, expected a string");
  assert.equal(await refused({ mode: "pass", more: 1 }), "config.more: unknown field `more`, expected `mode`, `nested`, `names`");
});

test("a source continues where it was", async () => {
  const numbers = await sourceTrial(wasm("numbers"), { last: 4 });
  assert.deepEqual(numbers.pull(3), { texts: ["0", "1", "2"], cursor: "3", done: false });
  assert.deepEqual(numbers.pull(3), { texts: ["3", "4"], cursor: "5", done: true });
  const resumed = await sourceTrial(wasm("numbers"), { last: 4 }, "4");
  assert.deepEqual(resumed.pull(3), { texts: ["4"], cursor: "5", done: true });
  const unlucky = await sourceTrial(wasm("numbers"), { last: 20 }, "10");
  assert.throws(() => unlucky.pull(3), new Refused("thirteen brings bad luck"));
  await assert.rejects(sourceTrial(wasm("numbers"), {}), new Refused("config: missing field `last`"));
});
