import { ascii, Output, Record, Stage, use } from "./.sandmill/assemblyscript/sandmill";

class Upper extends Stage {
  process(record: Record, out: Output): void {
    ascii.upper(out.room(record.length), record.value, record.length);
    out.done(record.length);
  }
}

use(new Upper());
