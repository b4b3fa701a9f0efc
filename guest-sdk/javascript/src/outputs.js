// What a stage's function may return or throw, besides text, bytes and JSON.

/** Fails the record, and only that record, with a message for the person who runs the pipeline. */
export class Failure extends Error {
  constructor(message, { retryable = false } = {}) {
    super(String(message));
    this.name = "Failure";
    this.retryable = Boolean(retryable);
  }
}

/** A record with its key, as bytes. */
export class Record {
  constructor(key, value) {
    this.key = key;
    this.value = value;
  }
}

/** An output with a key of its own. */
export class Keyed {
  constructor(key, value) {
    this.key = key;
    this.value = value;
  }
}

/** Outputs for one of the stage's named outputs, counted from 0. */
export class To {
  constructor(port, value) {
    this.port = port;
    this.value = value;
  }
}

/** One output that is this value as JSON: a plain array means many outputs. */
export class Json {
  constructor(value) {
    this.value = value;
  }
}

/** A record of a source, and where the record after it begins. */
export class At {
  constructor(cursor, value) {
    this.cursor = cursor;
    this.value = value;
  }
}
