package db

import (
	"crypto/tls"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Unencrypted returns the host of a PostgreSQL URL to which a connection may be opened without
// encryption over a network, or "" if there is none.
func Unencrypted(url string) (host string, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "", badURL(err)
	}
	if isUnencrypted(config.Host, config.TLSConfig) {
		return config.Host, nil
	}
	for _, other := range config.Fallbacks {
		if isUnencrypted(other.Host, other.TLSConfig) {
			return other.Host, nil
		}
	}
	return "", nil
}

func isUnencrypted(host string, encryption *tls.Config) bool {
	isSocket := strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@")
	return encryption == nil && !isSocket && !IsLoopback(host)
}

// IsLoopback reports whether a host, without a port, is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
