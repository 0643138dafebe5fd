package graph

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"switchboard/service"
)

// workspaceHeader is the header in which a caller names the workspace it wants.
const workspaceHeader = "X-Switchboard-Workspace"

// credentialOf returns what the headers of a request present. The error is UNAUTHENTICATED.
func credentialOf(r *http.Request) (c service.Credential, err error) {
	if chosen := r.Header.Values(workspaceHeader); len(chosen) > 1 {
		return c, unauthenticated("send one " + workspaceHeader + " header, not several")
	}
	c = service.Credential{Workspace: r.Header.Get(workspaceHeader), Address: addressOf(r.Context()), Local: isLocal(r)}
	c.Token, err = bearerOf(r)
	return c, err
}

// proxyHeaders are headers that proxies add to a request.
var proxyHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// isLocal reports whether a request was sent by a program or browser on this machine, to a name of
// this machine, and without a proxy that is known as one by its headers.
func isLocal(r *http.Request) bool {
	for _, name := range proxyHeaders {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	return isLoopback(hostname(r.RemoteAddr)) && isLoopback(hostname(r.Host))
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

// tokenLimit is the largest size of a token in bytes; a longer one is refused without a look-up.
const tokenLimit = 8 << 10

// bearerOf returns the token of a request's Authorization header (RFC 6750), or "" without one.
// The error is UNAUTHENTICATED.
func bearerOf(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", unauthenticated("send one Authorization header, not several")
	}
	return bearer(strings.Join(headers, ""))
}

// credentialIn returns what the payload of a connection_init presents, to which r was upgraded. The
// error is UNAUTHENTICATED.
func credentialIn(r *http.Request, payload map[string]any) (c service.Credential, err error) {
	chosen, isGiven := payload["workspace"]
	text, isText := chosen.(string)
	if isGiven && !isText {
		return c, unauthenticated("the workspace in connection_init must be a string")
	}
	c = service.Credential{Workspace: text, Address: addressOf(r.Context()), Local: isLocal(r)}
	c.Token, err = tokenIn(payload)
	return c, err
}

// tokenIn returns the token in the payload of a message, which must be
// {"authorization": "Bearer …"} or {"token": …} with keys in exactly this spelling. The error is
// UNAUTHENTICATED.
func tokenIn(payload map[string]any) (string, error) {
	header, hasHeader := payload["authorization"]
	token, hasToken := payload["token"]
	switch header, isText := header.(string); {
	case hasHeader && hasToken:
		return "", unauthenticated("send one credential in connection_init, not both authorization and token")
	case hasHeader && isText:
		return bearer(header)
	}
	switch token, isText := token.(string); {
	case hasToken && isText:
		return bounded(token)
	case hasToken, hasHeader:
		return "", unauthenticated("the credential in connection_init must be a string")
	}
	if key, lower, ok := credentialKey(payload); ok {
		return "", unauthenticated(fmt.Sprintf("connection_init has the key %s: write it as %s", key, lower))
	}
	return "", unauthenticated(`connection_init needs {"authorization": "Bearer <token>"} or {"token": "<token>"}`)
}

// presents reports whether the payload of a ping holds a credential, even one whose key is
// misspelt: it must not be sent back.
func presents(payload map[string]any) bool {
	_, _, ok := credentialKey(payload)
	return ok
}

// credentialKey returns a key of a payload that names a credential in any spelling, and the right
// spelling.
func credentialKey(payload map[string]any) (key, spelling string, ok bool) {
	for key := range payload {
		if lower := strings.ToLower(key); lower == "authorization" || lower == "token" {
			return key, lower, true
		}
	}
	return "", "", false
}

// bearer returns the token in the value of an Authorization header.
func bearer(header string) (string, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return bounded(strings.TrimSpace(token))
}

func bounded(token string) (string, error) {
	if len(token) > tokenLimit {
		return "", unauthenticated("the token is too long to be one")
	}
	return token, nil
}

func unauthenticated(message string) error {
	return &service.Error{Code: service.Unauthenticated, Message: message}
}
