// {{name}}: what this stage does to a record.

import { Failure, stage, t } from "#sandmill";

export default stage({
  config: t.object({ greeting: t.string().default("Hello") }),
  process(name, { greeting }) {
    if (name === "") throw new Failure("nobody to greet");
    return `${greeting}, ${name}!`;
  },
});
