// Write a stage of a Sandmill pipeline in AssemblyScript: see README.md.

export { ascii } from "./ascii";
export { Config } from "./config";
export { use, useSource } from "./guest";
export { Json } from "./json";
export { log } from "./log";
export { Output } from "./output";
export { Record } from "./record";
export { JsonStage, Source, Stage, TextStage } from "./stage";
