;; Standard input and output of a command, many records and outputs at a time.
;;
;; A read gives no more than one record, as without this. But what is read and written crosses the boundary to the host in
;; blocks: each output goes with how much of the input had been read before it, so that the host knows which record it is
;; of. What is held back here is lost when the program ends before it has read the end of its input; the host knows that,
;; and then uses nothing of the run. Where a run is given one record, nothing is held back.
;;
;; It takes no memory from the program: see generate.py.
(module
  ;; Gives the host what was written: for each output the bytes read before it, its length, and itself, and then the bytes
  ;; read until now. Answers with more input, if it is wanted: whether outputs may be held back, then records or parts of
  ;; them, each after its length. Nothing at the end of the input.
  (import "sandmill:command/program@0.1.0" "exchange" (func $exchange (param i32 i32 i32 i32)))
  (import "sandmill:command/program@0.1.0" "write" (func $write (param i32 i32 i32)))
  (import "env" "memory" (memory $guest 0))

  ;; What it has to remember. Nothing of it is the program's. From 0 on what was in the window, from 16384 on the input, from
  ;; 32768 on what was written.
  (memory $own 1)

  ;; The next byte of input, its end, and how many bytes of the record or part that is being read are left.
  (global $at (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 0))
  (global $left (mut i32) (i32.const 0))
  ;; How much the program has read, and how much of what it wrote is held back.
  (global $read (mut i32) (i32.const 0))
  (global $held (mut i32) (i32.const 0))
  (global $may_hold (mut i32) (i32.const 0))

  ;; The window is the beginning of the program's memory, lent to the host: two numbers that say where the answer is, and
  ;; from 16 on what was written, and then the answer. What was there is put back.
  (func (export "cabi_import_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (if (i32.gt_u (local.get $bytes) (i32.const 16368)) (then unreachable))
    i32.const 16)

  (func $cross (param $wants i32) (local $answer i32)
    (i32.store $own offset=32768 (global.get $held) (global.get $read))
    (i32.store $own offset=32772 (global.get $held) (i32.const 0))
    (memory.copy $own $guest (i32.const 0) (i32.const 0) (i32.const 16384))
    (memory.copy $guest $own (i32.const 16) (i32.const 32768) (i32.add (global.get $held) (i32.const 8)))
    (call $exchange (local.get $wants) (i32.const 16) (i32.add (global.get $held) (i32.const 8)) (i32.const 0))
    (global.set $held (i32.const 0))
    (if (local.get $wants)
      (then
        (local.set $answer (i32.load $guest offset=4 (i32.const 0)))
        (memory.copy $own $guest (i32.const 16384) (i32.const 16) (local.get $answer))
        (global.set $at (i32.const 16388))
        (global.set $end (i32.add (i32.const 16384) (local.get $answer)))
        (global.set $may_hold (i32.const 0))
        (if (local.get $answer)
          (then (global.set $may_hold (i32.load $own offset=16384 (i32.const 0))))
          (else (global.set $end (global.get $at))))))
    (memory.copy $guest $own (i32.const 0) (i32.const 0) (i32.const 16384)))

  (func (export "fd_read") (param $descriptor i32) (param $buffer i32) (param $buffers i32) (param $result i32) (result i32)
    (local $room i32)
    (if (local.get $descriptor) (then (return (i32.const 8))))
    ;; Into the first buffer that has room.
    (loop $next
      (if (i32.eqz (local.get $buffers))
        (then (i32.store $guest (local.get $result) (i32.const 0)) (return (i32.const 0))))
      (local.set $room (i32.load $guest offset=4 (local.get $buffer)))
      (if (i32.eqz (local.get $room))
        (then
          (local.set $buffer (i32.add (local.get $buffer) (i32.const 8)))
          (local.set $buffers (i32.sub (local.get $buffers) (i32.const 1)))
          (br $next))))
    (if (i32.eqz (global.get $left))
      (then
        (if (i32.eq (global.get $at) (global.get $end)) (then (call $cross (i32.const 1))))
        (if (i32.lt_u (global.get $at) (global.get $end))
          (then
            (global.set $left (i32.load $own (global.get $at)))
            (global.set $at (i32.add (global.get $at) (i32.const 4)))))))
    (if (i32.gt_u (local.get $room) (global.get $left)) (then (local.set $room (global.get $left))))
    (memory.copy $guest $own (i32.load $guest (local.get $buffer)) (global.get $at) (local.get $room))
    (global.set $at (i32.add (global.get $at) (local.get $room)))
    (global.set $left (i32.sub (global.get $left) (local.get $room)))
    (global.set $read (i32.add (global.get $read) (local.get $room)))
    (i32.store $guest (local.get $result) (local.get $room))
    i32.const 0)

  (func (export "fd_write") (param $descriptor i32) (param $buffer i32) (param $buffers i32) (param $result i32) (result i32)
    (local $written i32) (local $length i32)
    (if (i32.gt_u (i32.sub (local.get $descriptor) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (loop $next
      (if (local.get $buffers)
        (then
          (local.set $length (i32.load $guest offset=4 (local.get $buffer)))
          (if (local.get $length)
            (then (call $put (local.get $descriptor) (i32.load $guest (local.get $buffer)) (local.get $length))))
          (local.set $written (i32.add (local.get $written) (local.get $length)))
          (local.set $buffer (i32.add (local.get $buffer) (i32.const 8)))
          (local.set $buffers (i32.sub (local.get $buffers) (i32.const 1)))
          (br $next))))
    (i32.store $guest (local.get $result) (local.get $written))
    i32.const 0)

  (func $put (param $descriptor i32) (param $from i32) (param $length i32) (local $entry i32)
    ;; What stands on standard error is of no record.
    (if (i32.or (i32.eq (local.get $descriptor) (i32.const 2)) (i32.eqz (global.get $may_hold)))
      (then (call $write (local.get $descriptor) (local.get $from) (local.get $length)) (return)))
    ;; With what says how much was read, before it and at the end.
    (if (i32.or
          (i32.gt_u (local.get $length) (i32.const 16352))
          (i32.gt_u (i32.add (local.get $length) (global.get $held)) (i32.const 16352)))
      (then
        (call $cross (i32.const 0))
        (if (i32.gt_u (local.get $length) (i32.const 16352))
          (then (call $write (local.get $descriptor) (local.get $from) (local.get $length)) (return)))))
    (local.set $entry (global.get $held))
    (i32.store $own offset=32768 (local.get $entry) (global.get $read))
    (i32.store $own offset=32772 (local.get $entry) (local.get $length))
    (memory.copy $own $guest (i32.add (local.get $entry) (i32.const 32776)) (local.get $from) (local.get $length))
    (global.set $held (i32.add (i32.add (local.get $entry) (local.get $length)) (i32.const 8)))))
