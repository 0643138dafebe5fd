//go:build !unix || plainconn

package live

import "testing"

// TestDirectWrite shows that this build writes nothing directly, so that all other tests of this
// package use the net.Conn.
func TestDirectWrite(t *testing.T) {
	t.Parallel()
	if n, err := newDirect(nil).write([]byte("x")); n != 0 || err != nil {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
}
