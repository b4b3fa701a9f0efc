// The engine that stages run on, in node: it evaluates a stage's bundle, as the stage's instances would.

import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/** A module that takes longer waits for something that does not come, or runs in circles. */
const SECONDS_MAX = 60;

const HOST = "sandmill:stage/host@0.1.0";
const LEVELS = ["debug", "info", "warn", "error"];

/** The engine's memory after the bundle. Throws what the bundle throws, with its places. */
export function evaluated(engine, bundle) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { engine, bundle } });
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`the module has run for ${SECONDS_MAX} s: what is at its top runs once, now, and must end`));
    const timer = setTimeout(late, SECONDS_MAX * 1000);
    worker.once("message", ({ memory, message }) => (message === null ? resolve(memory) : reject(new Error(message))));
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the engine has ended")));
    worker.once("exit", () => clearTimeout(timer));
  }).finally(() => worker.terminate());
}

async function run({ engine, bundle }) {
  let memory = null;
  const bytes = (at, length) => new Uint8Array(memory.buffer, at, length);
  const text = (at, length) => new TextDecoder().decode(bytes(at, length));
  const imports = {
    [HOST]: {
      log: (level, at, length) => console.error(`${LEVELS[level]}: ${text(at, length)}`),
      write: (level, at, length) => process.stderr.write(bytes(at, length)),
      panicked: (at, length) => {
        throw new Error(text(at, length));
      },
    },
    // What a module asks for when it is evaluated, it asks for here; a stage that is open has what it reaches.
    wasi_snapshot_preview1: {
      clock_time_get: (clock, precision, at) => {
        new DataView(memory.buffer).setBigUint64(at, BigInt(Date.now()) * 1_000_000n, true);
        return 0;
      },
      random_get: (at, length) => {
        crypto.getRandomValues(bytes(at, length));
        return 0;
      },
    },
  };
  const { instance } = await WebAssembly.instantiate(engine, imports);
  const { sandmill_javascript_room: room, sandmill_javascript_evaluate: evaluate } = instance.exports;
  memory = instance.exports.memory;
  const code = new TextEncoder().encode(bundle);
  const at = room(code.length);
  bytes(at, code.length).set(code);
  const answer = evaluate(at, code.length);
  const said = new Uint32Array(memory.buffer, answer, 2); // the memory may have grown meanwhile, into another buffer
  const message = said[1] === 0 ? null : text(said[0], said[1]);
  parentPort.postMessage({ memory: new Uint8Array(memory.buffer), message });
}

if (!isMainThread) await run(workerData);
