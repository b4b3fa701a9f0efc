// {{name}}: what this stage does to a record.

import { Config, Output, TextStage, use } from "./.sandmill/assemblyscript/sandmill";

class Greet extends TextStage {
  greeting: string = "";

  open(config: Config): void {
    this.greeting = config.text("greeting", "Hello");
  }

  line(name: string, out: Output): void {
    if (name.length == 0) return out.fail("nobody to greet");
    out.emit(`${this.greeting}, ${name}!`);
  }
}

use(new Greet());
