// JSON, read strictly and written exactly: the language has none of its own.
//
// A number stays as it is written until somebody asks for it, so no integer is rounded on its way through a stage. Whoever
// asks a value for what it does not have leaves a problem behind, of which the first counts: there are no exceptions to catch.

import { isWellFormed } from "./text";

enum Kind { Null, Flag, Number, Text, List, Object }

/** Deeper values are refused: each level takes a part of the stack. */
const DEPTH_MAX = 500;

/** What went wrong first, for a whole document. */
@final
class Reading {
  problem: string | null = null;
}

/** A JSON value. */
@final
export class Json {
  private kind: Kind = Kind.Null;
  /** Of a text what it says, of a number how it is written. */
  private said: string = "";
  private isTrue: bool = false;
  private names: string[] = [];
  private items: Json[] = [];
  private asked: string[] = [];
  /** Where it is in its document: `record.lines[2]`. */
  private place: string = "value";
  private reading: Reading = new Reading();

  /** Reads a text. If it is not JSON, `problem` says why. `place` is what it is called there. */
  static parse(text: string, place: string = "value"): Json {
    const reading = new Reading();
    const reader = new Reader(text, reading);
    const value = reader.document(place);
    value.reading = reading;
    return value;
  }

  static null(): Json { return new Json(); }

  static ofText(text: string): Json {
    const json = new Json();
    json.kind = Kind.Text;
    json.said = text;
    return json;
  }

  static ofInteger(number: i64): Json { return Json.written(number.toString()); }

  static ofNumber(number: f64): Json { return Json.written(number.toString()); }

  static ofFlag(flag: bool): Json {
    const json = new Json();
    json.kind = Kind.Flag;
    json.isTrue = flag;
    return json;
  }

  /** A list without items. */
  static ofList(): Json {
    const json = new Json();
    json.kind = Kind.List;
    return json;
  }

  /** An object without fields. */
  static ofObject(): Json {
    const json = new Json();
    json.kind = Kind.Object;
    return json;
  }

  /** @hidden A number as it is written. */
  static written(number: string): Json {
    const json = new Json();
    json.kind = Kind.Number;
    json.said = number;
    return json;
  }

  /** Why the document is not JSON, or does not have what it was asked for; null while all is well. */
  get problem(): string | null { return this.reading.problem; }

  get isNull(): bool { return this.kind == Kind.Null; }

  /** The number of items of a list, or of fields of an object. */
  get length(): i32 { return this.items.length; }

  // What a value is.

  get asText(): string { return this.expect(Kind.Text, "a string") ? this.said : ""; }

  get asFlag(): bool { return this.expect(Kind.Flag, "true or false") && this.isTrue; }

  /** A whole number of at most 64 bits, exactly. */
  get asInteger(): i64 {
    if (!this.expect(Kind.Number, "an integer")) return 0;
    const number = I64.parseInt(this.said);
    if (number.toString() == this.said || this.said == "-0") return number;
    this.refuse(`${this.place}: ${isWhole(this.said) ? `${this.said} does not fit in 64 bits` : `invalid type: number ${this.said}, expected an integer`}`);
    return 0;
  }

  /** A number. An integer that it cannot be exactly, and one that is too large, is a problem. */
  get asNumber(): f64 {
    if (!this.expect(Kind.Number, "a number")) return 0;
    const number = parseFloat(this.said);
    const isExact = !isWhole(this.said) || (abs(number) < 9.2e18 && I64.parseInt(this.said) == <i64>number);
    if (isFinite(number) && isExact) return number;
    this.refuse(`${this.place}: ${this.said} cannot be exactly a number of 64 bits`);
    return 0;
  }

  // What an object has. Without a fallback, the field must be there.

  text(name: string, fallback: string | null = null): string {
    const field = this.field(name, fallback !== null);
    return field !== null ? field.asText : fallback === null ? "" : fallback;
  }

