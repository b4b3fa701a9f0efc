#!/usr/bin/env python3
"""Writes the adapter that makes a stage of Ruby's interpreter, `dist/ruby+stdlib.wasm` of npm's `@ruby/4.0-wasm-wasi`.

    guest-sdk/adapters/ruby.py > guest-sdk/adapters/ruby.wat

It answers whatever the interpreter imports (WASI preview 1, JavaScript, handles) and exports both worlds. The host adds three
functions to the interpreter (`host/src/build/languages/ruby/interpreter.rs`), whose names begin with `sandmill`.

A call goes so: the columns that the host passes lie in the slots below, from which `guest-sdk/ruby/lib/sandmill/guest.rb` reads
them as its standard input, a part at a time. It returns a string that holds the canonical ABI's result, with offsets in
place of addresses. The string stays until the next call.
"""

from generate import EXIT_MESSAGE, PASS, STATE, functions

RUBY = {
    "init": "ruby-init: func(args: list<string>) -> ()",
    "eval": "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>",
    "intern": "rb-intern: func(name: string) -> u32",
    "send": "rb-funcallv-protect: func(recv: handle<rb-abi-value>, mid: u32, args: list<handle<rb-abi-value>>) -> tuple<handle<rb-abi-value>, s32>",
    "string": "rstring-ptr: func(value: handle<rb-abi-value>) -> string",
    "free_string": "cabi_post_rstring-ptr",
    "drop": "canonical_abi_drop_rb-abi-value",
    "alloc": "cabi_realloc",
    "text_bytes": "sandmill-text-bytes",
    "text": "sandmill-text",
    "started": "sandmill-started",
}
TYPES = {
    "init": "(param i32 i32)",
    "eval": "(param i32 i32) (result i32)",
    "intern": "(param i32 i32) (result i32)",
    "send": "(param i32 i32 i32 i32) (result i32)",
    "string": "(param i32) (result i32)",
    "free_string": "(param i32)",
    "drop": "(param i32)",
    "alloc": "(param i32 i32 i32 i32) (result i32)",
    "text_bytes": "(result i32)",
    "text": "(param i32)",
    "started": "",
}

HEAD = """;; Makes a stage of Ruby's interpreter. Written by ruby.py, which explains it.
(module
  (import "sandmill:stage/host@0.1.0" "write" (func $write (param i32 i32 i32)))
  (import "sandmill:stage/host@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))
"""

