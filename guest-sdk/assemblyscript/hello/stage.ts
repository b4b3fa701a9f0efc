// The stage under test: the subject of the conformance suite, the same in each language.

import { Config, Output, TextStage, log, use } from "./.sandmill/assemblyscript/sandmill";

class Hello extends TextStage {
  prefix: string = "";
  limit: i64 = 0;
  seen: i32 = 0;
  kept: i32 = 0;
  isSpoilt: bool = false;

  open(config: Config): void {
    this.prefix = config.text("prefix", "");
    this.limit = config.integer("limit", 0);
  }

  /** An output for each record that was kept. */
  flush(out: Output): void {
    if (this.isSpoilt) out.fail("told to fail at the end");
    for (let number = 1; number <= this.kept; number++) out.emitKeyed("kept", number.toString());
  }

  line(text: string, out: Output): void {
    this.seen++;
    const rest = text.slice(1);
    if (text.startsWith("!")) return out.fail(`told to fail: ${text}`, text.startsWith("!?"));
    if (text.startsWith("-")) return;
    if (text.startsWith("+")) {
      out.emit(this.prefix + upper(rest));
      return out.emit(this.prefix + upper(rest));
    }
    if (text.startsWith("*")) {
      const count = I32.parseInt(rest);
      for (let number = 0; number < count; number++) out.emit(this.prefix + upper(text));
      return;
    }
    if (text.startsWith("@")) {
      const at = rest.indexOf("=");
      return out.emitKeyed(rest.slice(0, at), this.prefix + upper(rest.slice(at + 1)));
    }
    if (text.startsWith(">")) {
      const at = rest.indexOf(" ");
      return out.to(<u16>I32.parseInt(rest.slice(0, at))).emit(this.prefix + upper(rest.slice(at + 1)));
    }
    if (text.startsWith("~")) return this.odd(rest, text, out);
    out.emit(this.prefix + upper(text));
  }

  /** What concerns the instance, and failures of all kinds. */
  odd(what: string, text: string, out: Output): void {
    if (what == "keep") { this.kept++; return; }
    if (what == "spoil") { this.isSpoilt = true; return; }
    if (what == "count") return out.emit(this.seen.toString());
    if (what == "limit") return out.emit(this.limit.toString());
    if (what == "both") {
      out.emit("lost");
      return out.fail("emitted, then failed");
    }
    if (what == "nothing") return out.fail("");
    if (what == "long") return out.fail("x".repeat(1000000));
    if (what == "nul") return out.fail("a\0b");
    if (what == "surrogate") return out.emit(String.fromCharCode(0xd800));
    speak(what);
    breakIt(what, text, out);
    out.emit(text);
  }
}

/** ASCII only. */
function upper(text: string): string {
  const units = new Uint16Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    units[index] = <u16>(unit >= 0x61 && unit <= 0x7a ? unit - 32 : unit);
  }
  return String.UTF16.decode(units.buffer);
}

function speak(what: string): void {
  if (what == "print") {
    console.log("printed, Straße");
    console.error("to stderr");
  }
  if (what == "log") {
    log.debug("a line, Straße");
    log.info("a line, Straße");
    log.warn("a line, Straße");
    log.error("a line, Straße");
  }
}

function breakIt(what: string, text: string, out: Output): void {
  if (what == "panic") throw new Error("told to panic");
  if (what == "index") {
    const two = new Array<i32>(2);
    return out.emit(two[text.length].toString());
  }
  if (what == "loop") while (true) store<u8>(0, load<u8>(0) + 1);
  if (what == "oom") {
    const kept: ArrayBuffer[] = [];
    while (true) kept.push(new ArrayBuffer(1 << 20));
  }
  if (what == "deep") return out.emit(deep(0).toString());
  if (what.startsWith("last ")) {
    console.log("last words");
    breakIt(what.slice("last ~".length), text, out);
  }
}

function deep(depth: i32): i32 {
  return deep(depth + 1) + depth;
}

use(new Hello());
