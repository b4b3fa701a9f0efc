// What an author extends.

import { Config } from "./config";
import { Json } from "./json";
import { Output } from "./output";
import { Record } from "./record";
import { decoded, invalidAt } from "./text";

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
    if (!isText(record, out)) return;
    this.line(decoded(record.value, record.length), out);
  }
}

/** A stage that sees JSON. A record that is not JSON fails, and so does one in which `value` asks for what is not there. */
export abstract class JsonStage extends Stage {
  /** Takes the value of a record. */
  abstract value(json: Json, out: Output): void;

  process(record: Record, out: Output): void {
    if (!isText(record, out)) return;
    const json = Json.parse(decoded(record.value, record.length), "record");
    if (json.problem === null) this.value(json, out);
    const why = json.problem;
    if (why !== null) out.fail(why);
  }
}

/** Makes records from nothing but its configuration. `sandmill.toml` says `world = "record-source"`. */
export abstract class Source {
  /** Where the next call begins: any text, empty at the beginning. A run that is resumed gives back the last one. */
  cursor: string = "";
  /** There is no more. */
  done: bool = false;

  /** Called once, with the configuration. `cursor` is set already. */
  open(config: Config): void {}
  /** Emits at most `most` records, and moves `cursor`. Fewer, or none, are not an end: only `done` is. */
  abstract pull(most: u32, out: Output): void;
}

function isText(record: Record, out: Output): bool {
  const at = invalidAt(record.value, record.length);
  if (at < 0) return true;
  const byte = load<u8>(record.value + at);
  out.fail(`the record is not UTF-8: byte 0x${byte.toString(16)} at offset ${at}`);
  return false;
}
