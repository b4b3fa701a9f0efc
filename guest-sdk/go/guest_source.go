//go:build wasip1 && sandmill_source

package sandmill

// Of the world record-source: result<_, string> and result<chunk, string>.
type sourceResult struct {
	isError                             uint32
	values, ends, keys, keyEnds, cursor list
	done                                uint32
}

var source Puller

func refused(err error) uint32 {
	return address(&sourceResult{isError: 1, values: lowerText(failed(0, err).message)})
}

//go:wasmexport sandmill:stage/source@0.1.0#open
func exportOpen(ptr, len, hasCursor, cursorPtr, cursorLen uint32) uint32 {
	defer working()()
	config, cursor := string(bytesAt(ptr, len)), ""
	if hasCursor != 0 {
		cursor = string(bytesAt(cursorPtr, cursorLen))
	}
	given = nil
	err := begin()
	if err == nil {
		source, err = startSource(definedSource, config, cursor)
	}
	if err != nil {
		return refused(err)
	}
	return address(&sourceResult{})
}

//go:wasmexport sandmill:stage/source@0.1.0#pull
func exportPull(max uint32) uint32 {
	defer working()()
	out, cursor, done, err := pull(source, int(max))
	if err != nil {
		return refused(err)
	}
	result := &sourceResult{
		values: lower(out.values.data), ends: lower(out.values.ends),
		keys: lower(out.keys.data), keyEnds: lower(out.keys.ends), cursor: lowerText(cursor),
	}
	if done {
		result.done = 1
	}
	return address(result)
}

//go:wasmexport cabi_post_sandmill:stage/source@0.1.0#open
func postOpen(uint32) { release() }

//go:wasmexport cabi_post_sandmill:stage/source@0.1.0#pull
func postPull(uint32) { release() }
