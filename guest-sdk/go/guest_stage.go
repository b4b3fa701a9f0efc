//go:build wasip1 && !sandmill_source

package sandmill

// Of the world stage: result<_, string> and result<outcome, string>.
type stageResult struct {
	isError                                               uint32
	values, ends, keys, keyEnds, origins, ports, failures list
}

type wireFailure struct {
	index, retryable uint32
	message          list
}

var stage Processor

func refused(err error) uint32 {
	return address(&stageResult{isError: 1, values: lowerText(failed(0, err).message)})
}

func emitted(out *Output) uint32 {
	failures := make([]wireFailure, len(out.failures))
	for i, failure := range out.failures {
		failures[i] = wireFailure{index: failure.index, message: lowerText(failure.message)}
		if failure.retryable {
			failures[i].retryable = 1
		}
	}
	return address(&stageResult{
		values: lower(out.values.data), ends: lower(out.values.ends),
		keys: lower(out.keys.data), keyEnds: lower(out.keys.ends),
		origins: lower(out.origins), ports: lower(out.ports), failures: lower(failures),
	})
}

//go:wasmexport sandmill:stage/transform@0.1.0#open
func exportOpen(ptr, len uint32) uint32 {
	defer working()()
	config := string(bytesAt(ptr, len))
	given = nil
	err := begin()
	if err == nil {
		stage, err = start(defined, config)
	}
	if err != nil {
		return refused(err)
	}
	return address(&stageResult{})
}

//go:wasmexport sandmill:stage/transform@0.1.0#process
func exportProcess(values, bytes, ends, count, keys, keyBytes, keyEnds, keyCount uint32) uint32 {
	defer working()()
	in := batch{
		values: column{bytesAt(values, bytes), wordsAt(ends, count)},
		keys:   column{bytesAt(keys, keyBytes), wordsAt(keyEnds, keyCount)},
	}
	out := process(stage, &in)
	given = nil
	return emitted(out)
}

//go:wasmexport sandmill:stage/transform@0.1.0#flush
func exportFlush() uint32 {
	defer working()()
	out, err := flush(stage)
	if err != nil {
		return refused(err)
	}
	return emitted(out)
}

//go:wasmexport cabi_post_sandmill:stage/transform@0.1.0#open
func postOpen(uint32) { release() }

//go:wasmexport cabi_post_sandmill:stage/transform@0.1.0#process
func postProcess(uint32) { release() }

//go:wasmexport cabi_post_sandmill:stage/transform@0.1.0#flush
func postFlush(uint32) { release() }
