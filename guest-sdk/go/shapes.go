package sandmill

import (
	"iter"
	"reflect"
	"unsafe"
)

// Keyed is an output with a key of its own, instead of the key of the record that it was made of. An empty key is none.
type Keyed[V any] struct {
	Key   string
	Value V
}

// To is an output for another of the stage's named outputs, counted from 0 in the order of the pipeline file.
type To[V any] struct {
	Port  uint16
	Value V
}

// Many is any number of outputs; none drops the record.
type Many[V any] []V

// emitter is implemented by the types above.
type emitter interface {
	emit(out *Output) error
}

func (k Keyed[V]) emit(out *Output) error {
	key := out.key
	out.key = []byte(k.Key)
	err := emit(out, k.Value)
	out.key = key
	return err
}

func (t To[V]) emit(out *Output) error {
	mark := out.len()
	err := emit(out, t.Value)
	out.route(mark, t.Port)
	return err
}

func (m Many[V]) emit(out *Output) error {
	for _, value := range m {
		if err := emit(out, value); err != nil {
			return err
		}
	}
	return nil
}

func (r Record) emit(out *Output) error {
	out.EmitKeyed(r.Key, r.Value)
	return nil
}

// emit emits what a function returned.
func emit(out *Output, value any) error {
	switch value := value.(type) {
	case nil:
	case string:
		out.EmitString(value)
	case []byte:
		out.Emit(value)
	case emitter:
		return value.emit(out)
	case []string:
		return Many[string](value).emit(out)
	case [][]byte:
		return Many[[]byte](value).emit(out)
	case iter.Seq[string]:
		for value := range value {
			out.EmitString(value)
		}
	default:
		if pointer := reflect.ValueOf(value); pointer.Kind() == reflect.Pointer && pointer.IsNil() {
			return nil
		}
		return out.EmitJSON(value)
	}
	return nil
}

// emitterOf finds out once how results of the type are emitted; those of text and bytes without an interface on the way.
func emitterOf[Out any]() func(record Record, out *Output, value Out) error {
	var found any
	switch any(*new(Out)).(type) {
	case string:
		found = func(_ Record, out *Output, value string) error { out.EmitString(value); return nil }
	case []byte:
		found = func(_ Record, out *Output, value []byte) error { out.Emit(value); return nil }
	case bool:
		found = func(record Record, out *Output, keep bool) error {
			if keep {
				out.Emit(record.Value)
			}
			return nil
		}
	default:
		found = func(_ Record, out *Output, value Out) error { return emit(out, value) }
	}
	return found.(func(Record, *Output, Out) error)
}

// readerOf finds out once how a record becomes what the function takes.
func readerOf[In any]() func(Record) (In, error) {
	var found any
	switch any(*new(In)).(type) {
	case string:
		found = text
	case []byte:
		found = func(record Record) ([]byte, error) { return record.Value, nil }
	case Record:
		found = func(record Record) (Record, error) { return record, nil }
	default:
		numbers := hasAny(reflect.TypeFor[In](), map[reflect.Type]bool{})
		found = func(record Record) (value In, err error) {
			err = decode(record.Value, &value, numbers, false)
			return value, err
		}
	}
	return found.(func(Record) (In, error))
}

// text is the record's text, without a copy: nothing changes the memory of a batch, and it stays while somebody refers to it.
func text(record Record) (string, error) {
	if at := invalidUTF8(record.Value); at >= 0 {
		return "", notText(record.Value, at)
	}
	return unsafe.String(unsafe.SliceData(record.Value), len(record.Value)), nil
}
