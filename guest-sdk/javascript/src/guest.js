// The Wasm side: what the component exports. Only the bundle's entry imports it.

import { declared } from "./declared.js";
import { Instance, isFatal } from "./instance.js";
import { toHost } from "./log.js";
import { Failure } from "./outputs.js";
import { message, place } from "./place.js";
import { clock, seal } from "./reach.js";
import { OpenSource } from "./source.js";

/** The export `transform` or `source` of an author's default export. `random` is the host's, or null. */
export function component(exported, host, { reach, random }) {
  const { panicked } = host;
  const definition = declared(exported);
  let open = null;

  function begin(Kind, ...values) {
    toHost(host);
    seal(reach, random);
    open = called(() => new Kind(definition, ...values), panicked);
  }

  if (definition.kind === "source") {
    return {
      open: (config, cursor) => begin(OpenSource, config, cursor ?? null),
      pull: (max) => called(() => open.pull(max), panicked),
    };
  }
  return {
    open: (config) => begin(Instance, config),
    process: (batch) => called(() => open.process(batch), panicked),
    flush: () => called(() => open.flush(), panicked),
  };
}

/** Calls the stage. What an instance does not survive ends it; what else it throws is the call's error, a text. */
function called(call, panicked) {
  try {
    return call();
  } catch (error) {
    if (!isFatal(error)) throw text(error);
    panicked(message(error), place(error));
    clock(); // a host whose `panicked` returns: without a clock, this is a trap
    throw error;
  }
}

function text(error) {
  if (error instanceof Failure) return error.message.toWellFormed();
  const where = place(error);
  return (message(error) + (where && ` (${where})`)).toWellFormed();
}
