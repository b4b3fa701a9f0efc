#!/usr/bin/env python3
"""Writes the adapters for WASI preview 1.

    guest-sdk/adapters/generate.py null > guest-sdk/adapters/null.wat

`null` and `command` answer each of its 46 functions from inside the component. `null` has nothing beyond itself, so that a
stage whose runtime wants WASI imports nothing but `sandmill:stage/host`. `command` makes a component of a program with `_start`,
which is given arguments, standard input and standard output. The state (time, randomness) is in globals, so that an image of
an instance has it.

`streams`, which is written by hand, stands in for the streams of `command`. The others stand in for one of these two where a
program reaches something: `files` and `command-files`, `env`; and `time` and `random`, which are written by hand. Each imports the WASI 0.2 interfaces of what it is named after, and nothing else of WASI.

None takes memory from the program: Go believes that whatever memory is added is its own. What must be remembered is in a
memory of their own.
"""

import sys
from pathlib import Path

PARTS = Path(__file__).parent / "parts"

ACCES, BADF, NOSYS, SPIPE = 2, 8, 52, 70

# Parameters: i is an i32, I an i64. Every function but proc_exit returns an errno.
SIGNATURES = """
args_get ii, args_sizes_get ii, environ_get ii, environ_sizes_get ii, clock_res_get ii, clock_time_get iIi,
fd_advise iIIi, fd_allocate iII, fd_close i, fd_datasync i, fd_fdstat_get ii, fd_fdstat_set_flags ii,
fd_fdstat_set_rights iII, fd_filestat_get ii, fd_filestat_set_size iI, fd_filestat_set_times iIIi, fd_pread iiiIi,
fd_prestat_get ii, fd_prestat_dir_name iii, fd_pwrite iiiIi, fd_read iiii, fd_readdir iiiIi, fd_renumber ii,
fd_seek iIii, fd_sync i, fd_tell ii, fd_write iiii, path_create_directory iii, path_filestat_get iiiii,
path_filestat_set_times iiiiIIi, path_link iiiiiii, path_open iiiiiIIii, path_readlink iiiiii,
path_remove_directory iii, path_rename iiiiii, path_symlink iiiii, path_unlink_file iii, poll_oneoff iiii,
proc_exit i, proc_raise i, random_get ii, sched_yield, sock_accept iii, sock_recv iiiiii, sock_send iiiii,
sock_shutdown ii
"""

NO_STRINGS = """
    ;; Neither arguments nor variables.
    (i32.store (local.get 0) (i32.const 0))
    (i32.store (local.get 1) (i32.const 0))
    i32.const 0"""

ENDS = """
    (call $panicked (i32.const 0) (call $exit_message (local.get 0)) (i32.const 0) (i32.const 0))
    unreachable"""

BODIES = {
    "args_get": "i32.const 0",
    "environ_get": "i32.const 0",
    "args_sizes_get": NO_STRINGS,
    "environ_sizes_get": NO_STRINGS,
    "sched_yield": "i32.const 0",
    "fd_fdstat_set_flags": "i32.const 0",
    "clock_res_get": """
    (i64.store (local.get 1) (i64.const 1000))
    i32.const 0""",
    "clock_time_get": """
    ;; Time that passes when somebody looks: a microsecond a look.
    (i64.store (local.get 2) (global.get $now))
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    i32.const 0""",
    "random_get": """
    ;; The same numbers in every instance: a linear congruential generator, of which the upper bits are good.
    (loop $next
      (if (local.get 1)
        (then
          (global.set $seed
            (i64.add (i64.mul (global.get $seed) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
          (i64.store8 (local.get 0) (i64.shr_u (global.get $seed) (i64.const 56)))
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
          (br $next))))
    i32.const 0""",
    "fd_close": """
    (if (result i32) (i32.gt_u (local.get 0) (i32.const 2)) (then (i32.const 8)) (else (i32.const 0)))""",
    "fd_fdstat_get": """
    (if (i32.gt_u (local.get 0) (i32.const 2)) (then (return (i32.const 8))))
    ;; A terminal: a character device that cannot seek or tell, so that C libraries write line by line.
    (i64.store (local.get 1) (i64.const 2))
    (i64.store offset=8 (local.get 1) (i64.const 0x1fffffdb))
    (i64.store offset=16 (local.get 1) (i64.const 0))
    i32.const 0""",
    "fd_filestat_get": """
    (if (i32.gt_u (local.get 0) (i32.const 2)) (then (return (i32.const 8))))
    (memory.fill (local.get 1) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get 1) (i32.const 2))
    i32.const 0""",
    "fd_read": """
    (if (local.get 0) (then (return (i32.const 8))))
    ;; The standard input has ended.
    (i32.store (local.get 3) (i32.const 0))
    i32.const 0""",
    "fd_write": """(local $written i32) (local $len i32)
    (if (i32.gt_u (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (loop $next
      (if (local.get 2)
        (then
          (local.set $len (i32.load offset=4 (local.get 1)))
          ;; What goes to stdout is information, what goes to stderr a warning.
          (if (local.get $len)
            (then (call $write (local.get 0) (i32.load (local.get 1)) (local.get $len))))
          (local.set $written (i32.add (local.get $written) (local.get $len)))
          (local.set 1 (i32.add (local.get 1) (i32.const 8)))
          (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
          (br $next))))
    (i32.store (local.get 3) (local.get $written))
    i32.const 0""",
    "poll_oneoff": """
    ;; Everything has happened already. A sleep puts the clock forward.
    (i32.store (local.get 3) (local.get 2))
    (loop $next
      (if (local.get 2)
        (then
          (memory.fill (local.get 1) (i32.const 0) (i32.const 32))
          (i64.store (local.get 1) (i64.load (local.get 0)))
          (i32.store8 offset=10 (local.get 1) (i32.load8_u offset=8 (local.get 0)))
          (if (i32.eqz (i32.load8_u offset=8 (local.get 0))) (then (call $pass (local.get 0))))
          (local.set 0 (i32.add (local.get 0) (i32.const 48)))
          (local.set 1 (i32.add (local.get 1) (i32.const 32)))
          (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
          (br $next))))
    i32.const 0""",
    "proc_exit": ENDS,
    "proc_raise": ENDS,
}

NULL_HEAD = """;; WASI preview 1 with nothing beyond it: no file, no variable, no argument, no network. Written by generate.py.
;;
;; Time is a counter that begins in 2001, randomness is the same in every instance, standard input is empty, and what is
;; written to stdout and stderr becomes log lines. No path may be opened, and no descriptor is good but the first three.
(module
  (import "sandmill:stage/host@0.1.0" "write" (func $write (param i32 i32 i32)))
  (import "sandmill:stage/host@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))
"""

STATE = """  (import "env" "memory" (memory 0))
  ;; Nanoseconds.
  (global $now (mut i64) (i64.const 1000000000000000000))
  (global $seed (mut i64) (i64.const 1))
"""

EXIT_MESSAGE = """
  ;; Writes "exit status N" to the beginning of memory, which an instance that ends does not need any more. Its length.
  (func $exit_message (param $status i32) (result i32) (local $digits i32) (local $rest i32) (local $len i32)
    ;; "exit sta", "tus ": twelve characters.
    (i64.store (i32.const 0) (i64.const 0x6174732074697865))
    (i64.store (i32.const 8) (i64.const 0x20737574))
    (local.set $rest (local.get $status))
    (loop $count
      (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
      (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
      (br_if $count (local.get $rest)))
    (local.set $len (i32.add (local.get $digits) (i32.const 12)))
    (loop $write
      (i32.store8 offset=11 (local.get $digits)
        (i32.add (i32.const 48) (i32.rem_u (local.get $status) (i32.const 10))))
      (local.set $status (i32.div_u (local.get $status) (i32.const 10)))
      (local.set $digits (i32.sub (local.get $digits) (i32.const 1)))
      (br_if $write (local.get $digits)))
    (local.get $len))
"""

STANDS = """
  ;; Not of preview 1: see time.wat. This clock asks nobody.
  (func (export "sandmill_time_stands") (param i32))
"""

STREAM_IMPORTS = {
    False: '  (import "sandmill:stage/host@0.1.0" "write" (func $write (param i32 i32 i32)))\n',
    True: """  (import "sandmill:command/program@0.1.0" "read" (func $read (param i32 i32)))
  (import "sandmill:command/program@0.1.0" "write" (func $write (param i32 i32 i32)))
""",
}

