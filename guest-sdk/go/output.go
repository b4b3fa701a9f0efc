package sandmill

// Output takes what a stage makes of a record. A record of which nothing is emitted is dropped.
//
// An output has the key of the record that it was made of, unless it is given another. When a record fails, what it has emitted
// until then is taken back.
//
// Keys, ports and origins cost nothing until a record needs them: a column of keys begins with the first key, and origins begin
// with the first record that has not exactly one output.
type Output struct {
	values, keys column
	origins      []uint32
	ports        []uint16
	failures     []failure
	// The record in hand.
	index uint32
	key   []byte
	// Whether origins is in use: until it is, output i comes from record i.
	traced bool
}

// Emit emits a value; it is copied.
func (o *Output) Emit(value []byte) {
	o.values.data = append(o.values.data, value...)
	o.end(o.key)
}

// EmitString emits a value that is text.
func (o *Output) EmitString(value string) {
	o.values.data = append(o.values.data, value...)
	o.end(o.key)
}

// EmitKeyed emits a value with a key of its own, instead of the record's. An empty key is none.
func (o *Output) EmitKeyed(key, value []byte) {
	o.values.data = append(o.values.data, value...)
	o.end(key)
}

// EmitTo emits a value to one of the stage's named outputs, counted from 0 in the order of the pipeline file.
func (o *Output) EmitTo(port uint16, value []byte) {
	mark := o.len()
	o.Emit(value)
	o.route(mark, port)
}

// EmitJSON emits a value as JSON.
func (o *Output) EmitJSON(value any) error {
	text, err := encode(value)
	if err == nil {
		o.Emit(text)
	}
	return err
}

// Make emits a value of n bytes, which the caller fills in before it emits anything else: the fastest way. They hold anything.
func (o *Output) Make(n int) []byte {
	start := len(o.values.data)
	if end := start + n; end <= cap(o.values.data) {
		o.values.data = o.values.data[:end]
	} else {
		o.values.data = append(o.values.data, make([]byte, n)...)
	}
	o.end(o.key)
	return o.values.data[start : start+n : start+n]
}

func (o *Output) len() int { return len(o.values.ends) }

// end ends the value whose bytes have been appended.
func (o *Output) end(key []byte) {
	o.values.ends = append(o.values.ends, o.values.end())
	if len(key) > 0 {
		o.endKeyed(key)
	}
}

// endKeyed gives the last output its key.
func (o *Output) endKeyed(key []byte) {
	o.keys.pad(o.len() - 1)
	o.keys.push(key)
}

// route sends what was emitted since there were mark outputs to a port.
func (o *Output) route(mark int, port uint16) {
	for len(o.ports) < mark {
		o.ports = append(o.ports, 0)
	}
	o.ports = o.ports[:mark]
	for len(o.ports) < o.len() {
		o.ports = append(o.ports, port)
	}
}

// takeBack forgets all but the first mark outputs.
func (o *Output) takeBack(mark int) {
	o.values.truncate(mark)
	o.keys.truncate(mark)
	if len(o.ports) > mark {
		o.ports = o.ports[:mark]
	}
}

// trace notes where the outputs after the first mark come from; those before the first such note are one to one.
func (o *Output) trace(mark int) {
	if !o.traced {
		o.traced = true
		o.origins = make([]uint32, 0, cap(o.values.ends))
		for i := range mark {
			o.origins = append(o.origins, uint32(i))
		}
	}
	for range o.len() - mark {
		o.origins = append(o.origins, o.index)
	}
}

// settle is called when a record is done.
func (o *Output) settle(mark int, err error) {
	if err != nil {
		o.takeBack(mark)
		if err != Drop {
			o.failures = append(o.failures, failed(o.index, err))
		}
	}
	if o.traced || o.len() != mark+1 {
		o.trace(mark)
	}
}

// finish makes the columns consistent.
func (o *Output) finish() {
	if len(o.keys.ends) > 0 {
		o.keys.pad(o.len())
	}
	if len(o.ports) > 0 {
		o.route(len(o.ports), 0)
	}
}
