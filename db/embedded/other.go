//go:build !unix

package embedded

import (
	"context"
	"errors"
)

// Server is this process's share in the PostgreSQL of a data folder.
type Server struct{}

// Start always fails: on this system PostgreSQL has to be set up by hand.
func Start(context.Context, Options) (*Server, error) {
	return nil, errors.New("on this system Switchboard does not run PostgreSQL by itself: install PostgreSQL and set DATABASE_URL to it")
}

// URL is empty: there is no server.
func (s *Server) URL(database string) string { return "" }

// Close does nothing: there is no server.
func (s *Server) Close() error { return nil }