# The area: words of a call, 64 bytes; what is to be read, eight places with lengths; slots, eight places with capacities;
# arguments and names that the interpreter is started with.
MACHINE = """
  (global $area (mut i32) (i32.const 0))
  ;; The object whose method `call` serves, the name of that method, and the string that it returned last.
  (global $guest (mut i32) (i32.const 0))
  (global $call (mut i32) (i32.const 0))
  (global $answer (mut i32) (i32.const 0))
  ;; Slots in use; parts that are to be read, and the next of them.
  (global $slots (mut i32) (i32.const 0))
  (global $queued (mut i32) (i32.const 0))
  (global $next (mut i32) (i32.const 0))

  (func $area_made (result i32)
    (if (i32.eqz (global.get $area))
      (then
        (global.set $area (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 256)))
        (memory.fill (global.get $area) (i32.const 0) (i32.const 256))))
    (global.get $area))

  ;; Room that stays for the next call: the interpreter's allocator cannot be asked to free.
  (func $slot (param $bytes i32) (result i32) (local $at i32) (local $room i32)
    (if (i32.gt_u (global.get $slots) (i32.const 7)) (then unreachable))
    (local.set $at (i32.add (call $area_made) (i32.add (i32.const 128) (i32.shl (global.get $slots) (i32.const 3)))))
    (global.set $slots (i32.add (global.get $slots) (i32.const 1)))
    (if (i32.lt_u (i32.load offset=4 (local.get $at)) (i32.add (local.get $bytes) (i32.const 1)))
      (then
        (local.set $room (i32.add (i32.or (local.get $bytes) (i32.const 0xffff)) (i32.const 1)))
        (i32.store (local.get $at)
          (call $alloc (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 8) (local.get $room)))
        (i32.store offset=4 (local.get $at) (local.get $room))))
    (i32.load (local.get $at)))

  ;; Where the host puts the columns of a call.
  (func (export "cabi_export_realloc") (param $old i32) (param i32 i32) (param $bytes i32) (result i32)
    (if (local.get $old) (then unreachable))
    (call $slot (local.get $bytes)))

  ;; Adds to what is read.
  (func $queue (param $from i32) (param $bytes i32) (local $at i32)
    (if (local.get $bytes)
      (then
        (local.set $at (i32.add (global.get $area) (i32.add (i32.const 64) (i32.shl (global.get $queued) (i32.const 3)))))
        (i32.store (local.get $at) (local.get $from))
        (i32.store offset=4 (local.get $at) (local.get $bytes))
        (global.set $queued (i32.add (global.get $queued) (i32.const 1))))))

  ;; "Ruby is broken", and the end of the instance.
  (func $broken
    (i64.store (global.get $area) (i64.const 0x2073692079627552))
    (i64.store offset=8 (global.get $area) (i64.const 0x6e656b6f7262))
    (call $panicked (global.get $area) (i32.const 14) (i32.const 0) (i32.const 0))
    unreachable)

  ;; Starts the interpreter. Its text begins with the length of the program that is evaluated; that reads the rest.
  (func $boot (local $text i32) (local $bytes i32) (local $program i32)
    (if (global.get $guest) (then (return)))
    (drop (call $area_made))
    ;; "ruby", "-e0": a list of two strings, each with its NUL.
    (i32.store offset=192 (global.get $area) (i32.add (global.get $area) (i32.const 208)))
    (i32.store offset=196 (global.get $area) (i32.const 5))
    (i32.store offset=200 (global.get $area) (i32.add (global.get $area) (i32.const 216)))
    (i32.store offset=204 (global.get $area) (i32.const 4))
    (i64.store offset=208 (global.get $area) (i64.const 0x79627572))
    (i32.store offset=216 (global.get $area) (i32.const 0x30652d))
    ;; "call"
    (i64.store offset=224 (global.get $area) (i64.const 0x6c6c6163))
    (call $init (i32.add (global.get $area) (i32.const 192)) (i32.const 2))
    (call $started)
    (local.set $bytes (call $text_bytes))
    (local.set $text (call $slot (local.get $bytes)))
    (call $text (local.get $text))
    (local.set $program (i32.load (local.get $text)))
    (local.set $text (i32.add (local.get $text) (i32.const 4)))
    (call $queue
      (i32.add (local.get $text) (local.get $program))
      (i32.sub (local.get $bytes) (i32.add (local.get $program) (i32.const 4))))
    (local.set $text (call $eval (local.get $text) (local.get $program)))
    (if (i32.load offset=4 (local.get $text)) (then (call $broken)))
    (global.set $guest (i32.load (local.get $text)))
    (global.set $call (call $intern (i32.add (global.get $area) (i32.const 224)) (i32.const 5)))
    (global.set $queued (i32.const 0))
    (global.set $next (i32.const 0)))

  ;; Begins a call: its words are the first that is read.
  (func $begin (param i32 i32 i32 i32 i32)
    (call $boot)
    (if (global.get $answer) (then (call $free_string (global.get $answer))))
    (global.set $answer (i32.const 0))
    (i32.store (global.get $area) (local.get 0))
    (i32.store offset=4 (global.get $area) (local.get 1))
    (i32.store offset=8 (global.get $area) (local.get 2))
    (i32.store offset=12 (global.get $area) (local.get 3))
    (i32.store offset=16 (global.get $area) (local.get 4))
    (call $queue (global.get $area) (i32.const 20)))

  ;; Makes addresses of the offsets at `at`, which are `step` bytes apart.
  (func $move (param $at i32) (param $count i32) (param $step i32) (param $by i32)
    (loop $next
      (if (local.get $count)
        (then
          (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (local.get $by)))
          (local.set $at (i32.add (local.get $at) (local.get $step)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next)))))

  ;; Lets Ruby do it. What it returns begins with the number of lists, and the place of the list of failures among them, or
  ;; -1. The result follows: 0 or 1 as the interface has it, or 2, a message and a place that end the instance.
  (func $done (result i32) (local $it i32) (local $value i32) (local $base i32)
    (local.set $it (call $send (global.get $guest) (global.get $call) (i32.const 0) (i32.const 0)))
    (if (i32.load offset=4 (local.get $it)) (then (call $broken)))
    (local.set $value (i32.load (local.get $it)))
    (global.set $answer (call $string (local.get $value)))
    (call $drop (local.get $value))
    (global.set $slots (i32.const 0))
    (global.set $queued (i32.const 0))
    (global.set $next (i32.const 0))
    (local.set $it (i32.load (global.get $answer)))
    (local.set $base (i32.add (local.get $it) (i32.const 8)))
    (call $move (i32.add (local.get $base) (i32.const 4)) (i32.load (local.get $it)) (i32.const 8) (local.get $base))
    (local.set $it (i32.load offset=4 (local.get $it)))
    (if (i32.ge_s (local.get $it) (i32.const 0))
      (then
        (local.set $it (i32.add (i32.add (local.get $base) (i32.const 4)) (i32.shl (local.get $it) (i32.const 3))))
        (call $move
          (i32.add (i32.load (local.get $it)) (i32.const 8))
          (i32.load offset=4 (local.get $it))
          (i32.const 16)
          (local.get $base))))
    (if (i32.eq (i32.load8_u (local.get $base)) (i32.const 2))
      (then
        (call $panicked
          (i32.load offset=4 (local.get $base))
          (i32.load offset=8 (local.get $base))
          (i32.load offset=12 (local.get $base))
          (i32.load offset=16 (local.get $base)))
        unreachable))
    (local.get $base))

  (func (export "sandmill:stage/transform@0.1.0#open") (param $config i32) (param $bytes i32) (result i32)
    (call $begin (i32.const 0) (local.get $bytes) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $queue (local.get $config) (local.get $bytes))
    (call $done))
  (func (export "sandmill:stage/transform@0.1.0#process")
    (param $values i32) (param $values_bytes i32) (param $ends i32) (param $count i32)
    (param $keys i32) (param $keys_bytes i32) (param $keys_ends i32) (param $keys_count i32) (result i32)
    (call $begin
      (i32.const 1) (local.get $values_bytes) (local.get $count) (local.get $keys_bytes) (local.get $keys_count))
    (call $queue (local.get $ends) (i32.shl (local.get $count) (i32.const 2)))
    (call $queue (local.get $keys_ends) (i32.shl (local.get $keys_count) (i32.const 2)))
    (call $queue (local.get $values) (local.get $values_bytes))
    (call $queue (local.get $keys) (local.get $keys_bytes))
    (call $done))
  (func (export "sandmill:stage/transform@0.1.0#flush") (result i32)
    (call $begin (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $done))
  (func (export "sandmill:stage/source@0.1.0#open")
    (param $config i32) (param $bytes i32) (param $resumes i32) (param $cursor i32) (param $cursor_bytes i32) (result i32)
    (call $begin (i32.const 3) (local.get $bytes) (local.get $resumes) (local.get $cursor_bytes) (i32.const 0))
    (call $queue (local.get $config) (local.get $bytes))
    (if (local.get $resumes) (then (call $queue (local.get $cursor) (local.get $cursor_bytes))))
    (call $done))
  (func (export "sandmill:stage/source@0.1.0#pull") (param $most i32) (result i32)
    (call $begin (i32.const 4) (local.get $most) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $done))

  ;; Handles of Ruby's values are the numbers that it gives them itself.
  (func (export "resource_new_rb-abi-value") (param i32) (result i32) (local.get 0))
  (func (export "resource_get_rb-abi-value") (param i32) (result i32) (local.get 0))
  ;; There is no JavaScript: `require "js"` in a stage ends its instance.
  (func (export "resource_drop_js-abi-value") (param i32))
"""

