;; The clocks and the waiting of WASI preview 1, for a program that reaches `time`.
;;
;; It takes no memory from the program: the sixteen bytes in which the host puts its answer are put back.
;; While the host passes values in or out, no host function may be called. Go's runtime asks for the time then, so a program
;; can say when: its clocks stand meanwhile.
(module
  (import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall (param i32)))
  (import "wasi:clocks/wall-clock@0.2.12" "resolution" (func $wall_resolution (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $monotonic (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "resolution" (func $monotonic_resolution (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  (import "env" "memory" (memory 0))

  (global $stands (mut i32) (i32.const 0))
  ;; What was read last, in nanoseconds.
  (global $wall_read (mut i64) (i64.const 0))
  (global $monotonic_read (mut i64) (i64.const 0))

  ;; Not of preview 1. With 1, time stands until this is called with 0.
  (func (export "sandmill_time_stands") (param $stands i32)
    (global.set $stands (i32.const 0))
    (if (local.get $stands)
      (then
        (drop (call $read (i32.const 0)))
        (drop (call $read (i32.const 1)))))
    (global.set $stands (local.get $stands)))

  ;; Nanoseconds of a record of seconds and nanoseconds.
  (func $datetime (param $resolution i32) (result i64) (local $first i64) (local $second i64) (local $nanos i64)
    (local.set $first (i64.load (i32.const 0)))
    (local.set $second (i64.load (i32.const 8)))
    (if (local.get $resolution)
      (then (call $wall_resolution (i32.const 0)))
      (else (call $wall (i32.const 0))))
    (local.set $nanos
      (i64.add (i64.mul (i64.load (i32.const 0)) (i64.const 1000000000)) (i64.load32_u (i32.const 8))))
    (i64.store (i32.const 0) (local.get $first))
    (i64.store (i32.const 8) (local.get $second))
    (local.get $nanos))

  ;; A clock: 0 is the wall clock, 1 the monotonic one.
  (func $read (param $clock i32) (result i64)
    (if (local.get $clock)
      (then
        (if (i32.eqz (global.get $stands)) (then (global.set $monotonic_read (call $monotonic))))
        (return (global.get $monotonic_read))))
    (if (i32.eqz (global.get $stands)) (then (global.set $wall_read (call $datetime (i32.const 0)))))
    (global.get $wall_read))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $to i32) (result i32)
    ;; There are no clocks of processor time: invalid.
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28))))
    (i64.store (local.get $to) (call $read (local.get $clock)))
    i32.const 0)

  (func (export "clock_res_get") (param $clock i32) (param $to i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28))))
    (i64.store (local.get $to)
      (if (result i64) (global.get $stands)
        (then (i64.const 1000))
        (else
          (if (result i64) (local.get $clock)
            (then (call $monotonic_resolution))
            (else (call $datetime (i32.const 1)))))))
    i32.const 0)

  ;; How long a subscription has to wait. What is not a clock has happened already, and nothing waits while time stands.
  (func $remaining (param $subscription i32) (result i64) (local $until i64) (local $now i64)
    (if (i32.or (global.get $stands) (i32.load8_u offset=8 (local.get $subscription))) (then (return (i64.const 0))))
    (local.set $until (i64.load offset=24 (local.get $subscription)))
    ;; A duration.
    (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $subscription)) (i32.const 1)))
      (then (return (local.get $until))))
    (local.set $now (call $read (i32.ne (i32.load offset=16 (local.get $subscription)) (i32.const 0))))
    (if (i64.le_u (local.get $until) (local.get $now)) (then (return (i64.const 0))))
    (i64.sub (local.get $until) (local.get $now)))

  (func (export "poll_oneoff") (param $subscription i32) (param $event i32) (param $count i32) (param $happened i32) (result i32)
    (local $at i32) (local $least i64) (local $remaining i64) (local $pollable i32) (local $events i32) (local $from i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $least (i64.const -1))
    ;; How long each waits is kept where its event will be.
    (loop $next
      (local.set $remaining
        (call $remaining (i32.add (local.get $subscription) (i32.mul (local.get $at) (i32.const 48)))))
      (i64.store offset=16 (i32.add (local.get $event) (i32.shl (local.get $at) (i32.const 5))) (local.get $remaining))
      (if (i64.lt_u (local.get $remaining) (local.get $least)) (then (local.set $least (local.get $remaining))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $count))))
    (if (i64.ne (local.get $least) (i64.const 0))
      (then
        (local.set $pollable (call $after (local.get $least)))
        (call $block (local.get $pollable))
        (call $drop_pollable (local.get $pollable))))
    (local.set $at (i32.const 0))
    (loop $next
      (if (i64.le_u
            (i64.load offset=16 (i32.add (local.get $event) (i32.shl (local.get $at) (i32.const 5))))
            (local.get $least))
        (then
          (local.set $from (i32.add (local.get $subscription) (i32.mul (local.get $at) (i32.const 48))))
          (call $put
            (i32.add (local.get $event) (i32.shl (local.get $events) (i32.const 5)))
            (i64.load (local.get $from))
            (i32.load8_u offset=8 (local.get $from)))
          (local.set $events (i32.add (local.get $events) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $count))))
    (i32.store (local.get $happened) (local.get $events))
    i32.const 0)

  (func $put (param $event i32) (param $name i64) (param $kind i32)
    (memory.fill (local.get $event) (i32.const 0) (i32.const 32))
    (i64.store (local.get $event) (local.get $name))
    (i32.store8 offset=10 (local.get $event) (local.get $kind))))