  integer(name: string, fallback: i64 = i64.MIN_VALUE): i64 {
    const field = this.field(name, fallback != i64.MIN_VALUE);
    return field !== null ? field.asInteger : fallback;
  }

  number(name: string, fallback: f64 = NaN): f64 {
    const field = this.field(name, !isNaN(fallback));
    return field !== null ? field.asNumber : fallback;
  }

  flag(name: string, fallback: bool = false): bool {
    const field = this.field(name, true);
    return field !== null ? field.asFlag : fallback;
  }

  object(name: string): Json {
    const field = this.field(name, false);
    return field !== null && field.expect(Kind.Object, "an object") ? field : this.nothing(Kind.Object);
  }

  list(name: string): Json {
    const field = this.field(name, false);
    return field !== null && field.expect(Kind.List, "a list") ? field : this.nothing(Kind.List);
  }

  has(name: string): bool { return this.field(name, true) !== null; }

  /** The field of any kind, or null. */
  get(name: string): Json | null { return this.field(name, true); }

  /** The item at this place of a list. */
  at(index: i32): Json {
    if (!this.expect(Kind.List, "a list")) return this.nothing(Kind.Null);
    if (index >= 0 && index < this.items.length) return this.items[index];
    this.refuse(`${this.place}: there is no item ${index}`);
    return this.nothing(Kind.Null);
  }

  // Making values.

  /** Sets a field of an object. */
  set(name: string, value: Json): Json {
    const index = this.names.indexOf(name);
    if (index >= 0) this.items[index] = value;
    else {
      this.names.push(name);
      this.items.push(value);
    }
    return this;
  }

  setText(name: string, text: string): Json { return this.set(name, Json.ofText(text)); }
  setInteger(name: string, number: i64): Json { return this.set(name, Json.ofInteger(number)); }
  setNumber(name: string, number: f64): Json { return this.set(name, Json.ofNumber(number)); }
  setFlag(name: string, flag: bool): Json { return this.set(name, Json.ofFlag(flag)); }

  /** Removes a field of an object. */
  remove(name: string): Json {
    const index = this.names.indexOf(name);
    if (index >= 0) {
      this.names.splice(index, 1);
      this.items.splice(index, 1);
    }
    return this;
  }

  /** Adds an item to a list. */
  push(value: Json): Json {
    this.items.push(value);
    return this;
  }

  /** As JSON, on one line. */
  toString(): string {
    if (this.kind == Kind.Null) return "null";
    if (this.kind == Kind.Flag) return this.isTrue ? "true" : "false";
    if (this.kind == Kind.Number) return this.said;
    if (this.kind == Kind.Text) return quoted(this.said);
    const isObject = this.kind == Kind.Object;
    const parts = new Array<string>(this.items.length);
    for (let index = 0; index < this.items.length; index++) {
      const item = this.items[index].toString();
      parts[index] = isObject ? `${quoted(this.names[index])}:${item}` : item;
    }
    return isObject ? `{${parts.join(",")}}` : `[${parts.join(",")}]`;
  }

  /** @hidden Why it cannot be written, or null. */
  unwritable(): string | null {
    if (this.kind == Kind.Number && (this.said == "NaN" || this.said.endsWith("Infinity"))) return `${this.said} is not a number of JSON`;
    if (this.kind == Kind.Text && !isWellFormed(this.said)) return "a string has half a surrogate pair";
    for (let index = 0; index < this.items.length; index++) {
      const why = this.items[index].unwritable();
      if (why !== null) return why;
    }
    for (let index = 0; index < this.names.length; index++) {
      if (!isWellFormed(this.names[index])) return "the name of a field has half a surrogate pair";
    }
    return null;
  }

  /** @hidden The first field that nobody has asked for, of this object and of those in it that were asked, or null. */
  unknown(): string | null {
    for (let index = 0; index < this.names.length; index++) {
      const name = this.names[index];
      if (!this.asked.includes(name)) {
        const known = this.asked.length == 0 ? "no fields" : "`" + this.asked.join("`, `") + "`";
        return `${this.place}.${name}: unknown field \`${name}\`, expected ${known}`;
      }
      const field = this.items[index];
      const why = field.kind == Kind.Object && field.asked.length > 0 ? field.unknown() : null;
      if (why !== null) return why;
    }
    return null;
  }

