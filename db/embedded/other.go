//go:build !unix

package embedded

import (
	"context"
	"errors"
)

// Server is this process's share in the PostgreSQL of a data folder.
type Server struct{}

// Start always fails: on this system PostgreSQL is installed by its user.
func Start(context.Context, Options) (*Server, error) {
	return nil, errors.New("Switchboard cannot run PostgreSQL itself on this system: install PostgreSQL 15 or newer and pass its address, such as --database-url postgres://user:password@127.0.0.1/switchboard")
}

// URL is empty: there is no server.
func (s *Server) URL(database string) string { return "" }

// Close does nothing: there is no server.
func (s *Server) Close() error { return nil }
