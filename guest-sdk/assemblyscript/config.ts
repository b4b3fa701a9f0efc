// The configuration of a stage, read as it declares it.

import { Json } from "./json";

/** The `config` table of the pipeline file. What `open` does not ask for is refused. */
@final
export class Config {
  private json: Json;

  /** @hidden */
  constructor(text: string) {
    this.json = Json.parse(text.length == 0 ? "{}" : text, "config");
    if (this.json.problem === null && this.json.isNull) this.json = Json.parse("{}", "config");
  }

  /** A text. Without `fallback`, it must be there. */
  text(name: string, fallback: string | null = null): string { return this.json.text(name, fallback); }

  /** A whole number of at most 64 bits. */
  integer(name: string, fallback: i64 = i64.MIN_VALUE): i64 { return this.json.integer(name, fallback); }

  /** A number. */
  number(name: string, fallback: f64 = NaN): f64 { return this.json.number(name, fallback); }

  /** true or false. */
  flag(name: string, fallback: bool = false): bool { return this.json.flag(name, fallback); }

  /** A table, which must be there. What is not asked of it is refused, too. */
  object(name: string): Json { return this.json.object(name); }

  /** A list, which must be there. */
  list(name: string): Json { return this.json.list(name); }

  /** Whether there is such a field. It counts as asked for. */
  has(name: string): bool { return this.json.has(name); }

  /** Refuses the configuration, with a reason of the stage's own. */
  fail(reason: string): void { this.json.refuse(`config: ${reason}`); }

  /** @hidden Why it is refused, or null. */
  refusal(): string | null {
    const why = this.json.problem;
    return why === null ? this.json.unknown() : why;
  }
}
