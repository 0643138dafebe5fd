package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// An API token is a prefix, 32 random bytes and their checksum, so that scanners for
// leaked secrets can tell it from anything else.
const (
	apiPrefix         = "swb_"
	developmentPrefix = "swbdev_"
	secretSize        = 32
)

var encoding = base64.RawURLEncoding.Strict()

// newSecret makes the secret of a new API token.
func newSecret() string {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	return withChecksum(apiPrefix, secret)
}

func withChecksum(prefix string, secret []byte) string {
	return prefix + encoding.EncodeToString(binary.BigEndian.AppendUint32(secret, crc32.ChecksumIEEE(secret)))
}

// wellFormed says whether a text can be a token at all, without asking the database.
func wellFormed(token string) bool {
	text, ok := strings.CutPrefix(token, apiPrefix)
	if !ok {
		text, ok = strings.CutPrefix(token, developmentPrefix)
	}
	if !ok || len(text) != encoding.EncodedLen(secretSize+4) {
		return false
	}
	b, err := encoding.DecodeString(text)
	// The decoder passes over line breaks, so the text's length says little about b's.
	return err == nil && len(b) == secretSize+4 && crc32.ChecksumIEEE(b[:secretSize]) == binary.BigEndian.Uint32(b[secretSize:])
}

// digest is what the database keeps of a token.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }
