//go:build wasip1

package sandmill

import (
	"errors"
	"os"
	"unsafe"
)

// The boundary by hand: what the canonical ABI calls, and what it is given. One instance holds one stage or source.

// A list of the canonical ABI. An empty one has no address.
type list struct{ ptr, len uint32 }

// What was handed out and is not yet taken back. The collector moves nothing, so an address stays good while it is here.
var (
	given    [][]uint64
	returned []any
)

//go:wasmimport sandmill:stage/host@0.1.0 log
func hostLogLine(level uint32, ptr unsafe.Pointer, len uint32)

func hostLog(level level, line string) {
	hostLogLine(uint32(level), unsafe.Pointer(unsafe.StringData(line)), uint32(len(line)))
}

// The host calls cabi_realloc to pass values in, and takes none of the guest's calls until it has done so. But Go's collector asks
// for the time whenever it is at work. So its clocks stand except while a stage's own functions run.
//
//go:wasmimport wasi_snapshot_preview1 sandmill_time_stands
func hostTimeStands(stands uint32)

func init() { hostTimeStands(1) }

// working lets time pass until the function that it returns is called.
func working() (done func()) {
	hostTimeStands(0)
	return timeStands
}

func timeStands() { hostTimeStands(1) }

// Go does not run main in a module that exports functions, and people write there what they write in every program.
//
//go:linkname mainMain main.main
func mainMain()

//go:wasmexport cabi_realloc
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	if size == 0 {
		return align // aligned, within memory, and never looked at
	}
	words := make([]uint64, (uint64(size)+7)/8)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size), bytesAt(old, oldSize))
	}
	given = append(given, words)
	return uint32(uintptr(unsafe.Pointer(&words[0])))
}

func bytesAt(ptr, len uint32) []byte {
	if len == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(ptr))), len)
}

func wordsAt(ptr, len uint32) []uint32 {
	if len == 0 {
		return nil
	}
	return unsafe.Slice((*uint32)(unsafe.Pointer(uintptr(ptr))), len)
}

// lower keeps a list until the host has read it.
func lower[T any](items []T) list {
	if len(items) == 0 {
		return list{ptr: 8}
	}
	returned = append(returned, items)
	return list{uint32(uintptr(unsafe.Pointer(&items[0]))), uint32(len(items))}
}

func lowerText(text string) list { return lower([]byte(text)) }

// address of what was prepared for the host. What was printed without a line feed would be lost with the instance.
func address[T any](result *T) uint32 {
	returned = append(returned, result)
	return uint32(uintptr(unsafe.Pointer(result)))
}

func release() {
	clear(returned)
	returned = returned[:0]
}

// begin runs main, once, and reports why an instance cannot begin.
func begin() error {
	if defined == nil && definedSource == nil {
		if os.Args == nil {
			os.Args = []string{"stage"}
		}
		mainMain()
	}
	if defined == nil && definedSource == nil {
		return errors.New("this program has no stage: call sandmill.Stage(function) in main")
	}
	return nil
}
