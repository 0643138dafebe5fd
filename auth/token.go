package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// An API token consists of a prefix, 32 random bytes and their checksum, so that scanners for
// leaked secrets can recognise it.
const (
	apiPrefix         = "swb_"
	developmentPrefix = "swbdev_"
	secretSize        = 32
)

var encoding = base64.RawURLEncoding.Strict()

// newSecret returns the secret of a new API token.
func newSecret() string {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never returns an error
	return withChecksum(apiPrefix, secret)
}

func withChecksum(prefix string, secret []byte) string {
	return prefix + encoding.EncodeToString(binary.BigEndian.AppendUint32(secret, crc32.ChecksumIEEE(secret)))
}

// wellFormed reports whether a text can be a token, without a statement to the database.
func wellFormed(token string) bool {
	text, ok := strings.CutPrefix(token, apiPrefix)
	if !ok {
		text, ok = strings.CutPrefix(token, developmentPrefix)
	}
	if !ok || len(text) != encoding.EncodedLen(secretSize+4) {
		return false
	}
	b, err := encoding.DecodeString(text)
	// The decoder ignores line breaks, so the length of the text does not imply that of b.
	return err == nil && len(b) == secretSize+4 && crc32.ChecksumIEEE(b[:secretSize]) == binary.BigEndian.Uint32(b[secretSize:])
}

// A digest is the hash of a token that the database stores.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }
