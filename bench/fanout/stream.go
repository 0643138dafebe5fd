package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
)

// A stream finds the marks of events in the WebSocket frames a server sends, and no more
// than that: it is the same for every contender. A frame may be longer than the buffer.
type stream struct {
	buffer     []byte
	start, end int // what of the buffer is read but not looked at
	left       int // bytes to come of the frame whose marks are being looked for
}

// sizes in bytes
const (
	bufferSize = 8 << 10
	smallSize  = 125 // of a frame that holds no event, but perhaps something to be answered
)

// fill reads once.
func (s *stream) fill(r io.Reader) (n int, err error) {
	if s.start > 0 {
		s.end = copy(s.buffer, s.buffer[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buffer) {
		return 0, fmt.Errorf("%d bytes cannot be understood", s.end)
	}
	n, err = r.Read(s.buffer[s.end:])
	s.end += n
	return n, err
}

// scan gives the events and the small frames in what was read. Not more than a part of
// one is left in the buffer.
func (s *stream) scan(events func(event) error, small func(opcode byte, payload []byte) error) error {
	for {
		if s.left > 0 {
			e, found, err := s.mark()
			if err == nil && found {
				err = events(e)
			}
			if err != nil {
				return err
			}
			if !found && s.left > 0 {
				return nil
			}
			continue
		}
		opcode, head, size, ok := s.header()
		switch {
		case !ok:
			return nil
		case size > smallSize:
			s.start += head
			s.left = size
		case s.end-s.start < head+size:
			return nil
		default:
			payload := s.buffer[s.start+head : s.start+head+size]
			s.start += head + size
			if err := small(opcode, payload); err != nil {
				return err
			}
		}
	}
}

// mark takes the next mark out of the present frame, or drops what holds none.
func (s *stream) mark() (e event, found bool, err error) {
	part := s.buffer[s.start:min(s.end, s.start+s.left)]
	whole := len(part) == s.left
	at := bytes.Index(part, []byte(markBegin))
	switch {
	case at < 0 && !whole && bytes.HasSuffix(part, []byte(markBegin[:1])):
		s.skip(len(part) - 1)
		return e, false, nil
	case at < 0:
		s.skip(len(part))
		return e, false, nil
	case len(part)-at < markSize && whole:
		return e, false, fmt.Errorf("%q ends within the mark of an event", part[at:])
	case len(part)-at < markSize:
		s.skip(at)
		return e, false, nil
	}
	e, err = parseMark(part[at : at+markSize])
	s.skip(at + markSize)
	return e, err == nil, err
}

func (s *stream) skip(n int) {
	s.start += n
	s.left -= n
}

func parseMark(mark []byte) (e event, err error) {
	seq, at := mark[len(markBegin):len(markBegin)+10], mark[len(markBegin)+11:]
	if e.seq, err = strconv.ParseInt(string(seq), 10, 64); err == nil {
		e.at, err = strconv.ParseInt(string(at), 10, 64)
	}
	if err != nil {
		return e, fmt.Errorf("%q is no mark of an event", mark)
	}
	return e, nil
}

// header reads that of a frame whose payload is not masked; not ok while it is incomplete.
func (s *stream) header() (opcode byte, head, size int, ok bool) {
	b := s.buffer[s.start:s.end]
	if len(b) < 2 {
		return 0, 0, 0, false
	}
	switch size = int(b[1] & 0x7f); size {
	case 126:
		if head = 4; len(b) >= head {
			size = int(binary.BigEndian.Uint16(b[2:]))
		}
	case 127:
		if head = 10; len(b) >= head {
			size = int(binary.BigEndian.Uint64(b[2:]))
		}
	default:
		head = 2
	}
	return b[0] & 0x0f, head, size, len(b) >= head
}

// first takes one whole frame, reading as often as needed.
func (s *stream) first(r io.Reader) (payload []byte, err error) {
	for {
		if _, head, size, ok := s.header(); ok && s.end-s.start >= head+size {
			payload = s.buffer[s.start+head : s.start+head+size]
			s.start += head + size
			return payload, nil
		}
		if _, err := s.fill(r); err != nil {
			return nil, err
		}
	}
}
