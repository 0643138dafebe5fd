package db

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// ErrBadCursor means that a text is not a cursor, or is a cursor of another list or workspace.
var ErrBadCursor = errors.New("not a valid cursor")

// ErrBadEventCursor is the ErrBadCursor of a position in the log.
var ErrBadEventCursor = fmt.Errorf("%w of the log", ErrBadCursor)

// EventCursor is a position in one workspace's log: right after the event with this number. Check
// is the end of that event's id. It reveals a number that was issued again after a restore or a
// failover.
type EventCursor struct {
	Workspace WorkspaceKey
	Seq       Seq
	Check     [4]byte
}

const cursorSize = 8 + 8 + 4 + 4 // workspace, seq, check, CRC of these

// The opaque form is "1" and the bytes in base32hex: as texts, the cursors of a workspace have the
// order of the log. Cursors of the form before that, in base64, are still read.
const cursorVersion = "1"

var (
	cursorEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
	legacyEncoding = base64.RawURLEncoding.Strict()
)

// cursorAfter returns the position right after an event. A zero event stands for the beginning of
// the log.
func cursorAfter(workspace WorkspaceKey, seq Seq, event EventID) EventCursor {
	c := EventCursor{Workspace: workspace, Seq: seq}
	copy(c.Check[:], event.UUID[12:]) // the random end of a UUIDv7
	return c
}

// String returns the form that clients saw before 1.0. Now they see that of CursorKey.Seal.
func (c EventCursor) String() string {
	b := make([]byte, 0, cursorSize)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Workspace))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Seq))
	b = append(b, c.Check[:]...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return cursorVersion + cursorEncoding.EncodeToString(b)
}

// ParseEventCursor decodes the form of String; the error is ErrBadEventCursor.
func ParseEventCursor(text string) (EventCursor, error) {
	b, err := decodeCursor(text)
	if err != nil || len(b) != cursorSize || crc32.ChecksumIEEE(b[:20]) != binary.BigEndian.Uint32(b[20:]) {
		return EventCursor{}, ErrBadEventCursor
	}
	c := EventCursor{Workspace: WorkspaceKey(binary.BigEndian.Uint64(b)), Seq: Seq(binary.BigEndian.Uint64(b[8:]))}
	copy(c.Check[:], b[16:])
	if c.Seq < 0 {
		return EventCursor{}, ErrBadEventCursor
	}
	return c, nil
}

// decodeCursor returns the bytes of either form. The decoders ignore line breaks, so lengths are
// checked.
func decodeCursor(text string) ([]byte, error) {
	switch len(text) {
	case len(cursorVersion) + cursorEncoding.EncodedLen(cursorSize):
		b, err := cursorEncoding.DecodeString(strings.TrimPrefix(text, cursorVersion))
		if err != nil || cursorVersion+cursorEncoding.EncodeToString(b) != text { // the last character has unused bits
			return nil, ErrBadEventCursor
		}
		return b, nil
	case legacyEncoding.EncodedLen(cursorSize):
		return legacyEncoding.DecodeString(text)
	}
	return nil, ErrBadEventCursor
}