  /** Leaves a problem, unless there is one: the record fails, or the configuration is refused. */
  refuse(why: string): void { if (this.reading.problem === null) this.reading.problem = why; }

  /** @hidden Puts what was read into its document. */
  placed(place: string, reading: Reading): Json {
    this.place = place;
    this.reading = reading;
    return this;
  }

  private field(name: string, isOptional: bool): Json | null {
    if (!this.asked.includes(name)) this.asked.push(name);
    if (!this.expect(Kind.Object, "an object")) return null;
    const index = this.names.lastIndexOf(name);
    if (index >= 0) return this.items[index];
    if (!isOptional) this.refuse(`${this.place}: missing field \`${name}\``);
    return null;
  }

  private expect(kind: Kind, expected: string): bool {
    if (this.kind == kind) return true;
    this.refuse(`${this.place}: invalid type: ${this.shown()}, expected ${expected}`);
    return false;
  }

  private shown(): string {
    if (this.kind == Kind.Object) return "object";
    if (this.kind == Kind.List) return "list";
    const word = this.kind == Kind.Text ? "string " : this.kind == Kind.Flag ? "boolean " : this.kind == Kind.Number ? "number " : "";
    return word + this.toString();
  }

  private nothing(kind: Kind): Json {
    const json = new Json();
    json.kind = kind;
    return json.placed(this.place, this.reading);
  }
}

/** Reads a text, strictly: as RFC 8259 says, without half surrogate pairs. */
@final
class Reader {
  private at: i32 = 0;
  private depth: i32 = 0;

  constructor(private text: string, private reading: Reading) {}

  document(place: string): Json {
    const value = this.value(place);
    this.blank();
    if (this.at < this.text.length) this.wrong("something follows the value");
    return value.placed(place, this.reading);
  }

  private value(place: string): Json {
    this.blank();
    const unit = this.peek();
    if (unit == 0x7b || unit == 0x5b) return this.nested(place, unit == 0x7b).placed(place, this.reading);
    return this.single(unit).placed(place, this.reading);
  }

  private single(unit: i32): Json {
    if (unit == 0x22) return Json.ofText(this.quoted());
    if (unit == 0x2d || isDigit(unit)) return Json.written(this.digits());
    if (this.word("true")) return Json.ofFlag(true);
    if (this.word("false")) return Json.ofFlag(false);
    if (!this.word("null")) this.wrong(unit < 0 ? "it ends where a value is expected" : "there is no value");
    return Json.null();
  }

  /** An object or a list. */
  private nested(place: string, isObject: bool): Json {
    const json = isObject ? Json.ofObject() : Json.ofList();
    const last = isObject ? 0x7d : 0x5d;
    this.at++;
    if (++this.depth > DEPTH_MAX) return this.stop(json, `it is more than ${DEPTH_MAX} levels deep`);
    this.blank();
    if (this.peek() == last) this.at++;
    else {
      while (this.isWell()) {
        if (isObject) this.member(json, place);
        else json.push(this.value(`${place}[${json.length}]`));
        this.blank();
        const unit = this.next();
        if (unit == last) break;
        if (unit != 0x2c) return this.stop(json, unit < 0 ? "it ends within a value" : "a comma is missing", unit < 0 ? 0 : 1);
      }
    }
    this.depth--;
    return json;
  }

  private member(json: Json, place: string): void {
    this.blank();
    if (this.peek() != 0x22) return this.wrong("the name of a field is expected");
    const name = this.quoted();
    this.blank();
    if (this.next() != 0x3a) return this.wrong("a colon is missing");
    json.set(name, this.value(`${place}.${name}`));
  }

  private quoted(): string {
    let text = "", start = ++this.at;
    while (true) {
      const unit = this.peek();
      if (unit < 0x20) {
        this.wrong(unit < 0 ? "a string does not end" : "a string has a control character");
        return text;
      }
      if (unit == 0x22) break;
      this.at++;
      if (unit != 0x5c) continue;
      text += this.text.slice(start, this.at - 1) + this.escape();
      start = this.at;
      if (!this.isWell()) return text;
    }
    text += this.text.slice(start, this.at++);
    if (!isWellFormed(text)) this.wrong("a string has half a surrogate pair");
    return text;
  }

  /** What follows a backslash. */
  private escape(): string {
    const unit = this.next();
    if (unit == 0x22 || unit == 0x5c || unit == 0x2f) return String.fromCharCode(unit);
    if (unit == 0x6e) return "\n";
    if (unit == 0x74) return "\t";
    if (unit == 0x72) return "\r";
    if (unit == 0x62) return "\b";
    if (unit == 0x66) return "\f";
    if (unit != 0x75) {
      this.wrong("there is no such escape");
      return "";
    }
    let code = 0;
    for (let digit = 0; digit < 4; digit++) {
      const value = hexadecimal(this.next());
      if (value < 0) {
        this.wrong("\\u needs four hexadecimal digits");
        return "";
      }
      code = code << 4 | value;
    }
    return String.fromCharCode(code);
  }

  /** A number, as it is written. */
  private digits(): string {
    const start = this.at;
    if (this.peek() == 0x2d) this.at++;
    if (this.peek() == 0x30) this.at++;
    else this.run();
    if (this.peek() == 0x2e) {
      this.at++;
      this.run();
    }
    if ((this.peek() | 0x20) == 0x65) {
      this.at++;
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.at++;
      this.run();
    }
    const written = this.text.slice(start, this.at);
    if (this.isWell() && !isFinite(parseFloat(written))) this.wrong(`${written} is too large a number`);
    return written;
  }

  /** At least one digit. */
  private run(): void {
    if (!isDigit(this.peek())) this.wrong("a digit is missing");
    while (isDigit(this.peek())) this.at++;
  }

  private word(word: string): bool {
    if (this.text.substr(this.at, word.length) != word) return false;
    this.at += word.length;
    return true;
  }

  private blank(): void {
    while (true) {
      const unit = this.peek();
      if (unit != 0x20 && unit != 0x0a && unit != 0x0d && unit != 0x09) return;
      this.at++;
    }
  }

  private peek(): i32 { return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1; }

  private next(): i32 {
    const unit = this.peek();
    if (unit >= 0) this.at++;
    return unit;
  }

  private isWell(): bool { return this.reading.problem === null; }

  private wrong(why: string): void {
    if (this.isWell()) this.reading.problem = `it is not JSON: ${why}, at character ${this.at + 1}`;
  }

  private stop(json: Json, why: string, back: i32 = 0): Json {
    this.at -= back;
    this.wrong(why);
    return json;
  }
}

function isDigit(unit: i32): bool { return unit >= 0x30 && unit <= 0x39; }

function hexadecimal(unit: i32): i32 {
  if (isDigit(unit)) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Whether a number is written without a fraction and an exponent. */
function isWhole(number: string): bool {
  for (let index = 0; index < number.length; index++) {
    const unit = number.charCodeAt(index);
    if (!isDigit(unit) && unit != 0x2d) return false;
  }
  return true;
}

/** A text as JSON writes it. */
function quoted(text: string): string {
  let json = "\"", start = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x20 && unit != 0x22 && unit != 0x5c) continue;
    json += text.slice(start, index) + escaped(unit);
    start = index + 1;
  }
  return json + text.slice(start) + "\"";
}

function escaped(unit: i32): string {
  if (unit == 0x22) return "\\\"";
  if (unit == 0x5c) return "\\\\";
  if (unit == 0x0a) return "\\n";
  if (unit == 0x0d) return "\\r";
  if (unit == 0x09) return "\\t";
  return "\\u00" + (unit < 16 ? "0" : "") + unit.toString(16);
}
