// The promises of the SDK, through the stages in hello/ and template/, as build.mjs compiles them. TOOLS is the folder
// with the compiler: `npm ci` in toolchain/.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { trial } from "../trial.mjs";

const SDK = fileURLToPath(new URL("..", import.meta.url));
const TOOLS = process.env.TOOLS ?? path.join(SDK, "toolchain");
let folder;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "sandmill-as-"));
  await mkdir(path.join(folder, ".sandmill"));
  await symlink(SDK, path.join(folder, ".sandmill/assemblyscript"));
  await cp(path.join(SDK, "hello/stage.ts"), path.join(folder, "hello.ts"));
  await cp(path.join(SDK, "template/stage.ts"), path.join(folder, "template.ts"));
  await writeFile(path.join(folder, "twice.ts"), `
    import { TextStage, Output, use } from "./.sandmill/assemblyscript/sandmill";
    class Twice extends TextStage {
      line(text: string, out: Output): void {
        out.emit(text);
        out.to(1).emitKeyed("own", text);
        if (text.startsWith("!")) out.fail("told to");
      }
    }
    use(new Twice());`);
  await writeFile(path.join(folder, "cases.ts"), `
    import { ascii, Stage, Output, Record, use } from "./.sandmill/assemblyscript/sandmill";
    class Cases extends Stage {
      process(record: Record, out: Output): void {
        const length = record.length;
        const upper = out.room(length);
        ascii.upper(upper, record.value, length);
        out.done(length);
        const lower = out.room(length);
        memory.copy(lower, record.value, length);
        ascii.lower(lower, lower, length);
        out.done(length);
      }
    }
    use(new Cases());`);
  for (const name of ["hello", "template", "twice", "cases"]) assert.equal(built(name).status, 0, built(name).stderr);
});

after(() => rm(folder, { recursive: true }));

const wasm = (name) => path.join(folder, `${name}.wasm`);

function built(name) {
  const given = ["--folder", folder, "--entry", `${name}.ts`, "--tools", TOOLS, "--out", wasm(name)];
  return spawnSync(process.execPath, [path.join(SDK, "build.mjs"), ...given], { encoding: "utf8" });
}

const shown = (fates) => fates.outputs.map(({ origin, port, key, text }) => [origin, port, key, text]);

test("the letters of ASCII change at every place of a block, and nothing else does", async () => {
  const cases = await trial(wasm("cases"), {});
  const every = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), ..."ßéſ€😀"];
  const texts = [];
  for (let start = 0; start < every.length; start++) {
    for (const length of [0, 1, 15, 16, 17, 31, 32, 40]) texts.push(every.slice(start, start + length).join(""));
  }
  const upper = (text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
  const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const made = cases.process(texts).outputs.map(({ text }) => text);
  assert.deepEqual(made, texts.flatMap((text) => [upper(text), lower(text)]));
});

test("text passes unchanged, however long it is and wherever a character is not ASCII", async () => {
  const twice = await trial(wasm("twice"), {});
  const texts = [];
  for (let length = 0; length <= 40; length++) {
    const ascii = Array.from({ length }, (_, index) => String.fromCharCode(0x40 + index)).join("");
    texts.push(ascii);
    for (const other of ["\x7f", "\x80", "ÿ", "ß", "Ā", "€", "😀"]) {
      for (let at = 0; at <= length; at++) texts.push(ascii.slice(0, at) + other + ascii.slice(at));
    }
  }
  const fates = twice.process(texts);
  assert.deepEqual(fates.outputs.filter(({ port }) => port === 0).map(({ text }) => text), texts);
});

test("each mark has its fate", async () => {
  const hello = await trial(wasm("hello"), { prefix: "ü " });
  const fates = hello.process(["aß😀", "!é", "!?x", "-", "+y", "*2", "@ü=v", ">1 z", ""]);
  assert.deepEqual(shown(fates), [
    [0, 0, "", "ü Aß😀"],
    [4, 0, "", "ü Y"],
    [4, 0, "", "ü Y"],
    [5, 0, "", "ü *2"],
    [5, 0, "", "ü *2"],
    [6, 0, "ü", "ü V"],
    [7, 1, "", "ü Z"],
    [8, 0, "", "ü "],
  ]);
  assert.deepEqual([...fates.failures], [
    [1, { message: "told to fail: !é", retryable: false }],
    [2, { message: "told to fail: !?x", retryable: true }],
  ]);
});

