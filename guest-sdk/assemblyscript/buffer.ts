// Memory that grows.

/** Bytes that grow, outside of the garbage collector's reach: neither they nor references to them cost its book-keeping. */
@final @unmanaged
export class Buffer {
  start: usize = 0;
  size: usize = 0;
  capacity: usize = 0;

  /** Makes room for `more` bytes, and returns where they go. */
  @inline
  room(more: usize): usize {
    if (this.size + more > this.capacity) this.grow(more);
    return this.start + this.size;
  }

  private grow(more: usize): void {
    this.capacity = max(this.capacity * 2, this.size + more);
    this.start = this.start ? heap.realloc(this.start, this.capacity) : heap.alloc(this.capacity);
  }

  word(value: u32): void {
    store<u32>(this.room(4), value);
    this.size += 4;
  }

  bytes(from: usize, length: usize): void {
    memory.copy(this.room(length), from, length);
    this.size += length;
  }

  free(): void {
    if (this.start) heap.free(this.start);
    this.start = this.size = this.capacity = 0;
  }
}
