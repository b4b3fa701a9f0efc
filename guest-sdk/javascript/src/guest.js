// The Wasm side: what the component exports. Only the bundle's entry imports it.

import { declared } from "./declared.js";
import { Instance, isFatal } from "./instance.js";
import { engine } from "./engine.js";
import { Failure } from "./outputs.js";
import { message, place } from "./place.js";
import { seal } from "./reach.js";
import { OpenSource } from "./source.js";

/** What the engine calls of an author's default export. */
export function component(exported, reach) {
  const definition = declared(exported);
  let open = null;

  function begin(Kind, ...values) {
    seal(reach);
    open = called(() => new Kind(definition, ...values));
  }

  if (definition.kind === "source") {
    return {
      open: (config, cursor) => begin(OpenSource, config, cursor),
      pull: (max) => called(() => open.pull(max)),
    };
  }
  return {
    open: (config) => begin(Instance, config),
    process: (batch) => called(() => open.process(batch)),
    flush: () => called(() => open.flush()),
  };
}

/** Calls the stage. What an instance does not survive ends it; what else it throws is the call's error, a text. */
function called(call) {
  try {
    return call();
  } catch (error) {
    if (!isFatal(error)) throw text(error);
    return engine.panicked(message(error), place(error));
  }
}

function text(error) {
  if (error instanceof Failure) return error.message.toWellFormed();
  const where = place(error);
  return (message(error) + (where && ` (${where})`)).toWellFormed();
}
