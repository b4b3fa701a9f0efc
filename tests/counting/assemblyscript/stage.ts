import { Config, Output, Source, useSource } from "./.sandmill/assemblyscript/sandmill";

class Numbers extends Source {
  last: i64 = 0;

  open(config: Config): void {
    this.last = config.integer("last");
  }

  pull(most: u32, out: Output): void {
    let next: i64 = this.cursor == "" ? 0 : I64.parseInt(this.cursor);
    for (; most > 0 && next <= this.last; most--, next++) out.emit(next.toString());
    this.cursor = next.toString();
    this.done = next > this.last;
  }
}

useSource(new Numbers());
