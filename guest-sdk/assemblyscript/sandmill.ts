// Write a stage of a Sandmill pipeline in AssemblyScript: see README.md.
//
// The exported functions follow the canonical ABI of the component model by hand: columns come in as pointers, and what
// they become goes out in one block of 15 words, freed by `released`.

@external("sandmill:stage/host@0.1.0", "log")
declare function host_log(level: u32, text: usize, length: usize): void;
@external("sandmill:stage/host@0.1.0", "write")
declare function host_write(level: u32, bytes: usize, length: usize): void;
@external("sandmill:stage/host@0.1.0", "panicked")
declare function host_panicked(text: usize, length: usize, place: usize, placeLength: usize): void;

/** Lines for the person who runs the pipeline. */
export namespace log {
  export function debug(line: string): void { write(0, line); }
  export function info(line: string): void { write(1, line); }
  export function warn(line: string): void { write(2, line); }
  export function error(line: string): void { write(3, line); }

  function write(level: u32, line: string): void {
    const bytes = String.UTF8.encode(line, false, String.UTF8.ErrorMode.REPLACE);
    host_log(level, changetype<usize>(bytes), bytes.byteLength);
  }
}

function print(level: u32, text: string): void {
  const bytes = String.UTF8.encode(text + "\n", false, String.UTF8.ErrorMode.REPLACE);
  host_write(level, changetype<usize>(bytes), bytes.byteLength);
}

/** What `console` is in a stage: the compiler is told so. Each call is a line of the log. */
export namespace printed {
  export function log(message: string = ""): void { print(1, message); }
  export function info(message: string = ""): void { print(1, message); }
  export function debug(message: string = ""): void { print(0, message); }
  export function warn(message: string = ""): void { print(2, message); }
  export function error(message: string = ""): void { print(3, message); }
  export function assert<T>(condition: T, message: string = ""): void {
    if (!condition) print(3, "Assertion failed: " + message);
  }
}

/** What `trace` is in a stage: a line of the log with its numbers. */
export function traced(message: string, count: i32 = 0, a: f64 = 0, b: f64 = 0, c: f64 = 0, d: f64 = 0, e: f64 = 0): void {
  const numbers: f64[] = [a, b, c, d, e];
  let text = message;
  for (let index = 0; index < count && index < numbers.length; index++) text += (index == 0 ? " " : ", ") + numbers[index].toString();
  print(0, text);
}

/** Where `throw` and failed assertions end: the instance, and with it the record. The compiler calls it. */
export function panicked(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = String.UTF8.encode(message === null ? "abort" : message, false, String.UTF8.ErrorMode.REPLACE);
  const place = String.UTF8.encode(`${file === null ? "?" : file}:${line}:${column}`);
  host_panicked(changetype<usize>(text), text.byteLength, changetype<usize>(place), place.byteLength);
  unreachable();
}

/** A record, valid until `process` returns. */
@final
export class Record {
  /** @hidden */
  constructor(
    /** Where the value begins in memory. */
    public value: usize,
    /** The number of its bytes. */
    public length: u32,
    /** Where the key begins. */
    public key: usize,
    public keyLength: u32,
  ) {}

  /** The byte at this place of the value. */
  @operator("[]")
  at(index: u32): u8 {
    if (index >= this.length) throw new RangeError("Index out of range");
    return load<u8>(this.value + index);
  }

  /** The key as text. */
  get keyText(): string { return String.UTF8.decodeUnsafe(this.key, this.keyLength); }
}

/** Bytes that grow, outside of the garbage collector's reach. */
@final
class Buffer {
  start: usize = 0;
  size: usize = 0;
  capacity: usize = 0;

  /** Makes room for `more` bytes, and returns where they go. */
  room(more: usize): usize {
    if (this.size + more > this.capacity) {
      this.capacity = max(this.capacity * 2, this.size + more);
      this.start = this.start ? heap.realloc(this.start, this.capacity) : heap.alloc(this.capacity);
    }
    return this.start + this.size;
  }

  word(value: u32): void {
    store<u32>(this.room(4), value);
    this.size += 4;
  }

  bytes(from: usize, length: usize): void {
    memory.copy(this.room(length), from, length);
    this.size += length;
  }

  free(): void {
    if (this.start) heap.free(this.start);
    this.start = this.size = this.capacity = 0;
  }
}

const FAILURE_WORDS: usize = 4;

