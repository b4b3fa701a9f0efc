// What the author of a stage imports. Nothing here needs a component: tests import it in node.

export { At, Failure, Json, Keyed, Record, To } from "./src/outputs.js";
export { log } from "./src/log.js";
export { source, stage } from "./src/declared.js";
export { trial } from "./src/trial.js";
export { t } from "./src/schema.js";
