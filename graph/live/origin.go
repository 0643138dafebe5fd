package live

import (
	"net/http"
	"net/url"
)

// SameHost allows pages of this very host, and clients that are no browsers and send no Origin. The Origin of
// a sandboxed page or a file is "null", which is nobody's host.
func SameHost(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	origin, err := url.Parse(origins[0])
	return err == nil && (origin.Scheme == "http" || origin.Scheme == "https") &&
		origin.User == nil && origin.Host != "" && origin.Host == r.Host
}
