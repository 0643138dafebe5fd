//go:build !unix || plainconn

package live

import "testing"

// TestDirectWrite shows which path this build takes: nothing is written at once, so that all other tests of this
// package run over the net.Conn.
func TestDirectWrite(t *testing.T) {
	t.Parallel()
	if n, err := newDirect(nil).write([]byte("x")); n != 0 || err != nil {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
}
