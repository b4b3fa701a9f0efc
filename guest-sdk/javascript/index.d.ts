/** Write a stage of a Sandmill pipeline as one function: see README.md. */

/** A type that exists when the stage runs: made with `t`. */
export interface Schema<T> {
  /** The same, with a value for where it is missing. */
  default(value: T): Optional<T>;
  /** The same, which may be missing. */
  optional(): Optional<T | undefined>;
  readonly isOptional: boolean;
  readonly type?: T;
}

/** A type whose value may be missing from its object. */
export interface Optional<T> extends Schema<T> {}

/** The TypeScript type that a schema stands for. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Fields = { [name: string]: Schema<any> };

/** Types for the configuration, and for records of JSON. */
export const t: {
  string(): Schema<string>;
  /** A number, with or without a fraction. */
  number(): Schema<number>;
  /** A whole number that JavaScript can hold exactly. */
  integer(): Schema<number>;
  boolean(): Schema<boolean>;
  null(): Schema<null>;
  any(): Schema<any>;
  object<F extends Fields>(fields: F): Schema<{ [name in keyof F]: Infer<F[name]> }>;
  list<T>(item: Schema<T>): Schema<T[]>;
  /** An object with any keys, whose values are all of one type. */
  map<T>(item: Schema<T>): Schema<{ [key: string]: T }>;
  oneOf<const T extends (string | number | boolean | null)[]>(...choices: T): Schema<T[number]>;
  either<S extends Schema<any>[]>(...options: S): Schema<Infer<S[number]>>;
};

/** Throw it to fail the record, and only that record, with a message for the person who runs the pipeline. */
export class Failure extends Error {
  /** `retryable`: another attempt may succeed. */
  constructor(message: string, options?: { retryable?: boolean });
  readonly retryable: boolean;
}

/** An output with a key of its own, in place of the key of its record. An empty key means that it has none. */
export class Keyed {
  constructor(key: string | Uint8Array, value: Output);
  readonly key: string | Uint8Array;
  readonly value: Output;
}

/** A key and a value: returned, it is an output with both. */
export class Record {
  constructor(key: string | Uint8Array, value: Output);
  readonly key: string | Uint8Array;
  readonly value: Output;
}

/** Outputs for one of the stage's named outputs, counted from 0 in the order of the pipeline file. */
export class To {
  constructor(port: number, value: Outputs);
  readonly port: number;
  readonly value: Outputs;
}

/** One output that is this value as JSON: a plain array means many outputs. */
export class Json {
  constructor(value: unknown);
  readonly value: unknown;
}

/** A record of a source, and where the record after it begins: the `cursor` that a resumed run is given. */
export class At {
  constructor(cursor: string | number, value: Output);
  readonly cursor: string | number;
  readonly value: Output;
}

/** One output: text, bytes, or an object or number as JSON. */
export type Output = string | Uint8Array | number | object;

/** What a stage may return: nothing (dropped), `true` (the record itself), one output, or many. */
export type Outputs = void | undefined | null | boolean | Output | Iterable<Output | null | undefined>;

/** Where a record comes from. */
export interface Origin {
  /** The record's key; empty when it has none. */
  readonly key: Uint8Array;
  /** The key as text; null where it is not UTF-8. */
  readonly keyText: string | null;
}

type InputOf<I> = I extends "text" ? string : I extends "bytes" ? Uint8Array : I extends "json" ? any : Infer<I>;

export interface Stage<C, S> {
  readonly kind: "stage";
  readonly __types?: [C, S];
}

export interface Source<C> {
  readonly kind: "source";
  readonly __types?: C;
}

/** Makes a stage of a function of the record's text. */
export function stage(process: (line: string) => Outputs): Stage<{}, {}>;
/** Makes a stage. */
export function stage<
  C extends Schema<any> = Schema<{}>,
  S = Infer<C>,
  const I extends "text" | "bytes" | "json" | Schema<any> = "text",
>(definition: {
  /** What a record is read as: "text" where nothing is said. */
  input?: I;
  /** The type of the pipeline file's `config` table. Unknown fields are refused. */
  config?: C;
  /** Makes the state that `process` and `flush` are given: the configuration itself, where there is no `open`. */
  open?(config: Infer<C>): S;
  /** Takes a record. */
  process(value: InputOf<I>, state: NoInfer<S>, origin: Origin): Outputs;
  /** Gives what the stage has kept, at its end. */
  flush?(state: NoInfer<S>): Outputs;
}): Stage<Infer<C>, S>;

/** Makes a source: a generator of records. A resumed run skips as many as the interrupted run had read. */
export function source(records: (config: {}) => Iterable<Output>): Source<{}>;
export function source<C extends Schema<any> = Schema<{}>>(definition: {
  config?: C;
  /** Whether `records` yields `At`, and begins at `cursor` in a resumed run. */
  hasCursors?: boolean;
  records(config: Infer<C>, cursor: string | null): Iterable<Output | At>;
}): Source<Infer<C>>;

/** Lines for the person who runs the pipeline. `console` writes there, too. */
export const log: {
  debug(message: unknown): void;
  info(message: unknown): void;
  warn(message: unknown): void;
  error(message: unknown): void;
};

/** An output in a test. */
export interface Emitted {
  readonly value: Uint8Array;
  readonly text: string | null;
  readonly key: string | null;
  /** The place in the input of the record it was made of; null when it was flushed. */
  readonly origin: number | null;
  readonly port: number;
}

/** What became of the records of one call. */
export interface Fates {
  readonly outputs: Emitted[];
  readonly failures: Map<number, Failure>;
  readonly texts: (string | null)[];
  /** Why the record at this place of the input failed, if it did. */
  failure(index: number): string | undefined;
}

type Value = string | Uint8Array;

/** Opens a stage for a test of the whole of it. Throws a Failure where the configuration does not fit. */
export function trial(stage: Stage<any, any> | ((line: string) => Outputs), config?: object): {
  /** Gives the stage records without keys, all in one batch. */
  process(values: Iterable<Value>): Fates;
  /** Gives the stage pairs of key and value, all in one batch. */
  processKeyed(records: Iterable<[Value, Value]>): Fates;
  /** Tells the stage that the input has ended. */
  flush(): Fates;
};
/** Opens a source for a test. */
export function trial(source: Source<any>, config?: object, options?: { cursor?: string | null }): {
  pull(max?: number): Fates;
  readonly cursor: string | null;
  readonly done: boolean;
};