JAVASCRIPT = """
rb_wasm_throw_prohibit_rewind_exception;i32 i32;
eval-js: func(code: string) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) };i32 i32 i32;
is-js: func(value: handle<js-abi-value>) -> bool;i32;i32
instance-of: func(value: handle<js-abi-value>, klass: handle<js-abi-value>) -> bool;i32 i32;i32
global-this: func() -> handle<js-abi-value>;;i32
int-to-js-number: func(value: s32) -> handle<js-abi-value>;i32;i32
float-to-js-number: func(value: float64) -> handle<js-abi-value>;f64;i32
string-to-js-string: func(value: string) -> handle<js-abi-value>;i32 i32;i32
bool-to-js-bool: func(value: bool) -> handle<js-abi-value>;i32;i32
proc-to-js-function: func(value: u32) -> handle<js-abi-value>;i32;i32
rb-object-to-js-rb-value: func(raw-rb-abi-value: u32) -> handle<js-abi-value>;i32;i32
js-value-to-string: func(value: handle<js-abi-value>) -> string;i32 i32;
js-value-to-integer: func(value: handle<js-abi-value>) -> variant { as-float(float64), bignum(string) };i32 i32;
export-js-value-to-host: func(value: handle<js-abi-value>) -> ();i32;
import-js-value-from-host: func() -> handle<js-abi-value>;;i32
js-value-typeof: func(value: handle<js-abi-value>) -> string;i32 i32;
js-value-equal: func(lhs: handle<js-abi-value>, rhs: handle<js-abi-value>) -> bool;i32 i32;i32
js-value-strictly-equal: func(lhs: handle<js-abi-value>, rhs: handle<js-abi-value>) -> bool;i32 i32;i32
reflect-apply: func(target: handle<js-abi-value>, this-argument: handle<js-abi-value>, arguments: list<handle<js-abi-value>>) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) };i32 i32 i32 i32 i32;
reflect-get: func(target: handle<js-abi-value>, property-key: string) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) };i32 i32 i32 i32;
reflect-set: func(target: handle<js-abi-value>, property-key: string, value: handle<js-abi-value>) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) };i32 i32 i32 i32 i32;
"""