PASS = """
  ;; Puts the clock forward to the time, or by the time, that a subscription waits for.
  (func $pass (param $subscription i32) (local $until i64)
    (local.set $until (i64.load offset=24 (local.get $subscription)))
    (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $subscription)) (i32.const 1)))
      (then (local.set $until (i64.add (local.get $until) (global.get $now)))))
    (if (i64.gt_u (local.get $until) (global.get $now)) (then (global.set $now (local.get $until)))))
"""

COMMAND_HEAD = """;; WASI preview 1 for a command: a program with `_start`. Written by generate.py.
;;
;; Its arguments, standard input and standard output are the host's, and standard error becomes log lines. The standard
;; output looks like a terminal, so that C libraries write each line when it is done. Time is a counter that begins in
;; 2001, randomness is the same in every instance. No path may be opened, and no descriptor is good but the first three.
(module
  (import "__main_module__" "_start" (func $start))
  (import "sandmill:command/program@0.1.0" "read" (func $read (param i32 i32)))
  (import "sandmill:command/program@0.1.0" "write" (func $write (param i32 i32 i32)))
  (import "sandmill:command/program@0.1.0" "exit" (func $exit (param i32)))
  (import "sandmill:command/program@0.1.0" "arguments" (func $arguments (result i64)))
  (import "sandmill:command/program@0.1.0" "argument-byte" (func $argument_byte (param i32) (result i32)))
"""

COMMAND_TAIL = """
  ;; Where the program wants what it reads: the host writes it there.
  (global $to (mut i32) (i32.const 0))
  (func (export "cabi_import_realloc") (param i32 i32 i32 i32) (result i32) (global.get $to))
  (func (export "wasi:cli/run@0.2.12#run") (result i32)
    (call $start)
    i32.const 0)
"""

COMMAND_BODIES = {
    "args_sizes_get": """ (local $sizes i64)
    (local.set $sizes (call $arguments))
    (i32.store (local.get 0) (i32.wrap_i64 (i64.shr_u (local.get $sizes) (i64.const 32))))
    (i32.store (local.get 1) (i32.wrap_i64 (local.get $sizes)))
    i32.const 0""",
    "args_get": """ (local $at i32) (local $end i32) (local $begins i32) (local $byte i32)
    (local.set $end (i32.wrap_i64 (call $arguments)))
    (local.set $begins (i32.const 1))
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (if (local.get $begins)
            (then
              (i32.store (local.get 0) (i32.add (local.get 1) (local.get $at)))
              (local.set 0 (i32.add (local.get 0) (i32.const 4)))))
          (local.set $byte (call $argument_byte (local.get $at)))
          (i32.store8 (i32.add (local.get 1) (local.get $at)) (local.get $byte))
          (local.set $begins (i32.eqz (local.get $byte)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    i32.const 0""",
    "fd_fdstat_get": """
    (if (i32.gt_u (local.get 0) (i32.const 2)) (then (return (i32.const 8))))
    ;; The standard output is a terminal: a character device that cannot seek or tell. The others are of no known kind.
    (i64.store (local.get 1) (select (i64.const 2) (i64.const 0) (i32.eq (local.get 0) (i32.const 1))))
    (i64.store offset=8 (local.get 1) (i64.const 0x1fffffdb))
    (i64.store offset=16 (local.get 1) (i64.const 0))
    i32.const 0""",
    "fd_filestat_get": """
    (if (i32.gt_u (local.get 0) (i32.const 2)) (then (return (i32.const 8))))
    (memory.fill (local.get 1) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get 1) (select (i32.const 2) (i32.const 0) (i32.eq (local.get 0) (i32.const 1))))
    i32.const 0""",
    "fd_read": """ (local $room i32) (local $got i32)
    (if (local.get 0) (then (return (i32.const 8))))
    ;; Into the first buffer that has room.
    (loop $next
      (if (i32.eqz (local.get 2)) (then (i32.store (local.get 3) (i32.const 0)) (return (i32.const 0))))
      (local.set $room (i32.load offset=4 (local.get 1)))
      (if (i32.eqz (local.get $room))
        (then
          (local.set 1 (i32.add (local.get 1) (i32.const 8)))
          (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
          (br $next))))
    (global.set $to (i32.load (local.get 1)))
    ;; The host returns place and length where those of the buffer are, which are put back.
    (call $read (local.get $room) (local.get 1))
    (local.set $got (i32.load offset=4 (local.get 1)))
    (i32.store (local.get 1) (global.get $to))
    (i32.store offset=4 (local.get 1) (local.get $room))
    (i32.store (local.get 3) (local.get $got))
    i32.const 0""",
    "fd_write": BODIES["fd_write"].replace(
        "          ;; What goes to stdout is information, what goes to stderr a warning.\n", ""),
    "proc_exit": """
    (call $exit (local.get 0))
    unreachable""",
    "proc_raise": """
    ;; As a shell tells it.
    (call $exit (i32.add (i32.const 128) (local.get 0)))
    unreachable""",
}


