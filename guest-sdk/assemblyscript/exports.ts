// The second entry of the build: what the component exports. transform.mjs gives the functions their names.

export { allocated, opened, processed, flushed, released } from "./sandmill";