BODIES_OF_RUBY = {
    "clock_time_get": """
    ;; What time it is nobody says once the interpreter has started. The other clocks count who looks.
    (if (i32.and (i32.eqz (local.get 0)) (i32.ne (global.get $guest) (i32.const 0))) (then (return (i32.const 2))))
    (i64.store (local.get 2) (global.get $now))
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    i32.const 0""",
    "fd_read": """ (local $room i32) (local $part i32)
    (if (local.get 0) (then (return (i32.const 8))))
    (i32.store (local.get 3) (i32.const 0))
    (if (i32.or (i32.eqz (local.get 2)) (i32.eq (global.get $next) (global.get $queued))) (then (return (i32.const 0))))
    ;; From one part, into the first buffer.
    (local.set $part (i32.add (global.get $area) (i32.add (i32.const 64) (i32.shl (global.get $next) (i32.const 3)))))
    (local.set $room (i32.load offset=4 (local.get 1)))
    (if (i32.gt_u (local.get $room) (i32.load offset=4 (local.get $part)))
      (then (local.set $room (i32.load offset=4 (local.get $part)))))
    (memory.copy (i32.load (local.get 1)) (i32.load (local.get $part)) (local.get $room))
    (i32.store (local.get $part) (i32.add (i32.load (local.get $part)) (local.get $room)))
    (i32.store offset=4 (local.get $part) (i32.sub (i32.load offset=4 (local.get $part)) (local.get $room)))
    (if (i32.eqz (i32.load offset=4 (local.get $part)))
      (then (global.set $next (i32.add (global.get $next) (i32.const 1)))))
    (i32.store (local.get 3) (local.get $room))
    i32.const 0""",
    "fd_write": """ (local $written i32) (local $from i32) (local $len i32) (local $level i32)
    (if (i32.gt_u (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (loop $each
      (if (local.get 2)
        (then
          (local.set $from (i32.load (local.get 1)))
          (local.set $len (i32.load offset=4 (local.get 1)))
          (local.set $written (i32.add (local.get $written) (local.get $len)))
          ;; What goes to stdout is information, what goes to stderr a warning; the log says its level after a NUL.
          (local.set $level (local.get 0))
          (if (i32.gt_u (local.get $len) (i32.const 2))
            (then
              (if (i32.and
                    (i32.eqz (i32.load8_u (local.get $from)))
                    (i32.lt_u (i32.load8_u offset=1 (local.get $from)) (i32.const 4)))
                (then
                  (local.set $level (i32.load8_u offset=1 (local.get $from)))
                  (local.set $from (i32.add (local.get $from) (i32.const 2)))
                  (local.set $len (i32.sub (local.get $len) (i32.const 2)))))))
          (if (local.get $len) (then (call $write (local.get $level) (local.get $from) (local.get $len))))
          (local.set 1 (i32.add (local.get 1) (i32.const 8)))
          (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
          (br $each))))
    (i32.store (local.get 3) (local.get $written))
    i32.const 0""",
}


def javascript() -> str:
    lines = []
    for line in JAVASCRIPT.strip().splitlines():
        name, params, result = line.split(";")
        types = (f" (param {params})" if params else "") + (f" (result {result})" if result else "")
        lines.append(f'  (func (export "{name}"){types} unreachable)\n')
    return "".join(lines)


def main() -> None:
    imports = "".join(
        f'  (import "__main_module__" "{RUBY[name]}" (func ${name} {TYPES[name]}))\n'.replace(" ))", "))") for name in RUBY
    )
    print(HEAD + imports + STATE + MACHINE + javascript() + EXIT_MESSAGE + PASS)
    print(functions(BODIES_OF_RUBY) + ")")


if __name__ == "__main__":
    main()
