import { Output, Record, Stage, use } from "./.sandmill/assemblyscript/sandmill";

class Upper extends Stage {
  process(record: Record, out: Output): void {
    const from = record.value, length = record.length;
    const to = out.room(length);
    for (let index: u32 = 0; index < length; index++) {
      const byte = load<u8>(from + index);
      store<u8>(to + index, byte - u8(u8(byte - 0x61) < 26) * 0x20);
    }
    out.done(length);
  }
}

use(new Upper());
