// The second entry of the build: what the component exports. build.mjs gives the functions their names.

// For the compiler, which is told by name where `throw` ends and what `console` is.
import "./panic";
import "./print";

export { allocated, flushed, opened, processed, pulled, released, sourceOpened } from "./guest";
