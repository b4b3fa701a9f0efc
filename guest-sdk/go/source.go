package sandmill

import "errors"

// A Puller makes records from nothing but its configuration.
type Puller interface {
	// Pull emits at most max records; fewer, or none, is not an end. It returns where the next call begins, which a resumed run
	// gives back to open, and whether there is no more.
	Pull(max int, out *Output) (cursor string, done bool, err error)
}

// A SourceDefinition is a source that can be opened.
type SourceDefinition struct {
	open func(config, cursor string) (Puller, error)
}

var definedSource *SourceDefinition

// Source makes the Puller that open returns the source of this program. The cursor is where to begin; "" at the start of the input.
func Source[Config any, P Puller](open func(config Config, cursor string) (P, error)) *SourceDefinition {
	definedSource = &SourceDefinition{func(text, cursor string) (Puller, error) {
		config, err := configure[Config](text)
		if err != nil {
			return nil, err
		}
		return open(config, cursor)
	}}
	return definedSource
}

// startSource opens the source.
func startSource(definition *SourceDefinition, config, cursor string) (source Puller, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = panicked(reason)
		}
	}()
	if definition == nil {
		return nil, errors.New("this program has no source: call sandmill.Source(open) in main")
	}
	return definition.open(config, cursor)
}

// pull asks the source for records.
func pull(source Puller, max int) (out *Output, cursor string, done bool, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = panicked(reason)
		}
	}()
	out = &Output{}
	cursor, done, err = source.Pull(max, out)
	out.finish()
	return out, cursor, done, err
}

// A SourceTrial is a source under test, natively.
type SourceTrial struct {
	source Puller
}

// Trial opens the source for a test, with the JSON of a configuration and a cursor; "" is none.
func (d *SourceDefinition) Trial(config, cursor string) (*SourceTrial, error) {
	source, err := startSource(d, config, cursor)
	if err != nil {
		return nil, err
	}
	return &SourceTrial{source}, nil
}

// Pull asks for at most max records.
func (t *SourceTrial) Pull(max int) (fates Fates, cursor string, done bool, err error) {
	out, cursor, done, err := pull(t.source, max)
	if err != nil {
		return Fates{}, "", false, err
	}
	return fatesOf(out).flushed(), cursor, done, nil
}
