// The stage under test whose records are bytes: the same in each language.

import { stage, t } from "#sandmill";

export default stage({
  input: "bytes",
  config: t.object({ prefix: t.string().default("") }),
  open: ({ prefix }) => new TextEncoder().encode(prefix),
  process(value, prefix) {
    const output = new Uint8Array(prefix.length + value.length);
    output.set(prefix);
    output.set(value, prefix.length);
    return output;
  },
});
