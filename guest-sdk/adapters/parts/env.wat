
  (global $is_ready (mut i32) (i32.const 0))
  (global $has_folder (mut i32) (i32.const 0))
  (global $count (mut i32) (i32.const 0))
  (global $bytes (mut i32) (i32.const 0))

  ;; The place of a variable: its name, the name's length, its value, the value's length.
  (func $variable (param $index i32) (result i32)
    (i32.add
      (i32.add (global.get $answer) (i32.load $own (global.get $answer)))
      (i32.shl (local.get $index) (i32.const 4))))

  ;; Asks the host, once: the answer stays where it is.
  (func $look (local $index i32) (local $variable i32)
    (if (global.get $is_ready) (then (return)))
    (global.set $is_ready (i32.const 1))
    (call $open_window (i32.const 8))
    (call $get_environment (i32.const 0))
    (call $close_window)
    (global.set $count (i32.load $own offset=4 (global.get $answer)))
    (loop $next
      (if (i32.lt_u (local.get $index) (global.get $count))
        (then
          (local.set $variable (call $variable (local.get $index)))
          (if (call $is_folder (local.get $variable)) (then (global.set $has_folder (i32.const 1))))
          ;; With the sign between name and value, and the NUL at the end.
          (global.set $bytes
            (i32.add
              (i32.add (global.get $bytes) (i32.const 2))
              (i32.add
                (i32.load $own offset=4 (local.get $variable))
                (i32.load $own offset=12 (local.get $variable)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next)))))

  ;; Whether its name is PWD.
  (func $is_folder (param $variable i32) (result i32) (local $name i32)
    (if (i32.ne (i32.load $own offset=4 (local.get $variable)) (i32.const 3)) (then (return (i32.const 0))))
    (local.set $name (i32.add (global.get $answer) (i32.load $own (local.get $variable))))
    (i32.and
      (i32.eq (i32.load16_u $own (local.get $name)) (i32.const 0x5750))
      (i32.eq (i32.load8_u $own offset=2 (local.get $name)) (i32.const 0x44))))

  (func (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (call $look)
    (i32.store $guest (local.get $count) (i32.add (global.get $count) (i32.eqz (global.get $has_folder))))
    (i32.store $guest (local.get $bytes)
      (i32.add (global.get $bytes) (select (i32.const 0) (i32.const 6) (global.get $has_folder))))
    i32.const 0)

  (func (export "environ_get") (param $places i32) (param $to i32) (result i32) (local $index i32) (local $variable i32)
    (call $look)
    (loop $next
      (if (i32.lt_u (local.get $index) (global.get $count))
        (then
          (local.set $variable (call $variable (local.get $index)))
          (i32.store $guest (local.get $places) (local.get $to))
          (local.set $places (i32.add (local.get $places) (i32.const 4)))
          (local.set $to (call $put (local.get $to) (local.get $variable) (i32.const 0x3d)))
          (local.set $to (call $put (local.get $to) (i32.add (local.get $variable) (i32.const 8)) (i32.const 0)))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (if (i32.eqz (global.get $has_folder))
      (then
        (i32.store $guest (local.get $places) (local.get $to))
        (call $put_folder (local.get $to))))
    i32.const 0)

  ;; Writes a text and a byte to the program's memory. Where they end.
  (func $put (param $to i32) (param $text i32) (param $last i32) (result i32) (local $len i32)
    (local.set $len (i32.load $own offset=4 (local.get $text)))
    (memory.copy $guest $own
      (local.get $to) (i32.add (global.get $answer) (i32.load $own (local.get $text))) (local.get $len))
    (local.set $to (i32.add (local.get $to) (local.get $len)))
    (i32.store8 $guest (local.get $to) (local.get $last))
    (i32.add (local.get $to) (i32.const 1)))
