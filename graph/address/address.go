// Package address determines from which network address a request comes. Limits per address and
// lines of the log rely on it.
package address

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxy is a network of reverse proxies that name the client of a request.
type Proxy netip.Prefix

// UnmarshalText parses a network such as 10.0.0.0/8, or a single address.
func (p *Proxy) UnmarshalText(text []byte) error {
	if address, err := netip.ParseAddr(string(text)); err == nil {
		address = address.Unmap().WithZone("")
		*p = Proxy(netip.PrefixFrom(address, address.BitLen()))
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a network nor an address; write it like 10.0.0.0/8 or 10.0.0.7", text)
	}
	*p = Proxy(prefix.Masked())
	return nil
}

// Proxies are the networks whose headers are trusted.
type Proxies []Proxy

func (ps Proxies) trust(address netip.Addr) bool {
	for _, p := range ps {
		if netip.Prefix(p).Contains(address) {
			return true
		}
	}
	return false
}

// Handler replaces the RemoteAddr of requests from trusted proxies with the address of the client
// that the proxies name. Other senders could name any address, so their headers are ignored.
func (ps Proxies) Handler(next http.Handler) http.Handler {
	if len(ps) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := parse(r.RemoteAddr)
		if client := ps.client(peer, r.Header); client != peer {
			r = r.WithContext(r.Context()) // a copy
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// client returns the address of the client. If both headers are there and differ, a proxy that
// writes one of them has let the client's other one pass, so neither is used.
func (ps Proxies) client(peer netip.Addr, header http.Header) netip.Addr {
	forwarded := forwardedFor(header.Values("Forwarded"))
	hops := split(header.Values("X-Forwarded-For"), ',')
	switch {
	case len(forwarded) == 0:
		return ps.nearest(peer, hops)
	case len(hops) == 0 || ps.nearest(peer, hops) == ps.nearest(peer, forwarded):
		return ps.nearest(peer, forwarded)
	}
	return peer
}

// nearest returns the rightmost address that does not belong to a trusted proxy. Each proxy adds
// the address of its peer on the right; what is further left may be invented by the client.
func (ps Proxies) nearest(peer netip.Addr, hops []string) netip.Addr {
	for i := len(hops) - 1; i >= 0 && ps.trust(peer); i-- {
		hop := parse(hops[i])
		if !hop.IsValid() {
			break
		}
		peer = hop
	}
	return peer
}

// forwardedFor returns the values of "for" in Forwarded headers (RFC 7239), one for each hop.
func forwardedFor(headers []string) (hops []string) {
	for _, element := range split(headers, ',') {
		hop := "unknown"
		for _, pair := range split([]string{element}, ';') {
			name, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.TrimSpace(name), "for") {
				hop = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// split splits headers at a separator outside of quotation marks, and leaves out what is empty.
func split(headers []string, separator rune) (parts []string) {
	quoted := false
	for _, part := range strings.FieldsFunc(strings.Join(headers, string(separator)), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == separator && !quoted
	}) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// parse returns the address in a text with or without a port, or the zero address.
func parse(text string) netip.Addr {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone("")
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// networkBits is how many bits of an IPv6 address belong to one subscriber, who can use all
// addresses within.
const networkBits = 64

// Network returns what limits per address count together: the IPv4 address of a request, or the /64
// network of its IPv6 address. It is the zero value for connections without an address, such as
// those of a unix socket.
func Network(r *http.Request) netip.Prefix {
	address := parse(r.RemoteAddr)
	if !address.IsValid() {
		return netip.Prefix{}
	}
	network, _ := address.Prefix(min(networkBits, address.BitLen())) // fails for invalid addresses only
	return network
}
