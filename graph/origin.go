package graph

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"switchboard/graph/live"
	"switchboard/service"
)

// Origin is the origin of a web page in the form in which browsers send it, such as
// https://inbox.example: the scheme and the host in lower case, the port unless it is the
// scheme's own, and nothing else.
type Origin string

// UnmarshalText parses an origin and normalizes it to the form that browsers send. An empty text
// is the empty origin.
func (o *Origin) UnmarshalText(text []byte) (err error) {
	if *o = ""; len(text) > 0 {
		*o, err = parseOrigin(string(text))
	}
	return err
}

// Hostname returns the host without its port, and without the brackets of an IPv6 address.
func (o Origin) Hostname() string {
	_, host, _ := strings.Cut(string(o), "://")
	return hostname(host)
}

// parseOrigin returns the normal form of an origin. It returns an error if text is not an origin
// that a browser could send.
func parseOrigin(text string) (Origin, error) {
	u, err := url.Parse(text)
	wrong := ""
	switch {
	case err != nil, u.Scheme == "", u.Host == "":
		wrong = "needs a scheme and a host"
	case u.User != nil:
		wrong = "must not have a user"
	case strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.ForceQuery, strings.Contains(text, "#"):
		wrong = "must end after the host and the port"
	case u.Port() != "" && !isPort(u.Port()):
		wrong = "needs a port from 1 to 65535"
	case strings.ContainsFunc(u.Host, isStrange):
		wrong = "needs one host, as browsers send it: no patterns, and letters other than a to z in the form xn--…"
	}
	if wrong != "" {
		return "", fmt.Errorf("the origin %q %s; write it like https://inbox.example", text, wrong)
	}
	return Origin(u.Scheme + "://" + normalHost(u)), nil
}

// isStrange reports whether a character cannot occur in the host of an origin.
func isStrange(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-._:[]", unicode.ToLower(r))
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0 && text[0] != '0'
}

// schemePorts are the default ports, which browsers omit.
var schemePorts = map[string]string{"http": "80", "https": "443"}

func normalHost(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != schemePorts[u.Scheme] {
		host += ":" + port
	}
	return host
}

// Origins is the policy for the origins and host names of requests. It applies equally to POST,
// GET, sockets and event streams.
type Origins struct {
	Allowed []Origin // allowed in addition to the server's own
	Hosts   []string // allowed names in the Host header, without ports; empty: any
}

// guard refuses requests with another origin or host name with 403.
func (o Origins) guard(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := o.check(r); err != nil {
			log.InfoContext(r.Context(), "a request was refused", "address", addressText(networkOf(r.Context())), "host", r.Host, "origin", r.Header.Get("Origin"), "error", err)
			live.Refuse(w, http.StatusForbidden, stamp(r.Context(), coded(service.Forbidden, "%v", err)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// check returns the reason for which a request is refused, or nil. Programs send no Origin, and are
// allowed. Sandboxed pages and local files send "null", which is never allowed.
func (o Origins) check(r *http.Request) error {
	if len(o.Hosts) > 0 && !slices.Contains(o.Hosts, hostname(r.Host)) {
		return fmt.Errorf("this server is not called %q; call it by its own address, or start it with --public-url", r.Host)
	}
	texts := r.Header.Values("Origin")
	if len(texts) == 0 {
		return nil
	}
	origin, err := parseOrigin(texts[0])
	switch {
	case len(texts) > 1:
		return errors.New("a request has one Origin")
	case err != nil, !slices.Contains(o.Allowed, origin) && origin != own(origin, r.Host):
		return fmt.Errorf("pages of %q may not call this server; --allow-origin lets them", texts[0])
	}
	return nil
}

// own returns the origin of the server's own pages with the scheme of the other origin, because
// the server cannot know whether a proxy terminated TLS.
// It returns "" for schemes other than http and https, which have no servers.
func own(other Origin, host string) Origin {
	scheme, _, _ := strings.Cut(string(other), "://")
	if schemePorts[scheme] == "" {
		return ""
	}
	origin, _ := parseOrigin(scheme + "://" + host)
	return origin
}

// hostname returns the name in a Host header, in lower case and without the port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
