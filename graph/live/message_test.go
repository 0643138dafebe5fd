package live

import (
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// FuzzMessage: any input is accepted, or refused with a reason that fits into a close frame; what
// is sent back to the client is always valid JSON.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connection_init","payload":{"token":"x"}}`,
		`{"type":"ping","payload":{"a":[1e400,null]}}`,
		`{"id":"1","type":"subscribe","payload":{"query":"{name}","variables":{"a":"\ud83d"},"operationName":null}}`,
		`{"id":"\u0000","type":"complete"}`,
		`{"id":1,"type":"subscribe"}`,
		`[]`, `null`, `{"type":`, "\xff", `{"type":"` + strings.Repeat("ü", 100) + `"}`,
	} {
		f.Add(websocket.TextMessage, []byte(seed))
	}
	f.Add(websocket.BinaryMessage, []byte(`{}`))
	f.Fuzz(func(t *testing.T, opcode int, data []byte) {
		m, closed := parseMessage(opcode, data)
		if closed == nil && m.Type == typeSubscribe {
			params, refused, wrong := m.params(nil)
			if closed = wrong; closed == nil && params == nil && refused == nil {
				t.Fatal("neither parameters nor a refusal")
			}
		}
		if closed == nil && m.Type == typeInit {
			_, closed = m.object()
		}
		if closed != nil {
			if reason := closed.reason(); reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
				t.Fatalf("reason %q", reason)
			}
			return
		}
		id := quote(m.ID)
		for _, data := range [][]byte{
			webSocketEncoder{}.appendFrame(nil, "", frame{kindPong, m.Payload}), webSocketEncoder{}.appendFrame(nil, id, frame{kind: kindComplete}),
			webSocketEncoder{}.appendFrame(nil, id, failure(nil)),
		} {
			if text := unframed(data); !json.Valid(text) {
				t.Fatalf("not JSON: %s", text)
			}
		}
	})
}

// unframed returns the payload of a server's frame, or nil if its header has a wrong length.
func unframed(data []byte) []byte {
	size, head := uint64(data[1]), 2
	switch data[1] {
	case 126:
		size, head = uint64(binary.BigEndian.Uint16(data[2:])), 4
	case 127:
		size, head = binary.BigEndian.Uint64(data[2:]), 10
	}
	if uint64(len(data)) != uint64(head)+size {
		return nil
	}
	return data[head:]
}

func TestBucket(t *testing.T) {
	now := time.Unix(0, 0)
	b := bucket{perSecond: 50, burst: 100}
	for i := range 100 {
		if !b.allow(now) {
			t.Fatalf("frame %d of the burst is refused", i)
		}
	}
	if b.allow(now) {
		t.Fatal("frame 101 is allowed")
	}
	for i := range 1000 {
		if now = now.Add(20 * time.Millisecond); !b.allow(now) {
			t.Fatalf("frame %d at 50 per second is refused", i)
		}
	}
	if b.allow(now.Add(time.Millisecond)) {
		t.Fatal("a frame too early is allowed")
	}
	now = now.Add(time.Hour)
	for range 100 {
		b.allow(now)
	}
	if b.allow(now) {
		t.Fatal("an hour of silence saves up more than the burst")
	}
}

// TestDecodeVariables: numbers keep their text, and a string that is not valid Unicode is told from
// one that holds U+FFFD.
func TestDecodeVariables(t *testing.T) {
	var variables map[string]any
	sent := `{"in":{"number":1.50,"list":[true,null,"x"],"half":"a\ud83d","sign":"a\ufffd","raw":"` + "\xe4" + `"}}`
	if !decodeVariables([]byte(sent), &variables) {
		t.Fatal("they cannot be decoded")
	}
	want := map[string]any{"in": map[string]any{
		"number": json.Number("1.50"), "list": []any{true, nil, "x"}, "half": "a\xff", "sign": "a\uFFFD", "raw": "\xff",
	}}
	if !reflect.DeepEqual(variables, want) {
		t.Errorf("got %#v", variables)
	}
}
