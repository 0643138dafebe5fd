package address

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestClient: the client is the rightmost address that is no trusted proxy, and headers of others
// are ignored.
func TestClient(t *testing.T) {
	t.Parallel()
	proxies := Proxies{}
	for _, text := range []string{"10.0.0.0/8", "192.0.2.7", "fd00::/8"} {
		var p Proxy
		if err := p.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		proxies = append(proxies, p)
	}
	for name, c := range map[string]struct {
		peer    string
		headers []string
		want    string
	}{
		"no header":                    {"10.0.0.1:1", nil, "10.0.0.1:1"},
		"from outside":                 {"203.0.113.5:1", []string{"X-Forwarded-For", "198.51.100.1"}, "203.0.113.5:1"},
		"from outside, Forwarded":      {"203.0.113.5:1", []string{"Forwarded", "for=198.51.100.1"}, "203.0.113.5:1"},
		"one hop":                      {"10.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.1"}, "198.51.100.1:0"},
		"invented on the left":         {"10.0.0.1:1", []string{"X-Forwarded-For", "8.8.8.8, 198.51.100.1, 192.0.2.7"}, "198.51.100.1:0"},
		"several headers":              {"10.0.0.1:1", []string{"X-Forwarded-For", "8.8.8.8", "X-Forwarded-For", "198.51.100.1"}, "198.51.100.1:0"},
		"proxies only":                 {"10.0.0.1:1", []string{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}, "10.0.0.3:0"},
		"with a port":                  {"10.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.1:4711"}, "198.51.100.1:0"},
		"nonsense behind the proxy":    {"10.0.0.1:1", []string{"X-Forwarded-For", "8.8.8.8, nonsense, 10.0.0.2"}, "10.0.0.2:0"},
		"mapped":                       {"[::ffff:10.0.0.1]:1", []string{"X-Forwarded-For", "::ffff:198.51.100.1"}, "198.51.100.1:0"},
		"IPv6":                         {"[fd00::1]:1", []string{"X-Forwarded-For", "2001:db8::1"}, "[2001:db8::1]:0"},
		"Forwarded":                    {"10.0.0.1:1", []string{"Forwarded", `for=8.8.8.8, For="[2001:db8::1]:4711";proto=https;by=10.0.0.1`}, "[2001:db8::1]:0"},
		"Forwarded with quoted commas": {"10.0.0.1:1", []string{"Forwarded", `for=198.51.100.1;host="a,for=8.8.8.8"`}, "198.51.100.1:0"},
		"Forwarded, hidden":            {"10.0.0.1:1", []string{"Forwarded", "for=8.8.8.8, for=_hidden"}, "10.0.0.1:1"},
		"both alike":                   {"10.0.0.1:1", []string{"Forwarded", "for=198.51.100.1", "X-Forwarded-For", "198.51.100.1"}, "198.51.100.1:0"},
		"both, one invented":           {"10.0.0.1:1", []string{"Forwarded", "for=8.8.8.8", "X-Forwarded-For", "198.51.100.1"}, "10.0.0.1:1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		got := ""
		proxies.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(nil, r)
		if got != c.want {
			t.Errorf("%s: the client is %s, not %s", name, got, c.want)
		}
		if r.RemoteAddr != c.peer {
			t.Errorf("%s: the caller's request was changed", name)
		}
	}
	for _, text := range []string{"", "proxy.example", "10.0.0.0/33", "10.0.0"} {
		if err := new(Proxy).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as a network", text)
		}
	}
}

// TestNetwork: all addresses of one IPv6 subscriber are one network.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"198.51.100.1:80": "198.51.100.1/32", "[::ffff:198.51.100.1]:80": "198.51.100.1/32",
		"[2001:db8::1]:80": "2001:db8::/64", "[2001:db8::ffff:1]:80": "2001:db8::/64", "[2001:db8:0:1::1%eth0]:80": "2001:db8:0:1::/64", "@": "invalid Prefix",
	} {
		if got := Network(&http.Request{RemoteAddr: remote}).String(); got != want {
			t.Errorf("the network of %s is %s, not %s", remote, got, want)
		}
	}
}
