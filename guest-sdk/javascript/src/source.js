// An open source: a generator, a chunk at a time.

import { Emitted } from "./emitted.js";
import { configure } from "./instance.js";
import { At, Failure, To } from "./outputs.js";

const NO_KEY = new Uint8Array(0);

export class OpenSource {
  constructor(definition, configText, cursor) {
    const config = configure(definition.config, configText);
    this.hasCursors = definition.hasCursors;
    this.records = definition.records(config, this.hasCursors ? cursor : null)[Symbol.iterator]();
    this.cursor = cursor ?? "";
    this.count = 0;
    if (cursor !== null && !this.hasCursors) this.skip(cursor);
  }

  /** At most `max` records. Throws what the source throws. */
  pull(max) {
    const emitted = new Emitted();
    let isDone = false;
    while (!isDone && emitted.values.length < max) {
      const { done, value } = this.records.next();
      isDone = done === true;
      if (isDone) break;
      emitted.add(this.located(value), 0, NO_KEY, null);
      this.count++;
    }
    const { emitted: records } = emitted.outcome([], true);
    return { records, cursor: this.hasCursors ? this.cursor : String(this.count), done: isDone };
  }

  located(value) {
    if (this.hasCursors !== value instanceof At) {
      throw new TypeError("a source with `hasCursors: true` yields `new At(cursor, value)`, and no other source does");
    }
    if (value instanceof At) {
      this.cursor = String(value.cursor);
      value = value.value;
    }
    if (value === null || ["undefined", "boolean"].includes(typeof value) || Array.isArray(value) || value instanceof To) {
      throw new TypeError("a record of a source is a string, a Uint8Array, a Keyed, or JSON");
    }
    return value;
  }

  skip(cursor) {
    if (!/^\d+$/.test(cursor)) throw new Failure(`the cursor ${JSON.stringify(cursor)} is not a number of records`);
    while (this.count < Number(cursor) && !this.records.next().done) this.count++;
  }
}
