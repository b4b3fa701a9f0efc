;; The random numbers of WASI preview 1, for a program that reaches `random`.
;;
;; It takes no memory from the program: the host writes the numbers where the program wants them, and the eight bytes in which
;; it says so are put back.
(module
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  (import "env" "memory" (memory 0))

  ;; Where the program wants them.
  (global $to (mut i32) (i32.const 0))
  (func (export "cabi_import_realloc") (param i32 i32 i32 i32) (result i32) (global.get $to))

  (func (export "random_get") (param $to i32) (param $len i32) (result i32) (local $kept i64) (local $part i32)
    (loop $next
      (if (local.get $len)
        (then
          ;; At most 64 KiB at a time.
          (local.set $part (select (local.get $len) (i32.const 65536) (i32.lt_u (local.get $len) (i32.const 65536))))
          (local.set $kept (i64.load (i32.const 0)))
          (global.set $to (local.get $to))
          (call $random (i64.extend_i32_u (local.get $part)) (i32.const 0))
          (i64.store (i32.const 0) (local.get $kept))
          (local.set $to (i32.add (local.get $to) (local.get $part)))
          (local.set $len (i32.sub (local.get $len) (local.get $part)))
          (br $next))))
    i32.const 0))
