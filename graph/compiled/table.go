// Package compiled executes GraphQL operations by plans. A document is compiled once into a plan:
// what to read, level by level, and how to append the JSON of each field. The plan reads what all
// objects of a level refer to in one call, and then writes the answer into one buffer, without a
// goroutine or a context for each field. gqlgen's own executor is its reference.
package compiled

import "context"

// An Object is the table of an object type: how to read and write each of its fields. The tables
// are generated from the schema.
type Object struct {
	Name   string
	Fields map[string]*Field
}

// A Field is a row of a table. Exactly one of Append, AppendFor, Object, List, Relation and Stream
// is set.
type Field struct {
	// Append appends the JSON of a leaf that the object holds; it returns nil for null.
	Append func(dst []byte, object any) []byte
	// AppendFor is Append for a leaf whose form depends on the context of the answer.
	AppendFor func(ctx context.Context, dst []byte, object any) []byte
	// Object returns an object that the object holds, or nil for null.
	Object func(object any) any
	// List appends the objects of a list that the object holds; ok is false for null.
	List func(dst []any, object any) (all []any, ok bool)
	// Relation reads what objects refer to.
	Relation *Relation
	// Stream starts a subscription.
	Stream *Stream

	// As converts an object to the type that Relation reads for; nil if it is the same.
	As func(object any) any
	// PerCaller is set for a field whose value depends on the caller.
	PerCaller bool
}

// A Relation reads what all objects of a level refer to, in one call. A root field is a relation of
// one object, which is nil.
type Relation struct {
	Args Arguments // nil: it has none
	Read func(ctx context.Context, objects []any, args map[string]any) Values
}

// A Stream is the root field of a subscription.
type Stream struct {
	Args  Arguments // nil: it has none
	Start func(ctx context.Context, args map[string]any) (Items, error)
}

// Items returns the next item of a subscription, or false when it has ended.
type Items func(ctx context.Context) (item any, ok bool)

// Arguments coerces the arguments of a field.
type Arguments func(ctx context.Context, raw map[string]any) (map[string]any, error)

// Values are what a relation has read, one value for each object. Exactly one of Leaf, Object and
// List is set.
type Values struct {
	Errors []error // one for each object, nil where there is none; or nil without any
	Leaf   func(dst []byte, i int) []byte
	Object func(i int) any
	List   func(dst []any, i int) (all []any, ok bool)
}

// Leaves returns the values of a relation to leaves. The function appends one as JSON and returns
// nil for null.
func Leaves[T any](values []T, errs []error, append func(dst []byte, value T) []byte) Values {
	return Values{Errors: errs, Leaf: func(dst []byte, i int) []byte { return append(dst, values[i]) }}
}

// Pointers returns the values of a relation to rows; a nil pointer is null.
func Pointers[T any](values []*T, errs []error) Values {
	return Values{Errors: errs, Object: func(i int) any { return Pointer(values[i]) }}
}

// Interfaces returns the values of a relation to objects of several types; nil is null.
func Interfaces[T any](values []T, errs []error) Values {
	return Values{Errors: errs, Object: func(i int) any { return values[i] }}
}

// PointerLists returns the values of a relation to lists of rows. A nil list is null if it is
// nullable.
func PointerLists[T any](values [][]*T, errs []error) Values {
	return Values{Errors: errs, List: func(dst []any, i int) ([]any, bool) { return AppendPointers(dst, values[i]) }}
}

// InterfaceLists is PointerLists for objects of several types.
func InterfaceLists[T any](values [][]T, errs []error) Values {
	return Values{Errors: errs, List: func(dst []any, i int) ([]any, bool) { return AppendInterfaces(dst, values[i]) }}
}

// AppendPointers appends rows to a list of objects; ok is false if there is no list.
func AppendPointers[T any](dst []any, rows []*T) (all []any, ok bool) {
	for _, row := range rows {
		dst = append(dst, Pointer(row))
	}
	return dst, rows != nil
}

// AppendInterfaces is AppendPointers for objects of several types.
func AppendInterfaces[T any](dst []any, objects []T) (all []any, ok bool) {
	for _, object := range objects {
		dst = append(dst, object)
	}
	return dst, objects != nil
}

// Pointer returns a row as an object; nil for a nil pointer.
func Pointer[T any](row *T) any {
	if row == nil {
		return nil
	}
	return row
}

// One returns the result of a root field as values of one object.
func One[T any](value T, err error) (values []T, errs []error) {
	if err != nil {
		errs = []error{err}
	}
	return []T{value}, errs
}

// Single returns the value of a relation that has read for one object.
func Single[T any](values []T, errs []error) (value T, err error) {
	if errs != nil && errs[0] != nil {
		return value, errs[0]
	}
	return values[0], nil
}

// Typed returns objects as values of their type.
func Typed[T any](objects []any) []T {
	typed := make([]T, len(objects))
	for i, object := range objects {
		typed[i] = object.(T)
	}
	return typed
}

// Receive returns the items of a channel.
func Receive[T any](items <-chan T, err error) (Items, error) {
	return func(ctx context.Context) (any, bool) {
		select {
		case item, ok := <-items:
			return item, ok
		case <-ctx.Done():
			return nil, false
		}
	}, err
}