/** Takes what becomes of a record: nothing (it is dropped), outputs, or a failure. */
@final
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
    const length = text.length, from = changetype<usize>(text), to = this.room(length);
    const wide = i16x8.splat(<i16>0xff80);
    let seen = i64x2.splat(0), index = 0;
    for (; index + 16 <= length; index += 16) {
      const low = v128.load(from + (<usize>index << 1)), high = v128.load(from + (<usize>index << 1), 16);
      seen = v128.or(seen, v128.or(low, high));
      v128.store(to + index, i8x16.narrow_i16x8_u(low, high));
    }
    if (v128.any_true(v128.and(seen, wide))) return false;
    for (; index < length; index++) {
      const unit = load<u16>(from + (<usize>index << 1));
      if (unit >= 0x80) return false;
      store<u8>(to + index, unit);
    }
    this.done(length);
    return true;
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

function isWellFormed(text: string): bool {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index) & 0xfc00;
    if (unit == 0xdc00) return false;
    if (unit == 0xd800 && (index + 1 == text.length || (text.charCodeAt(++index) & 0xfc00) != 0xdc00)) return false;
  }
  return true;
}

/** How many bytes are ASCII before the first that is not. */
function asciiLength(start: usize, length: u32): u32 {
  let at: u32 = 0;
  while (at + 16 <= length && i8x16.bitmask(v128.load(start + at)) == 0) at += 16;
  while (at < length && load<u8>(start + at) < 0x80) at++;
  return at;
}

/** The text of bytes that are ASCII. */
function ofAscii(start: usize, length: u32): string {
  const made = __new(<usize>length << 1, idof<string>());
  let at: usize = 0;
  for (; at + 16 <= length; at += 16) {
    const bytes = v128.load(start + at);
    v128.store(made + (at << 1), i16x8.extend_low_i8x16_u(bytes));
    v128.store(made + (at << 1), i16x8.extend_high_i8x16_u(bytes), 16);
  }
  for (; at < length; at++) store<u16>(made + (at << 1), load<u8>(start + at));
  return changetype<string>(made);
}

/** The offset of the first byte that is not part of a UTF-8 character, or -1. */
function invalidAt(start: usize, length: u32): i32 {
  let at: u32 = 0;
  while (at < length) {
    const first = load<u8>(start + at);
    if (first < 0x80) { at++; continue; }
    const count: u32 = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (count == 0 || at + count > length) return at;
    const second = load<u8>(start + at + 1);
    const least: u8 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const most: u8 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return at;
    for (let next: u32 = 2; next < count; next++) if ((load<u8>(start + at + next) & 0xc0) != 0x80) return at;
    at += count;
  }
  return -1;
}

/** The `config` table of the pipeline file. What `open` does not ask for is refused. */
export class Config {
  private names: string[] = [];
  private values: string[] = [];
  private asked: string[] = [];
  private problem: string | null = null;

  /** @hidden */
  constructor(text: string) { this.parse(text); }

  /** A text. Without `fallback`, it must be there. */
  text(name: string, fallback: string | null = null): string {
    const value = this.find(name, fallback !== null);
    if (value === null) return fallback === null ? "" : fallback;
    if (value.charCodeAt(0) != 0x22) { this.refuse(name, value, "a string"); return ""; }
    return unquoted(value);
  }

  /** A whole number of at most 64 bits. */
  integer(name: string, fallback: i64 = i64.MIN_VALUE): i64 {
    const value = this.find(name, fallback != i64.MIN_VALUE);
    if (value === null) return fallback;
    const number = I64.parseInt(value);
    if (number.toString() != value) this.refuse(name, value, "an integer");
    return number;
  }

  /** A number. */
  number(name: string, fallback: f64 = NaN): f64 {
    const value = this.find(name, !isNaN(fallback));
    if (value === null) return fallback;
    const number = parseFloat(value);
    if (!isFinite(number)) this.refuse(name, value, "a number");
    return number;
  }

  /** true or false. */
  flag(name: string, fallback: bool = false): bool {
    const value = this.find(name, true);
    if (value === null) return fallback;
    if (value != "true" && value != "false") this.refuse(name, value, "true or false");
    return value == "true";
  }

  /** Refuses the configuration, with a reason of the stage's own. */
  fail(reason: string): void { if (this.problem === null) this.problem = `config: ${reason}`; }

  /** @hidden Why it is refused, or null. */
  refusal(): string | null {
    if (this.problem !== null) return this.problem;
    for (let index = 0; index < this.names.length; index++) {
      const name = this.names[index];
      if (!this.asked.includes(name)) {
        const known = this.asked.length == 0 ? "no fields" : "`" + this.asked.join("`, `") + "`";
        return `config.${name}: unknown field \`${name}\`, expected ${known}`;
      }
    }
    return null;
  }

  private find(name: string, isOptional: bool): string | null {
    if (!this.asked.includes(name)) this.asked.push(name);
    const index = this.names.lastIndexOf(name);
    if (index >= 0) return this.values[index];
    if (!isOptional && this.problem === null) this.problem = `config: missing field \`${name}\``;
    return null;
  }

