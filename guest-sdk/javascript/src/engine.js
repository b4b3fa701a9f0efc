// What the engine inside a component gives to the SDK: work on whole columns, the log, random numbers. In node there is none,
// and the SDK does the same with what node has. The crate `stages/javascript-engine` says what each function does.

/** Null in node. */
export const engine = globalThis.sandmill ?? null;

delete globalThis.sandmill; // it is not the author's
