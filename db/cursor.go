package db

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strconv"
)

// ErrBadCursor says that a text is no cursor, or a cursor of another list or workspace.
var ErrBadCursor = errors.New("not a valid cursor")

// EventCursor names a place in one workspace's log: right after the event with this
// number. Check is taken from that event's id, so that a number which was issued
// again after a restore or a failover is noticed.
type EventCursor struct {
	Workspace WorkspaceKey
	Seq       Seq
	Check     [4]byte
}

const cursorSize = 8 + 8 + 4 + 4 // workspace, seq, check, CRC of these

var cursorEncoding = base64.RawURLEncoding.Strict()

// cursorAfter returns the place right after an event; a zero event is the beginning of the log.
func cursorAfter(workspace WorkspaceKey, seq Seq, event EventID) EventCursor {
	c := EventCursor{Workspace: workspace, Seq: seq}
	copy(c.Check[:], event.UUID[12:]) // the random end of a UUIDv7
	return c
}

// String returns the opaque form that clients see.
func (c EventCursor) String() string {
	b := make([]byte, 0, cursorSize)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Workspace))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Seq))
	b = append(b, c.Check[:]...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return cursorEncoding.EncodeToString(b)
}

// ParseEventCursor reads the opaque form; the error is ErrBadCursor.
func ParseEventCursor(text string) (EventCursor, error) {
	b, err := cursorEncoding.DecodeString(text) // which passes over line breaks
	if err != nil || len(b) != cursorSize || len(text) != cursorEncoding.EncodedLen(cursorSize) || crc32.ChecksumIEEE(b[:20]) != binary.BigEndian.Uint32(b[20:]) {
		return EventCursor{}, ErrBadCursor
	}
	c := EventCursor{Workspace: WorkspaceKey(binary.BigEndian.Uint64(b)), Seq: Seq(binary.BigEndian.Uint64(b[8:]))}
	copy(c.Check[:], b[16:])
	if c.Seq < 0 {
		return EventCursor{}, ErrBadCursor
	}
	return c, nil
}

// MarshalGQL writes the opaque form as a JSON string.
func (c EventCursor) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(c.String())) }

// UnmarshalGQL reads the opaque form; the error is ErrBadCursor.
func (c *EventCursor) UnmarshalGQL(v any) (err error) {
	text, ok := v.(string)
	if !ok {
		return ErrBadCursor
	}
	*c, err = ParseEventCursor(text)
	return err
}