  private refuse(name: string, value: string, expected: string): void {
    const c = value.charCodeAt(0);
    const kind = c == 0x22 ? "string " : c == 0x7b ? "object" : c == 0x5b ? "list" : c == 0x74 || c == 0x66 ? "boolean " : c == 0x6e ? "" : "number ";
    const shown = c == 0x7b || c == 0x5b ? "" : value;
    if (this.problem === null) this.problem = `config.${name}: invalid type: ${kind}${shown}, expected ${expected}`;
  }

  /** The host's JSON is well formed: an object, or nothing. */
  private parse(text: string): void {
    let at = text.indexOf("{") + 1;
    if (at == 0) return;
    while (at < text.length) {
      while (at < text.length && (isBlank(text.charCodeAt(at)) || text.charCodeAt(at) == 0x2c)) at++;
      if (at >= text.length || text.charCodeAt(at) == 0x7d) return;
      const nameEnd = valueEnd(text, at);
      const name = unquoted(text.slice(at, nameEnd));
      at = nameEnd;
      while (isBlank(text.charCodeAt(at)) || text.charCodeAt(at) == 0x3a) at++;
      const end = valueEnd(text, at);
      this.names.push(name);
      this.values.push(text.slice(at, end).trim());
      at = end;
    }
  }
}

function isBlank(unit: i32): bool { return unit == 0x20 || (unit >= 0x09 && unit <= 0x0d); }

/** Where the JSON value that begins at `at` ends. */
function valueEnd(text: string, at: i32): i32 {
  let depth = 0, isQuoted = false;
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (isQuoted) {
      if (unit == 0x5c) at++;
      else if (unit == 0x22) { isQuoted = false; if (depth == 0) return at + 1; }
    } else if (unit == 0x22) isQuoted = true;
    else if (unit == 0x7b || unit == 0x5b) depth++;
    else if (unit == 0x7d || unit == 0x5d) { if (depth-- == 0) return at; if (depth == 0) return at + 1; }
    else if (unit == 0x2c && depth == 0) return at;
  }
  return at;
}

/** The text that a JSON string stands for. */
function unquoted(json: string): string {
  let text = "", at = 1;
  while (at < json.length - 1) {
    const unit = json.charCodeAt(at++);
    if (unit != 0x5c) { text += String.fromCharCode(unit); continue; }
    const escape = json.charCodeAt(at++);
    if (escape == 0x75) {
      text += String.fromCharCode(<i32>parseInt(json.slice(at, at + 4), 16));
      at += 4;
    } else if (escape == 0x6e) text += "\n";
    else if (escape == 0x74) text += "\t";
    else if (escape == 0x72) text += "\r";
    else if (escape == 0x62) text += "\b";
    else if (escape == 0x66) text += "\f";
    else text += String.fromCharCode(escape);
  }
  return text;
}

/** A stage that sees bytes. */
export abstract class Stage {
  /** Called once, with the configuration: what it does not ask for is refused. */
  open(config: Config): void {}
  /** Takes a record. */
  abstract process(record: Record, out: Output): void;
  /** Gives what the stage has kept, at its end. */
  flush(out: Output): void {}
}

/** A stage that sees text. A record that is not UTF-8 fails. */
export abstract class TextStage extends Stage {
  /** Takes the text of a record. */
  abstract line(text: string, out: Output): void;

  process(record: Record, out: Output): void {
    const ascii = asciiLength(record.value, record.length);
    if (ascii == record.length) return this.line(ofAscii(record.value, ascii), out);
    const at = invalidAt(record.value, record.length);
    if (at >= 0) {
      const byte = load<u8>(record.value + at);
      return out.fail(`the record is not UTF-8: byte 0x${byte.toString(16)} at offset ${at}`);
    }
    this.line(String.UTF8.decodeUnsafe(record.value, record.length), out);
  }
}

let stage: Stage | null = null;
const out = new Output();
const result = heap.alloc(64);

/** Makes this the stage of the component. */
export function use(made: Stage): void { stage = made; }

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
  const record = new Record(0, 0, 0, 0);
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

function refused(why: string): usize {
  const bytes = String.UTF8.encode(why, false, String.UTF8.ErrorMode.REPLACE);
  const copy = heap.alloc(max<usize>(bytes.byteLength, 1));
  memory.copy(copy, changetype<usize>(bytes), bytes.byteLength);
  store<u32>(result, 1);
  store<u32>(result, <u32>copy, 4);
  store<u32>(result, bytes.byteLength, 8);
  return result;
}
