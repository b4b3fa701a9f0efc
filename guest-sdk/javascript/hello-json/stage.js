// The stage under test whose records are JSON, read as a type: the same in each language.

import { stage, t } from "#sandmill";

export default stage({
  input: t.object({
    id: t.integer(),
    customer: t.object({ name: t.string() }),
    tags: t.list(t.string()).default([]),
    value: t.any().default(null),
    price: t.number().default(0),
  }),
  // Gives each order as it came; some names ask for what JSON does not have.
  process(order) {
    switch (order.customer.name) {
      case "~nan":
        return { ...order, price: NaN };
      case "~infinity":
        return { ...order, price: Infinity };
      case "~surrogate":
        return { ...order, customer: { name: "\ud800" } };
    }
    return order;
  },
});
