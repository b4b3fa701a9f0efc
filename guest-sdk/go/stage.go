package sandmill

import "errors"

// A Processor is a stage that keeps state between records, or wants to emit without an allocation. One that also has a method
// Flush(*Output) error emits what it has kept when its instance ends.
//
// How long an instance lives is for the pipeline file to say. With reuse = "worker" it sees many batches; by default, state does
// not outlive the batch.
type Processor interface {
	// Process emits what it makes of the record. Its error is the record's failure; [Drop] is none.
	Process(record Record, out *Output) error
}

// Flusher is a Processor that has outputs at its end.
type Flusher interface {
	Flush(out *Output) error
}

// A Definition is a stage that can be opened.
type Definition struct {
	open func(config string) (Processor, error)
}

// The stage of this program.
var defined *Definition

// Stage makes a function the stage of this program.
//
// In says what it is given: a string is the record's text, and a record that is not UTF-8 fails; []byte is its bytes, which may not
// be changed; [Record] is key and value; any other type is read from its JSON.
//
// Out says what becomes of the record: a string, []byte or, by its JSON, any other type is one output; []string, [][]byte and [Many]
// are any number; [Keyed] and [Record] have a key of their own; [To] goes to another port; a bool keeps the record or drops it; nil
// drops it. An error fails it, unless it is [Drop]. See [Retryable].
func Stage[In, Out any](function func(In) (Out, error)) *Definition {
	return Configured(func(in In, _ struct{}) (Out, error) { return function(in) })
}

// Configured makes a function with a configuration the stage of this program: the config table of the pipeline file is read into
// it. A table that does not fit is refused with the field's name, as is one that its method Validate() error refuses.
func Configured[In, Config, Out any](function func(In, Config) (Out, error)) *Definition {
	return Opened(func(config Config) (*perRecord[In, Config, Out], error) {
		return &perRecord[In, Config, Out]{config, function, readerOf[In](), emitterOf[Out]()}, nil
	})
}

// Opened makes the Processor that open returns the stage of this program. It is called once for each instance; its error says why
// the stage cannot work with this configuration.
func Opened[Config any, P Processor](open func(Config) (P, error)) *Definition {
	defined = &Definition{func(text string) (Processor, error) {
		config, err := configure[Config](text)
		if err != nil {
			return nil, err
		}
		return open(config)
	}}
	return defined
}

type perRecord[In, Config, Out any] struct {
	config   Config
	function func(In, Config) (Out, error)
	read     func(Record) (In, error)
	emit     func(Record, *Output, Out) error
}

func (p *perRecord[In, Config, Out]) Process(record Record, out *Output) error {
	in, err := p.read(record)
	if err != nil {
		return err
	}
	result, err := p.function(in, p.config)
	if err != nil {
		return err
	}
	return p.emit(record, out, result)
}

// start opens the stage.
func start(definition *Definition, config string) (stage Processor, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = panicked(reason)
		}
	}()
	if definition == nil {
		return nil, errors.New("this program has no stage: call sandmill.Stage(function) in main")
	}
	return definition.open(config)
}

// process gives every record of the batch to the stage.
func process(stage Processor, in *batch) *Output {
	count := len(in.values.ends)
	out := &Output{values: column{make([]byte, 0, len(in.values.data)+len(in.values.data)/4), make([]uint32, 0, count)}}
	for next := 0; next < count; {
		next = out.each(stage, in, next)
	}
	out.finish()
	return out
}

// each gives the stage the records from the one at start on, until one panics. Where to continue.
func (o *Output) each(stage Processor, in *batch, start int) (next int) {
	mark := 0
	defer func() {
		if reason := recover(); reason != nil {
			o.settle(mark, panicked(reason))
			next++
		}
	}()
	// Written out, because each call in the sandbox costs as much as several bytes of a record.
	data, ends, begin := in.values.data, in.values.ends, in.values.start(start)
	for next = start; next < len(ends); next++ {
		mark = len(o.values.ends)
		end := ends[next]
		record := Record{Value: data[begin:end:end]}
		begin = end
		if len(in.keys.ends) > 0 {
			record.Key = in.keys.at(next)
		}
		o.index, o.key = uint32(next), record.Key
		err := stage.Process(record, o)
		if err != nil || o.traced || len(o.values.ends) != mark+1 {
			o.settle(mark, err)
		}
	}
	return next
}

// flush lets the stage emit what it has kept.
func flush(stage Processor) (out *Output, err error) {
	out = &Output{}
	flusher, flushes := stage.(Flusher)
	if !flushes {
		return out, nil
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = panicked(reason)
		}
	}()
	err = flusher.Flush(out)
	out.finish()
	return out, err
}
