// What a stage is given.

/** A record, valid until `process` returns. There is one, with the values of the record in hand. */
@final @unmanaged
export class Record {
  /** @hidden */
  constructor(
    /** Where the value begins in memory. */
    public value: usize,
    /** The number of its bytes. */
    public length: u32,
    /** Where the key begins. */
    public key: usize,
    public keyLength: u32,
  ) {}

  /** The byte at this place of the value. */
  @operator("[]")
  at(index: u32): u8 {
    if (index >= this.length) throw new RangeError("Index out of range");
    return load<u8>(this.value + index);
  }

  /** The key as text. */
  get keyText(): string { return String.UTF8.decodeUnsafe(this.key, this.keyLength); }
}
