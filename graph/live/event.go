package live

import "cmp"

// events are frames as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) in the
// form of https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md: with the operation's id in single
// connection mode, without in distinct connections mode. Payloads are JSON of one line.
type events struct{}

func (e events) add(dst []byte, id string, f frame) []byte {
	switch f.kind {
	case ping:
		dst = append(append(dst, ": "...), cmp.Or(string(f.payload), "ping")...)
		return append(dst, "\n\n"...)
	case next:
		return e.next(dst, id, "", f.payload, "")
	case problem:
		return e.complete(e.next(dst, id, `{"errors":`, f.payload, "}"), id)
	case complete:
		return e.complete(dst, id)
	}
	return dst // the goodbye is the end without a complete: clients take it for a broken connection, and come back
}

func (events) next(dst []byte, id, before string, payload []byte, after string) []byte {
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

// complete has data in any case, else browsers would not tell of it.
func (events) complete(dst []byte, id string) []byte {
	dst = append(dst, "event: complete\ndata:"...)
	if id != "" {
		dst = append(append(append(dst, ` {"id":`...), id...), '}')
	}
	return append(dst, "\n\n"...)
}
