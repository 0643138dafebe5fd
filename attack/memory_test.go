package attack

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// most is by how much the memory of the server may grow, and spare what may remain of that.
const most, spare = 64 << 20, 16 << 20

// TestLargeDocuments: a thousand distinct large documents, which are all executed, do not stay in
// memory together.
func TestLargeDocuments(t *testing.T) {
	s := start(t, "--rate-limit", "0")
	before := s.usage(true)
	peak := before.Heap
	for i := range 1000 {
		if a := post(large(i))(s); a.code() != "" || a.status != 200 {
			t.Fatalf("a large document is answered %d %.500s", a.status, a.body)
		}
		if i%50 == 49 {
			peak = max(peak, s.usage(true).Heap)
		}
	}
	t.Logf("the heap grew by %d KiB, at most by %d KiB", (s.usage(true).Heap-before.Heap)>>10, (peak-before.Heap)>>10)
	if grown := peak - before.Heap; grown > most {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	s.checkHealth(t, before)
}

// large returns a document of 60 KiB, most of which is a comment, with as many tokens and fields as
// a document may have; each number has another one.
func large(number int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "query Q%d { viewer { %s } ", number, strings.Repeat("id name ", 10))
	for i := range 13 {
		fmt.Fprintf(&text, "c%d: contact(id: \"contact_01h455vb4pex5vsknk084sn02q\") { %s } ", i, strings.Repeat("id name email phone blocked version ", 10))
	}
	text.WriteString("} #")
	return text.String() + strings.Repeat("x", 60<<10-text.Len())
}

// TestMemoryComesBack: after many bad documents on every way in, at once, the server holds as much
// memory as before.
func TestMemoryComesBack(t *testing.T) {
	s := start(t)
	for _, d := range documents[:10] {
		post(d.text)(s) // what is kept for good, such as connections, is made now
	}
	before := s.usage(true)
	done := make(chan bool)
	for worker := range 8 {
		go func() {
			defer func() { done <- true }()
			for i, d := range documents {
				if i%8 == worker {
					post(d.text)(s)
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
	var now usage
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if now = s.usage(true); now.Heap-before.Heap < spare {
			return
		}
	}
	t.Errorf("the heap had %d bytes and has %d", before.Heap, now.Heap)
}
