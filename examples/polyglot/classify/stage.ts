// Says whether an order is a large one.

import { stage, t } from "#sandmill";

export default stage({
  input: t.object({ id: t.integer(), customer: t.string(), amount: t.number(), tax: t.number() }),
  config: t.object({ large: t.number() }),
  process: (order, { large }) => ({ ...order, size: order.amount > large ? "large" : "small" }),
});