ENV_HEAD = """;; The variables of WASI preview 1, for a program that reaches `env`. Written by generate.py.
;;
;; It takes no memory from the program. The current folder is the root, unless PWD is granted: Go wants to know it.
(module
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $get_environment (param i32)))
"""

FILES_HEAD = """;; The files of WASI preview 1, for a %s that reaches `files`. Written by generate.py.
;;
;; It takes no memory from the program. Standard input and output are what they are without it.
(module
"""

FILESYSTEM = "wasi:filesystem/types@0.2.12"
FILE_IMPORTS = f"""
wasi:filesystem/preopens@0.2.12 get-directories get_directories i
{FILESYSTEM} [resource-drop]descriptor drop_descriptor i
{FILESYSTEM} [resource-drop]directory-entry-stream drop_list i
{FILESYSTEM} [method]descriptor.append-via-stream append_stream ii
{FILESYSTEM} [method]descriptor.create-directory-at create_directory_at iiii
{FILESYSTEM} [method]descriptor.get-type get_type ii
{FILESYSTEM} [method]descriptor.link-at link_at iiiiiiii
{FILESYSTEM} [method]descriptor.metadata-hash metadata_hash ii
{FILESYSTEM} [method]descriptor.metadata-hash-at metadata_hash_at iiiii
{FILESYSTEM} [method]descriptor.open-at open_at iiiiiii
{FILESYSTEM} [method]descriptor.read read_file iIIi
{FILESYSTEM} [method]descriptor.read-directory read_directory ii
{FILESYSTEM} [method]descriptor.readlink-at readlink_at iiii
{FILESYSTEM} [method]descriptor.remove-directory-at remove_directory_at iiii
{FILESYSTEM} [method]descriptor.rename-at rename_at iiiiiii
{FILESYSTEM} [method]descriptor.set-size set_size iIi
{FILESYSTEM} [method]descriptor.set-times set_times iiIiiIii
{FILESYSTEM} [method]descriptor.set-times-at set_times_at iiiiiIiiIii
{FILESYSTEM} [method]descriptor.stat stat ii
{FILESYSTEM} [method]descriptor.stat-at stat_at iiiii
{FILESYSTEM} [method]descriptor.symlink-at symlink_at iiiiii
{FILESYSTEM} [method]descriptor.sync sync ii
{FILESYSTEM} [method]descriptor.sync-data sync_data ii
{FILESYSTEM} [method]descriptor.unlink-file-at unlink_file_at iiii
{FILESYSTEM} [method]descriptor.write write_file iiiIi
{FILESYSTEM} [method]directory-entry-stream.read-directory-entry read_directory_entry ii
{FILESYSTEM} filesystem-error-code error_code ii
wasi:io/error@0.2.12 [resource-drop]error drop_error i
wasi:io/streams@0.2.12 [method]output-stream.blocking-write-and-flush write_stream iiii
wasi:io/streams@0.2.12 [resource-drop]output-stream drop_stream i
"""

# Where the current folder is the only variable.
ONLY_FOLDER = """
  ;; Without `env` there is one variable: the current folder, which Go wants to know.
  (func (export "environ_sizes_get") (param i32 i32) (result i32)
    (i32.store $guest (local.get 0) (i32.const 1))
    (i32.store $guest (local.get 1) (i32.const 6))
    i32.const 0)
  (func (export "environ_get") (param i32 i32) (result i32)
    (i32.store $guest (local.get 0) (local.get 1))
    (call $put_folder (local.get 1))
    i32.const 0)
"""

