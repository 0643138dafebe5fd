package compiled

import (
	"math"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// The functions that append a value as JSON write the same bytes as gqlgen's marshalers.

const hex = "0123456789ABCDEF"

// AppendString appends a string.
func AppendString[S ~string](dst []byte, s S) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		switch start = i + 1; c {
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '"', '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// AppendInt appends an integer.
func AppendInt[I ~int](dst []byte, i I) []byte { return strconv.AppendInt(dst, int64(i), 10) }

// AppendBoolean appends true or false.
func AppendBoolean[B ~bool](dst []byte, b B) []byte { return strconv.AppendBool(dst, bool(b)) }

// AppendFloat appends a number, or returns nil if it is not finite, which JSON cannot express.
func AppendFloat[F ~float64](dst []byte, number F) []byte {
	f := float64(number)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// AppendMarshaler appends a value that writes itself.
func AppendMarshaler[M graphql.Marshaler](dst []byte, m M) []byte {
	w := buffers.Get().(*buffer)
	w.bytes = dst
	m.MarshalGQL(w)
	dst, w.bytes = w.bytes, nil
	buffers.Put(w)
	return dst
}

// AppendList appends a list of leaves.
func AppendList[T any](dst []byte, values []T, append1 func(dst []byte, value T) []byte) []byte {
	dst = append(dst, '[')
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append1(dst, value)
	}
	return append(dst, ']')
}

// AppendOptional appends the value of a pointer, or returns nil for a nil pointer.
func AppendOptional[T any](dst []byte, value *T, append1 func(dst []byte, value T) []byte) []byte {
	if value == nil {
		return nil
	}
	return append1(dst, *value)
}

// AppendNullable is AppendList for a list that is null if it is nil.
func AppendNullable[T any](dst []byte, values []T, append1 func(dst []byte, value T) []byte) []byte {
	if values == nil {
		return nil
	}
	return AppendList(dst, values, append1)
}

// A buffer is what values write themselves to. AvailableBuffer is that of bytes.Buffer.
type buffer struct{ bytes []byte }

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func (b *buffer) AvailableBuffer() []byte { return b.bytes[len(b.bytes):] }

func (b *buffer) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *buffer) WriteString(s string) (int, error) {
	b.bytes = append(b.bytes, s...)
	return len(s), nil
}
