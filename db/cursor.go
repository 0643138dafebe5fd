package db

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
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

var cursorEncoding = base64.RawURLEncoding.Strict()

// cursorAfter returns the position right after an event. A zero event stands for the beginning of
// the log.
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

// ParseEventCursor decodes the opaque form; the error is ErrBadEventCursor.
func ParseEventCursor(text string) (EventCursor, error) {
	b, err := cursorEncoding.DecodeString(text) // ignores line breaks, so the length is checked
	if err != nil || len(b) != cursorSize || len(text) != cursorEncoding.EncodedLen(cursorSize) || crc32.ChecksumIEEE(b[:20]) != binary.BigEndian.Uint32(b[20:]) {
		return EventCursor{}, ErrBadEventCursor
	}
	c := EventCursor{Workspace: WorkspaceKey(binary.BigEndian.Uint64(b)), Seq: Seq(binary.BigEndian.Uint64(b[8:]))}
	copy(c.Check[:], b[16:])
	if c.Seq < 0 {
		return EventCursor{}, ErrBadEventCursor
	}
	return c, nil
}

// MarshalGQL writes the opaque form as a JSON string.
func (c EventCursor) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(c.String())) }

// UnmarshalGQL reads the opaque form; the error is ErrBadEventCursor.
func (c *EventCursor) UnmarshalGQL(v any) (err error) {
	text, ok := v.(string)
	if !ok {
		return ErrBadEventCursor
	}
	*c, err = ParseEventCursor(text)
	return err
}
