// What a stage prints: lines of the log, at the host at once.

@external("sandmill:stage/host@0.1.0", "write")
declare function host_write(level: u32, bytes: usize, length: usize): void;

function print(level: u32, text: string): void {
  const bytes = String.UTF8.encode(text + "\n", false, String.UTF8.ErrorMode.REPLACE);
  host_write(level, changetype<usize>(bytes), bytes.byteLength);
}

/** What `console` is in a stage: the compiler is told so. Each call is a line of the log. */
export namespace printed {
  export function log(message: string = ""): void { print(1, message); }
  export function info(message: string = ""): void { print(1, message); }
  export function debug(message: string = ""): void { print(0, message); }
  export function warn(message: string = ""): void { print(2, message); }
  export function error(message: string = ""): void { print(3, message); }
  export function assert<T>(condition: T, message: string = ""): void {
    if (!condition) print(3, "Assertion failed: " + message);
  }
}

/** What `trace` is in a stage: a line of the log with its numbers. */
export function traced(message: string, count: i32 = 0, a: f64 = 0, b: f64 = 0, c: f64 = 0, d: f64 = 0, e: f64 = 0): void {
  const numbers: f64[] = [a, b, c, d, e];
  let text = message;
  for (let index = 0; index < count && index < numbers.length; index++) text += (index == 0 ? " " : ", ") + numbers[index].toString();
  print(0, text);
}