PUT_FOLDER = """
  ;; Writes PWD=/ and a NUL.
  (func $put_folder (param $to i32)
    (i32.store $guest (local.get $to) (i32.const 0x3d445750))
    (i32.store16 $guest offset=4 (local.get $to) (i32.const 0x002f)))
"""

# What there is of descriptors 0 to 2 as well.
OF_STREAMS = (
    "fd_close", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_read", "fd_seek", "fd_tell", "fd_write")


def files(is_command: bool) -> str:
    bodies = {**BODIES, **COMMAND_BODIES} if is_command else BODIES
    text = FILES_HEAD % ("command" if is_command else "stage")
    text += STREAM_IMPORTS[is_command]
    for line in FILE_IMPORTS.strip().splitlines():
        module, name, called, letters = line.split()
        text += f'  (import "{module}" "{name}" (func ${called} (param {params(letters)})))\n'
    text += (PARTS / "window.wat").read_text() + (PARTS / "files.wat").read_text() + PUT_FOLDER + ONLY_FOLDER
    text += "\n  ;; Standard input, output and error, and files.\n"
    for name, letters in signatures():
        if name in OF_STREAMS:
            body = bodies.get(name, refusal(name)).replace("(global.set $to ", "(global.set $direct ")
            body = body.replace("(global.get $to)", "(global.get $direct)").replace("memory.fill", "memory.fill $guest")
            rest = "".join(f" (local.get {index})" for index in range(len(letters)))
            text += function(f"${name}", letters, body)
            text += f'  (func (export "{name}") (param {params(letters)}) (result i32)\n'
            text += f"    (if (result i32) (i32.gt_u (local.get 0) (i32.const 2))\n"
            text += f"      (then (call $file_{name[3:]}{rest}))\n      (else (call ${name}{rest}))))\n"
    return text + ")\n"


def env() -> str:
    return ENV_HEAD + (PARTS / "window.wat").read_text() + (PARTS / "env.wat").read_text() + PUT_FOLDER + ")\n"


def refusal(name: str) -> str:
    if name in ("fd_seek", "fd_tell"):
        return f"(if (result i32) (i32.gt_u (local.get 0) (i32.const 2)) (then (i32.const {BADF})) (else (i32.const {SPIPE})))"
    if name.startswith("path_"):
        return f"i32.const {ACCES}"
    return f"i32.const {BADF if name.startswith('fd_') else NOSYS}"


def params(letters: str) -> str:
    return " ".join({"i": "i32", "I": "i64"}[letter] for letter in letters)


def signatures() -> list[tuple[str, str]]:
    parts = (signature.strip().partition(" ") for signature in SIGNATURES.replace("\n", " ").split(","))
    return [(name, letters) for name, _, letters in parts]


def function(name: str, letters: str, body: str) -> str:
    head = f"  (func {name}" + (f" (param {params(letters)})" if letters else "")
    result = "" if name == '(export "proc_exit")' else " (result i32)"
    return head + result + (body if body.startswith("\n") else " " + body) + ")\n"


def functions(bodies: dict[str, str]) -> str:
    """The functions of preview 1, of which `bodies` says what is not as `null` has it."""
    bodies = {**BODIES, **bodies}
    return "".join(function(f'(export "{name}")', letters, bodies.get(name, refusal(name))) for name, letters in signatures())


def whole(is_command: bool) -> str:
    text = COMMAND_HEAD + STATE + COMMAND_TAIL + PASS if is_command else NULL_HEAD + STATE + EXIT_MESSAGE + PASS + STANDS
    return text + "\n" + functions(COMMAND_BODIES if is_command else {}) + ")\n"


ADAPTERS = {
    "null": lambda: whole(is_command=False),
    "command": lambda: whole(is_command=True),
    "env": env,
    "files": lambda: files(is_command=False),
    "command-files": lambda: files(is_command=True),
}

if __name__ == "__main__":
    print(ADAPTERS[sys.argv[1]](), end="")
