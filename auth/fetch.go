package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

const (
	fetchTime  = 5 * time.Second // for the documents of an issuer
	fetchLimit = 1 << 20         // bytes of such a document
	keyLimit   = 100             // keys of an issuer
)

// checkAddress refuses an address from which nothing is read: any but https, or http on this
// machine.
func checkAddress(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || strings.ContainsAny(u.Host, "*,;'") || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q is not an address such as https://login.example", text)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q must begin with https://: over http anyone on the way could exchange the keys", text)
}

// isLoopback reports whether a host name or address is that of this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// reader reads documents of issuers, as a part of the trace in which they are needed.
var reader = &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport), Timeout: fetchTime, CheckRedirect: func(r *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case r.URL.Scheme != first.Scheme || r.URL.Host != first.Host:
		return fmt.Errorf("it redirects to another host, %s", r.URL.Host)
	case len(via) > 5:
		return errors.New("it redirects too often")
	}
	return nil
}}

// get reads a JSON document.
func get(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	response, err := reader.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, fetchLimit+1))
	switch {
	case err != nil:
		return err
	case len(text) > fetchLimit:
		return fmt.Errorf("%s answers with more than %d KiB", address, fetchLimit>>10)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answers with something other than was expected: %w", address, err)
	}
	return nil
}

// discover reads the addresses of an issuer from its configuration (OpenID Connect Discovery 1.0,
// section 4), then its keys.
func (i *issuer) discover(ctx context.Context) ([]*key, error) {
	var configuration struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
		endpoints
	}
	issuer := i.options.URL
	err := get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &configuration)
	if err != nil {
		return nil, err
	}
	if configuration.Issuer != issuer {
		return nil, fmt.Errorf("the configuration of %s names another issuer, %q", issuer, configuration.Issuer)
	}
	if err := checkAddress(configuration.JWKS); err != nil {
		return nil, fmt.Errorf("the configuration of %s has the wrong jwks_uri: %w", issuer, err)
	}
	keys, err := readKeys(ctx, configuration.JWKS)
	if err == nil {
		i.endpoints.Store(&configuration.endpoints)
	}
	return keys, err
}

// readKeys reads a JSON Web Key Set. Keys that do not verify signatures are left out.
func readKeys(ctx context.Context, address string) ([]*key, error) {
	var set struct{ Keys []json.RawMessage }
	if err := get(ctx, address, &set); err != nil {
		return nil, err
	}
	switch {
	case set.Keys == nil:
		return nil, fmt.Errorf("%s answers without keys", address)
	case len(set.Keys) > keyLimit:
		return nil, fmt.Errorf("%s has %d keys: at most %d are read", address, len(set.Keys), keyLimit)
	}
	keys := []*key{} // an empty set is one from which all keys were withdrawn
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil { // of a kind that is not known here
			continue
		}
		if one := newKey(k); one != nil {
			keys = append(keys, one)
		}
	}
	return keys, nil
}