test("a record that is not UTF-8 fails alone, at its byte", async () => {
  const hello = await trial(wasm("hello"));
  for (const [bad, at] of [[[0x78, 0xff], 1], [[0xc0, 0x80], 0], [[0xe0, 0x80, 0x80], 0], [[0xed, 0xa0, 0x80], 0], [[0xf4, 0x90, 0x80, 0x80], 0], [[0xc3], 0], [[0x80], 0]]) {
    const fates = hello.process(["a", new Uint8Array(bad), "b"]);
    assert.deepEqual(fates.texts, ["A", "B"]);
    assert.match(fates.failures.get(1).message, new RegExp(`^the record is not UTF-8: byte 0x${bad[at].toString(16)} at offset ${at}$`));
  }
});

test("an output keeps the key of its record, and half a surrogate pair fails", async () => {
  const hello = await trial(wasm("hello"));
  const fates = hello.processKeyed([["k", "a"], ["", "b"], ["l", "-"], ["m", "~surrogate"], ["ü", "@own=c"]]);
  assert.deepEqual(shown(fates), [[0, 0, "k", "A"], [1, 0, "", "B"], [4, 0, "own", "C"]]);
  assert.match(fates.failures.get(3).message, /half a surrogate pair/);
});

test("a failure takes back outputs, keys and ports, wherever it is in the batch", async () => {
  const twice = await trial(wasm("twice"));
  const records = [["", "a"], ["k", "!b"], ["l", "c"], ["", "!d"], ["m", "e"]];
  const fates = twice.processKeyed(records);
  assert.deepEqual([...fates.failures.keys()], [1, 3]);
  assert.deepEqual(shown(fates), [[0, 0, "", "a"], [0, 1, "own", "a"], [2, 0, "l", "c"], [2, 1, "own", "c"], [4, 0, "m", "e"], [4, 1, "own", "e"]]);
});

test("what ends the instance says why, and where", async () => {
  for (const [what, why] of [["panic", /: told to panic \(hello\.ts:\d+:\d+\)$/], ["index", /: Index out of range/]]) {
    const hello = await trial(wasm("hello"));
    assert.throws(() => hello.process([`~${what}`]), why);
  }
});

test("log lines have their level", async () => {
  const hello = await trial(wasm("hello"));
  hello.process(["~log"]);
  assert.deepEqual(hello.lines, ["debug", "info", "warn", "error"].map((level) => [level, "a line, Straße"]));
});

test("a configuration that does not fit is refused with the field's name", async () => {
  for (const [given, why] of [
    [{ prefix: 5 }, "config.prefix: invalid type: number 5, expected a string"],
    [{ prefix: { a: [1, "}"] }, other: 1 }, "config.prefix: invalid type: object, expected a string"],
    [{ prefx: "" }, "config.prefx: unknown field `prefx`, expected `prefix`, `limit`"],
  ]) {
    await assert.rejects(trial(wasm("hello"), given), { message: why });
  }
  const text = 'a"\\\n\u0001é😀/}';
  assert.deepEqual((await trial(wasm("hello"), { prefix: text })).process([""]).texts, [text]);
});

test("batches in a row leave no memory behind", async () => {
  const hello = await trial(wasm("hello"));
  const batch = Array.from({ length: 1_000 }, (_, number) => `line ${number}`);
  const sum = () => hello.process(batch).texts.length;
  for (let round = 0; round < 20; round++) assert.equal(sum(), 1_000);
});

test("the template greets", async () => {
  const greet = await trial(wasm("template"), { greeting: "Hi" });
  assert.deepEqual(greet.process(["Ada"]).texts, ["Hi, Ada!"]);
  assert.equal(greet.process([""]).failures.get(0).message, "nobody to greet");
});

test("console and trace make lines of the log", async () => {
  await writeFile(path.join(folder, "prints.ts"), `
    import { TextStage, Output, use } from "./.sandmill/assemblyscript/sandmill";
    class Prints extends TextStage {
      line(text: string, out: Output): void {
        console.log(text);
        console.warn("a\\nb");
        console.assert(text.length > 5, "short");
        trace("numbers", 2, 1, 2.5);
      }
    }
    use(new Prints());`);
  assert.equal(built("prints").status, 0, built("prints").stderr);
  const prints = await trial(wasm("prints"));
  prints.process(["ü"]);
  assert.deepEqual(prints.lines, [["info", "ü"], ["warn", "a\nb"], ["error", "Assertion failed: short"], ["debug", "numbers 1.0, 2.5"]]);
});

test("what a component does not have fails the build, with what there is instead", async () => {
  await writeFile(path.join(folder, "dates.ts"), `
    import { TextStage, Output, use } from "./.sandmill/assemblyscript/sandmill";
    class Dates extends TextStage { line(text: string, out: Output): void { out.emit(Date.now().toString()); } flush(out: Output): void {} }
    use(new Dates());`);
  const { status, stderr } = built("dates");
  assert.deepEqual([status, /a stage does not reach the time/.test(stderr)], [1, true]);
});
