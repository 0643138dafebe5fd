// Package apitoken has the form of API tokens: a prefix, 32 random bytes and their checksum, so that
// scanners for leaked secrets can recognise them.
package apitoken

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// The prefixes of tokens.
const (
	API         = "swb_"
	Development = "swbdev_"
)

const size = 32 // bytes without the checksum

var encoding = base64.RawURLEncoding.Strict()

// New returns a new API token.
func New() string {
	random := make([]byte, size)
	_, _ = rand.Read(random) // never returns an error
	return Of(API, random)
}

// Of returns the token with a prefix and these 32 bytes.
func Of(prefix string, bytes []byte) string {
	return prefix + encoding.EncodeToString(binary.BigEndian.AppendUint32(bytes, crc32.ChecksumIEEE(bytes)))
}

// IsWellFormed reports whether a text can be a token.
func IsWellFormed(token string) bool {
	text, ok := strings.CutPrefix(token, API)
	if !ok {
		text, ok = strings.CutPrefix(token, Development)
	}
	if !ok || len(text) != encoding.EncodedLen(size+4) {
		return false
	}
	b, err := encoding.DecodeString(text)
	// The decoder ignores line breaks, so the length of the text does not imply that of b.
	return err == nil && len(b) == size+4 && crc32.ChecksumIEEE(b[:size]) == binary.BigEndian.Uint32(b[size:])
}

// A Digest is the hash of a token, which is all that the database stores of it.
type Digest [sha256.Size]byte

// DigestOf returns the hash of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }
