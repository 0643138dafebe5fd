//go:build !unix

package embedded

import (
	"context"
	"errors"
)

// A Server is this process's use of the PostgreSQL of a data folder.
type Server struct{}

// Start always fails, because this system is not supported.
func Start(context.Context, Options) (*Server, error) {
	return nil, errors.New("Switchboard cannot run PostgreSQL itself on this system: install PostgreSQL 15 or newer and pass its address, such as --database-url postgres://user:password@127.0.0.1/switchboard")
}

// URL returns an empty string.
func (s *Server) URL(database string) string { return "" }

// Close does nothing.
func (s *Server) Close() error { return nil }

// Secret always fails, because there are no data folders on this system.
func Secret(dir, name string) ([]byte, error) { return nil, errors.ErrUnsupported }
