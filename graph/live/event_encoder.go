package live

import "cmp"

// eventEncoder encodes frames as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html) in the form of
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md: with the operation's id in
// single connection mode, without it in distinct connections mode. Payloads are JSON on one line.
type eventEncoder struct{}

func (e eventEncoder) appendFrame(dst []byte, id string, f frame) []byte {
	switch f.kind {
	case kindPing:
		dst = append(append(dst, ": "...), cmp.Or(string(f.payload), "ping")...)
		return append(dst, "\n\n"...)
	case kindNext:
		return e.appendNext(dst, id, "", f.payload, "")
	case kindError:
		return e.appendComplete(e.appendNext(dst, id, `{"errors":`, f.payload, "}"), id)
	case kindComplete:
		return e.appendComplete(dst, id)
	}
	// A close frame has no bytes here: clients reconnect after an end without a complete.
	return dst
}

func (eventEncoder) appendNext(dst []byte, id, before string, payload []byte, after string) []byte {
	dst = append(dst, "event: next\ndata: "...)
	if id != "" {
		dst = append(append(append(dst, `{"id":`...), id...), `,"payload":`...)
	}
	dst = append(append(append(dst, before...), payload...), after...)
	if id != "" {
		dst = append(dst, '}')
	}
	return append(dst, "\n\n"...)
}

// appendComplete always appends a data field, because browsers do not dispatch an event without
// one.
func (eventEncoder) appendComplete(dst []byte, id string) []byte {
	dst = append(dst, "event: complete\ndata:"...)
	if id != "" {
		dst = append(append(append(dst, ` {"id":`...), id...), '}')
	}
	return append(dst, "\n\n"...)
}
