package live

import (
	"math"
	"testing"

	"github.com/99designs/gqlgen/graphql"
)

// TestEncodeCopies: data is copied once, not decoded and encoded again, although the executor
// always sets extensions, if only empty ones.
func TestEncodeCopies(t *testing.T) {
	response := &graphql.Response{Data: []byte(`{"a":"<b>","c":[1,2,3]}`), Extensions: map[string]any{}}
	if got, want := string(encode(response)), `{"data":{"a":"<b>","c":[1,2,3]}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	fewest := math.Inf(1) // what runs in the background allocates as well
	for range 20 {
		fewest = min(fewest, testing.AllocsPerRun(10, func() { encode(response) }))
	}
	if fewest > 1 {
		t.Errorf("encoding takes %v allocations", fewest)
	}
	response.Extensions["cost"] = 1
	if got, want := string(encode(response)), `{"data":{"a":"\u003cb\u003e","c":[1,2,3]},"extensions":{"cost":1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
