//go:build unix && !plainconn

package live

import (
	"bytes"
	"net"
	"testing"
)

// TestDirectWrite writes to a peer that does not read: what the system accepts is written at once,
// the rest is left to the caller, and nothing blocks.
func TestDirectWrite(t *testing.T) {
	t.Parallel()
	ours, theirs := connected(t)
	d := newDirect(ours)
	if n, err := d.write([]byte("at once")); n != len("at once") || err != nil {
		t.Fatalf("wrote %d bytes, %v", n, err)
	}
	got := make([]byte, len("at once"))
	if _, err := theirs.Read(got); err != nil || string(got) != "at once" {
		t.Errorf("the peer read %q, %v", got, err)
	}
	huge := bytes.Repeat([]byte("x"), 64<<20)
	if n, err := d.write(huge); n == 0 || n == len(huge) || err != nil {
		t.Errorf("wrote %d of %d bytes to a peer that does not read, %v", n, len(huge), err)
	}
	wrapped := newDirect(struct{ net.Conn }{ours})
	if n, err := wrapped.write([]byte("x")); n != 0 || err != nil {
		t.Errorf("wrote %d bytes without a descriptor, %v", n, err)
	}
}

// connected returns both ends of a TCP connection.
func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if theirs, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	if ours, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}
