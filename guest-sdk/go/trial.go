package sandmill

// A Trial is a stage under test, natively: records in, what became of them out.
//
//	trial, err := sandmill.Configured(shout).Trial(`{"prefix": "> "}`)
//	fates := trial.Process("hello", "!bad")
//	fates.Texts()    // ["> HELLO"]
//	fates.Failure(1) // "told to fail: !bad"
type Trial struct {
	stage Processor
}

// Fates are what became of the records of a call.
type Fates struct {
	// Outputs, in order.
	Outputs []Emitted
	// Failures by the record's place in the input.
	Failures map[int]Failure
}

// Emitted is an output.
type Emitted struct {
	// Origin is the place in the input of the record that it was made of; -1 when it was flushed.
	Origin     int
	Port       uint16
	Key, Value string
}

// A Failure is why a record failed.
type Failure struct {
	Message   string
	Retryable bool
}

// Trial opens the stage for a test, with the JSON of a configuration; "" is none. The error is why it refuses that.
func (d *Definition) Trial(config string) (*Trial, error) {
	stage, err := start(d, config)
	if err != nil {
		return nil, err
	}
	return &Trial{stage}, nil
}

// Process gives the stage records without keys, all in one batch.
func (t *Trial) Process(values ...string) Fates {
	var in batch
	for _, value := range values {
		in.values.push([]byte(value))
	}
	return fatesOf(process(t.stage, &in))
}

// ProcessRecords gives the stage records with keys, all in one batch.
func (t *Trial) ProcessRecords(records ...Record) Fates {
	var in batch
	for _, record := range records {
		in.keys.push(record.Key)
		in.values.push(record.Value)
	}
	return fatesOf(process(t.stage, &in))
}

// Flush tells the stage that the input has ended.
func (t *Trial) Flush() (Fates, error) {
	out, err := flush(t.stage)
	if err != nil {
		return Fates{}, err
	}
	return fatesOf(out).flushed(), nil
}

// Texts are the outputs' values.
func (f Fates) Texts() []string {
	texts := make([]string, len(f.Outputs))
	for i, output := range f.Outputs {
		texts[i] = output.Value
	}
	return texts
}

// Failure is why the record at this place of the input failed; "" when it did not.
func (f Fates) Failure(index int) string { return f.Failures[index].Message }

func fatesOf(out *Output) Fates {
	fates := Fates{make([]Emitted, out.len()), map[int]Failure{}}
	for i := range fates.Outputs {
		output := Emitted{Origin: i, Value: string(out.values.at(i))}
		if out.traced {
			output.Origin = int(out.origins[i])
		}
		if len(out.ports) > 0 {
			output.Port = out.ports[i]
		}
		if len(out.keys.ends) > 0 {
			output.Key = string(out.keys.at(i))
		}
		fates.Outputs[i] = output
	}
	for _, failure := range out.failures {
		fates.Failures[int(failure.index)] = Failure{failure.message, failure.retryable}
	}
	return fates
}

// flushed says of outputs that no record in particular is their origin.
func (f Fates) flushed() Fates {
	for i := range f.Outputs {
		f.Outputs[i].Origin = -1
	}
	return f
}
