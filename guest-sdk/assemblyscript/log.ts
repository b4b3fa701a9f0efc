// Lines for the person who runs the pipeline.

@external("sandmill:stage/host@0.1.0", "log")
declare function host_log(level: u32, text: usize, length: usize): void;

/** Lines for the person who runs the pipeline. */
export namespace log {
  export function debug(line: string): void { write(0, line); }
  export function info(line: string): void { write(1, line); }
  export function warn(line: string): void { write(2, line); }
  export function error(line: string): void { write(3, line); }

  function write(level: u32, line: string): void {
    const bytes = String.UTF8.encode(line, false, String.UTF8.ErrorMode.REPLACE);
    host_log(level, changetype<usize>(bytes), bytes.byteLength);
  }
}
