// The stage under test: the subject of the conformance suite, the same in each language.

import { Config, Output, TextStage, log, use } from "./.sandmill/assemblyscript/sandmill";

class Hello extends TextStage {
  prefix: string = "";

  open(config: Config): void {
    this.prefix = config.text("prefix", "");
  }

  line(text: string, out: Output): void {
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
    if (text.startsWith("~")) return odd(rest, text, out);
    out.emit(this.prefix + upper(text));
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

function odd(what: string, text: string, out: Output): void {
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
  if (what == "log") {
    log.debug("a line, Straße");
    log.info("a line, Straße");
    log.warn("a line, Straße");
    log.error("a line, Straße");
  }
  if (what == "surrogate") return out.emit(String.fromCharCode(0xd800));
  out.emit(text);
}

function deep(depth: i32): i32 {
  return deep(depth + 1) + depth;
}

use(new Hello());
