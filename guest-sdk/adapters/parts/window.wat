  (import "env" "memory" (memory $guest 0))
  ;; What it has to remember. Nothing of it is the program's.
  (memory $own 1)

  ;; The window: the beginning of the program's memory, lent to the host for its answer. What was there is kept, and put back
  ;; when the window is closed; the answer is then in this module's own memory, from $answer on, at the same offsets.
  (global $answer (mut i32) (i32.const 32768))
  (global $end (mut i32) (i32.const 0))
  ;; Where the program wants what is read, if the host is to write it there.
  (global $direct (mut i32) (i32.const 0))

  (func $open_window (param $bytes i32)
    (global.set $end (i32.const 0))
    (global.set $direct (i32.const 0))
    (call $widen_window (local.get $bytes)))

  (func $widen_window (param $end i32) (local $missing i32)
    ;; In words of eight bytes.
    (local.set $end (i32.and (i32.add (local.get $end) (i32.const 7)) (i32.const -8)))
    (local.set $missing
      (i32.sub (i32.add (global.get $answer) (local.get $end)) (i32.shl (memory.size $own) (i32.const 16))))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq
              (memory.grow $own (i32.shr_u (i32.add (local.get $missing) (i32.const 65535)) (i32.const 16)))
              (i32.const -1))
          (then unreachable))))
    (memory.copy $own $guest
      (i32.add (global.get $answer) (global.get $end)) (global.get $end) (i32.sub (local.get $end) (global.get $end)))
    (global.set $end (local.get $end)))

  (func (export "cabi_import_realloc") (param i32 i32 i32) (param $bytes i32) (result i32) (local $at i32)
    (if (global.get $direct) (then (return (global.get $direct))))
    (local.set $at (global.get $end))
    (call $widen_window (i32.add (local.get $at) (local.get $bytes)))
    (local.get $at))

  (func $close_window (local $at i32) (local $kept i64) (local $own i32)
    (loop $next
      (if (i32.lt_u (local.get $at) (global.get $end))
        (then
          (local.set $own (i32.add (global.get $answer) (local.get $at)))
          (local.set $kept (i64.load $own (local.get $own)))
          (i64.store $own (local.get $own) (i64.load $guest (local.get $at)))
          (i64.store $guest (local.get $at) (local.get $kept))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br $next)))))
