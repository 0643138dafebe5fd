package auth

import (
	"encoding/base64"
	"strings"

	"switchboard/service/apitoken"
)

var encoding = base64.RawURLEncoding.Strict()

// isDevelopment reports whether a token has the form of a development token.
func isDevelopment(token string) bool { return strings.HasPrefix(token, apitoken.Development) }

// A digest is the hash of a token that the database stores.
type digest = apitoken.Digest

func digestOf(token string) digest { return apitoken.DigestOf(token) }
