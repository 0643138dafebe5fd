package graph

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"switchboard/graph/live"
)

const (
	compressFrom = 1 << 10 // bytes of an answer from which on it is compressed

	// compressJitter hides the exact size of an answer, from which somebody who can choose a part of
	// it could guess the rest (https://www.breachattack.com).
	compressJitter = 32 // bytes
)

// compressed compresses long answers to queries and mutations for clients that accept it. Sockets
// and event streams take over their connection and are left alone.
func compressed(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed),
		gzhttp.RandomJitter(compressJitter, 0, false), gzhttp.EnableZstd(false))
	if err != nil {
		panic(err) // the options are constants
	}
	compressing := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(live.HTTP{}).Supports(r) || (&live.EventStream{}).Supports(r) {
			next.ServeHTTP(w, r)
			return
		}
		compressing.ServeHTTP(w, r)
	})
}
