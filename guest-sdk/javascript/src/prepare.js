// Imported first by the bundle's entry: what it wraps must be wrapped before the author's module runs.

import * as columns from "./columns.js";
import { prepare } from "./reach.js";

prepare(columns);
