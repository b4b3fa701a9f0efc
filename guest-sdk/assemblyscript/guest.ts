// The Wasm side, by hand: what the canonical ABI of the component model calls, and what it is given. Columns come in as
// pointers, and what they become goes out in one block, freed by `released`. One instance holds one stage or source.

import { Config } from "./config";
import { Output, result } from "./output";
import { Record } from "./record";
import { Source, Stage } from "./stage";
import { isWellFormed } from "./text";

let stage: Stage | null = null;
let source: Source | null = null;
const out = new Output();
const record = new Record(0, 0, 0, 0);

/** Makes this the stage of the component. */
export function use(made: Stage): void { stage = made; }

/** Makes this the source of the component. */
export function useSource(made: Source): void { source = made; }

/** @hidden */
export function allocated(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old ? heap.realloc(old, size) : heap.alloc(size);
}

/** @hidden */
export function opened(text: usize, length: usize): usize {
  const config = new Config(String.UTF8.decodeUnsafe(text, length));
  if (length) heap.free(text);
  const made = stage;
  if (made === null) return refused("the module has no stage: call use(new MyStage())");
  made.open(config);
  const why = config.refusal();
  if (why !== null) return refused(why);
  store<u32>(result, 0);
  return result;
}

/** @hidden */
export function processed(
  data: usize, dataLength: usize, ends: usize, count: usize,
  keys: usize, keysLength: usize, keyEnds: usize, keyCount: usize,
): usize {
  const made = stage!;
  record.key = 0;
  record.keyLength = 0;
  out.expect(<u32>dataLength + 64);
  let start: u32 = 0, keyStart: u32 = 0;
  for (let index: usize = 0; index < count; index++) {
    const end = load<u32>(ends + index * 4);
    if (keyCount) {
      const keyEnd = load<u32>(keyEnds + index * 4);
      record.key = keys + keyStart;
      record.keyLength = keyEnd - keyStart;
      keyStart = keyEnd;
    }
    record.value = data + start;
    record.length = end - start;
    out.begin(<u32>index, record.key, record.keyLength);
    made.process(record, out);
    out.end();
    start = end;
  }
  if (dataLength) heap.free(data);
  if (count) heap.free(ends);
  if (keysLength) heap.free(keys);
  if (keyCount) heap.free(keyEnds);
  return out.lower(true);
}

/** @hidden */
export function flushed(): usize {
  out.begin(0, 0, 0);
  stage!.flush(out);
  if (out.hasFailures) return refused(out.firstFailure());
  return out.lower(false);
}

/** @hidden */
export function released(_: usize): void { out.free(); }

/** @hidden */
export function sourceOpened(text: usize, length: usize, hasCursor: u32, cursor: usize, cursorLength: usize): usize {
  const config = new Config(String.UTF8.decodeUnsafe(text, length));
  if (length) heap.free(text);
  const made = source;
  if (made === null) return refused("the module has no source: call useSource(new MySource())");
  if (hasCursor) made.cursor = String.UTF8.decodeUnsafe(cursor, cursorLength);
  if (hasCursor && cursorLength) heap.free(cursor);
  made.open(config);
  const why = config.refusal();
  if (why !== null) return refused(why);
  store<u32>(result, 0);
  return result;
}

/** @hidden */
export function pulled(most: u32): usize {
  const made = source!;
  out.begin(0, 0, 0);
  made.pull(most, out);
  if (out.hasFailures) return refused(out.firstFailure());
  if (!isWellFormed(made.cursor)) return refused("the cursor has half a surrogate pair: it cannot be written as UTF-8");
  const cursor = String.UTF8.encode(made.cursor);
  kept = cursor;
  out.lowerChunk();
  store<u32>(result, cursor.byteLength ? <u32>changetype<usize>(cursor) : 8, 36);
  store<u32>(result, cursor.byteLength, 40);
  store<u32>(result, <u32>made.done, 44);
  return result;
}

/** The cursor, until the host has read it. */
let kept = new ArrayBuffer(0);

function refused(why: string): usize {
  const bytes = String.UTF8.encode(why, false, String.UTF8.ErrorMode.REPLACE);
  const copy = heap.alloc(max<usize>(bytes.byteLength, 1));
  memory.copy(copy, changetype<usize>(bytes), bytes.byteLength);
  store<u32>(result, 1);
  store<u32>(result, <u32>copy, 4);
  store<u32>(result, bytes.byteLength, 8);
  return result;
}
