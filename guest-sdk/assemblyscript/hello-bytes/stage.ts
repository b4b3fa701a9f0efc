// The stage under test whose records are bytes: the same in each language.

import { Config, Output, Record, Stage, use } from "./.sandmill/assemblyscript/sandmill";

class Hello extends Stage {
  prefix: ArrayBuffer = new ArrayBuffer(0);

  open(config: Config): void {
    this.prefix = String.UTF8.encode(config.text("prefix", ""));
  }

  process(record: Record, out: Output): void {
    const length = this.prefix.byteLength;
    const to = out.room(length + record.length);
    memory.copy(to, changetype<usize>(this.prefix), length);
    memory.copy(to + length, record.value, record.length);
    out.done(length + record.length);
  }
}

use(new Hello());
