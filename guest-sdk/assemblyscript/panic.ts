// How an instance ends that cannot continue.

@external("sandmill:stage/host@0.1.0", "panicked")
declare function host_panicked(text: usize, length: usize, place: usize, placeLength: usize): void;

/** Where `throw` and failed assertions end: the instance, and with it the record. The compiler calls it. */
export function panicked(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = String.UTF8.encode(message === null ? "abort" : message, false, String.UTF8.ErrorMode.REPLACE);
  const place = String.UTF8.encode(`${file === null ? "?" : file}:${line}:${column}`);
  host_panicked(changetype<usize>(text), text.byteLength, changetype<usize>(place), place.byteLength);
  unreachable();
}
