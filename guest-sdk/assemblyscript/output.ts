// Where a stage puts what it makes of a record.
//
// The columns go out as they are, in one block of 15 words.

import { Buffer } from "./buffer";
import { Json } from "./json";
import { isWellFormed, writeAscii } from "./text";

/** Where the host finds what a function returns. */
export const result = heap.alloc(64);

const FAILURE_WORDS: usize = 4;

/** Takes what becomes of a record: nothing (it is dropped), outputs, or a failure. There is one, which is never collected. */
@final @unmanaged
export class Output {
  private data: Buffer = new Buffer();
  private ends: Buffer = new Buffer();
  private keys: Buffer = new Buffer();
  private keyEnds: Buffer = new Buffer();
  private origins: Buffer = new Buffer();
  private ports: Buffer = new Buffer();
  private failures: Buffer = new Buffer();
  private index: u32 = 0;
  private key: usize = 0;
  private keyLength: u32 = 0;
  private port: u16 = 0;
  private hasKeys: bool = false;
  private hasPorts: bool = false;
  private isOneToOne: bool = true;
  private hasFailed: bool = false;
  private first: usize = 0;

  /** Emits a text. */
  emit(text: string): void {
    if (this.emitAscii(text)) return;
    if (!isWellFormed(text)) return this.fail("the output has half a surrogate pair: it cannot be written as UTF-8");
    const bytes = String.UTF8.encode(text);
    this.emitBytes(changetype<usize>(bytes), bytes.byteLength);
  }

  /** Emits a text in which every character is one byte, and otherwise nothing. Most texts are like that. */
  private emitAscii(text: string): bool {
    const length = text.length;
    if (!writeAscii(text, this.room(length))) return false;
    this.done(length);
    return true;
  }

  /** Emits a JSON value. One that JSON cannot write (NaN, half a surrogate pair) fails the record. */
  emitJson(value: Json): void {
    const why = value.unwritable();
    if (why !== null) return this.fail(`the output is not JSON: ${why}`);
    this.emit(value.toString());
  }

  /** Emits bytes of memory. */
  emitBytes(from: usize, length: u32): void {
    memory.copy(this.room(length), from, length);
    this.done(length);
  }

  /** Emits a text with a key of its own, in place of the key of its record. */
  emitKeyed(key: string, text: string): void {
    const bytes = String.UTF8.encode(key);
    const was = this.key, length = this.keyLength;
    this.key = changetype<usize>(bytes);
    this.keyLength = bytes.byteLength;
    this.emit(text);
    this.key = was;
    this.keyLength = length;
  }

  /** The following outputs of this record go to another of the stage's named outputs, counted from 0. */
  to(port: u16): Output {
    this.port = port;
    return this;
  }

  /** Room for an output of at most `length` bytes: write them there, then call `done`. No copy, no allocation. */
  room(length: u32): usize { return this.data.room(length); }

  /** Emits the bytes that were written to `room`. */
  done(length: u32): void {
    if (this.hasFailed) return;
    this.data.size += length;
    this.ends.word(<u32>this.data.size);
    this.origins.word(this.index);
    if (this.hasKeys || this.keyLength != 0) this.addKey();
    if (this.hasPorts || this.port != 0) this.addPort();
  }

  /** Most stages have no keys and one port: the columns begin at the first that is different. */
  private addKey(): void {
    const before = this.ends.size - 4;
    if (!this.hasKeys) {
      memory.fill(this.keyEnds.room(before), 0, before);
      this.keyEnds.size = before;
      this.hasKeys = true;
    }
    this.keys.bytes(this.key, this.keyLength);
    this.keyEnds.word(<u32>this.keys.size);
  }

  private addPort(): void {
    const before = (this.ends.size - 4) / 2;
    if (!this.hasPorts) {
      memory.fill(this.ports.room(before), 0, before);
      this.ports.size = before;
      this.hasPorts = true;
    }
    store<u16>(this.ports.room(2), this.port);
    this.ports.size += 2;
  }

  /** Fails the record: what was emitted for it is taken back. */
  fail(message: string, retryable: bool = false): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.takeBack();
    const bytes = String.UTF8.encode(message, false, String.UTF8.ErrorMode.REPLACE);
    const copy = heap.alloc(max<usize>(bytes.byteLength, 1));
    memory.copy(copy, changetype<usize>(bytes), bytes.byteLength);
    this.failures.word(this.index);
    this.failures.word(<u32>retryable);
    this.failures.word(<u32>copy);
    this.failures.word(bytes.byteLength);
  }

  /** @hidden */
  begin(index: u32, key: usize, keyLength: u32): void {
    this.index = index;
    this.key = key;
    this.keyLength = keyLength;
    this.port = 0;
    this.hasFailed = false;
    this.first = this.ends.size;
  }

  /** @hidden */
  end(): void { if (this.hasFailed || this.ends.size != this.first + 4) this.isOneToOne = false; }

  /** @hidden */
  expect(bytes: u32): void { this.data.room(bytes); }

  /** @hidden Writes the outcome's lists, and returns where it is. */
  lower(hasOrigins: bool): usize {
    store<u32>(result, 0);
    list(4, this.data, 1, true);
    list(12, this.ends, 4, true);
    list(20, this.keys, 1, this.hasKeys);
    list(28, this.keyEnds, 4, this.hasKeys);
    list(36, this.origins, 4, hasOrigins && !this.isOneToOne);
    list(44, this.ports, 2, this.hasPorts);
    list(52, this.failures, FAILURE_WORDS * 4, true);
    return result;
  }

  /** @hidden Writes the lists of a chunk, and returns where it is. */
  lowerChunk(): usize {
    store<u32>(result, 0);
    list(4, this.data, 1, true);
    list(12, this.ends, 4, true);
    list(20, this.keys, 1, this.hasKeys);
    list(28, this.keyEnds, 4, this.hasKeys);
    return result;
  }

  /** @hidden */
  firstFailure(): string {
    return String.UTF8.decodeUnsafe(load<u32>(this.failures.start, 8), load<u32>(this.failures.start, 12));
  }

  /** @hidden */
  get hasFailures(): bool { return this.failures.size != 0; }

  /** @hidden */
  free(): void {
    for (let at: usize = 0; at < this.failures.size; at += FAILURE_WORDS * 4) heap.free(load<u32>(this.failures.start + at, 8));
    this.data.free();
    this.ends.free();
    this.keys.free();
    this.keyEnds.free();
    this.origins.free();
    this.ports.free();
    this.failures.free();
    this.hasKeys = this.hasPorts = false;
    this.isOneToOne = true;
  }

  private takeBack(): void {
    const count = this.first / 4;
    this.ends.size = this.first;
    this.origins.size = this.first;
    this.data.size = count == 0 ? 0 : load<u32>(this.ends.start + this.first - 4);
    if (this.hasPorts) this.ports.size = count * 2;
    if (this.hasKeys) {
      this.keyEnds.size = this.first;
      this.keys.size = count == 0 ? 0 : load<u32>(this.keyEnds.start + this.first - 4);
    }
  }
}

function list(at: usize, buffer: Buffer, size: usize, isGiven: bool): void {
  store<u32>(result + at, <u32>(isGiven && buffer.size ? buffer.start : 8));
  store<u32>(result + at, <u32>(isGiven ? buffer.size / size : 0), 4);
}
