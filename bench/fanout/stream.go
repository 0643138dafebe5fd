package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
)

// A stream finds the marks of events in the WebSocket frames of a server, and parses nothing else,
// so that it costs the same for every contender. A frame may be longer than the buffer.
type stream struct {
	buffer     []byte
	start, end int // the part of the buffer that is not scanned yet
	left       int // bytes missing of the frame being scanned
}

// Sizes in bytes.
const (
	bufferSize = 8 << 10
	smallSize  = 125 // of a frame without an event that may need an answer
)

// fill reads once.
func (s *stream) fill(r io.Reader) (n int, err error) {
	if s.start > 0 {
		s.end = copy(s.buffer, s.buffer[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buffer) {
		return 0, fmt.Errorf("cannot parse %d bytes of frames", s.end)
	}
	n, err = r.Read(s.buffer[s.end:])
	s.end += n
	return n, err
}

// scan calls events for each event and small for each small frame in the buffer. At most a part of
// one remains there.
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

// mark returns the next mark of the frame being scanned, or drops the part without one.
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
		return e, fmt.Errorf("invalid mark of an event: %q", mark)
	}
	return e, nil
}

// header returns the header of an unmasked frame; ok is false if it is incomplete.
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

// first returns one whole frame, and reads as often as needed.
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
