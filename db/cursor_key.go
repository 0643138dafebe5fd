package db

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// CursorKey makes the positions of one workspace's log opaque for clients. What it returns tells
// nothing of other workspaces, and is accepted by this workspace only.
type CursorKey struct {
	workspace WorkspaceKey
	id        WorkspaceID
	secret    []byte
}

// CursorKey returns the key of the workspace, which never changes.
func (w ForWorkspace) CursorKey(ctx context.Context) (CursorKey, error) {
	k := CursorKey{workspace: w.Key}
	err := w.bun.NewSelect().Table("workspaces").Column("id", "cursor_secret").Where("key = ?", w.Key).Scan(ctx, &k.id, &k.secret)
	return k, err
}

// A sealed cursor is the version, then in base32 the number of the event (8 bytes, big endian), its
// check (4) and their MAC (8). The alphabet is in the order of its characters, so that sealed cursors
// of one workspace are, as strings, in the order of the log.
const (
	sealedSize   = 8 + 4 + macSize
	macSize      = 8
	sealedLength = len(cursorVersion) + sealedSize*8/5
)

// Seal returns the opaque form of a position of this workspace.
func (k CursorKey) Seal(c EventCursor) string {
	b := make([]byte, 0, sealedSize)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Seq))
	b = append(b, c.Check[:]...)
	return cursorVersion + cursorEncoding.EncodeToString(append(b, k.mac(b)...))
}

// Open returns the position of an opaque form; the error is ErrBadEventCursor. It also takes the form
// of versions before 1.0, whose workspace the caller checks.
func (k CursorKey) Open(text string) (EventCursor, error) {
	if len(text) != sealedLength || text[:len(cursorVersion)] != cursorVersion {
		return ParseEventCursor(text)
	}
	b, err := cursorEncoding.DecodeString(text[len(cursorVersion):])
	if err != nil || len(b) != sealedSize || !hmac.Equal(b[sealedSize-macSize:], k.mac(b[:sealedSize-macSize])) {
		return EventCursor{}, ErrBadEventCursor
	}
	c := EventCursor{Workspace: k.workspace, Seq: Seq(binary.BigEndian.Uint64(b))}
	copy(c.Check[:], b[8:])
	return c, nil
}

func (k CursorKey) mac(position []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	_, _ = h.Write(k.id.UUID[:])
	_, _ = h.Write(position)
	return h.Sum(nil)[:macSize]
}
