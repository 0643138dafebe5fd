package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
)

// admin is the server for those who operate this one: measures and profiles of the process, apart
// from the address that clients use.
type admin struct {
	*http.Server
	listener net.Listener
}

// newAdmin listens on the admin address; it returns nil if that is empty. Without a host it listens
// on loopback.
func newAdmin(address string, measures, ready http.Handler, log *slog.Logger) (*admin, error) {
	if address == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w; give --admin-addr an address such as 127.0.0.1:9090", address, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	address = net.JoinHostPort(host, port)
	if !isLoopback(address) {
		log.Warn("measures and profiles of this server are served to other machines; let only those who operate it reach them", "admin address", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another --admin-addr", address, err)
	}
	return &admin{
		&http.Server{
			Handler: adminRoutes(measures, ready), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerLimit,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}, listener,
	}, nil
}

func adminRoutes(measures, ready http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", measures)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /healthz", healthy)
	mux.Handle("GET /readyz", ready)
	return secured(mux)
}

// run serves until ctx ends.
func (a *admin) run(ctx context.Context) error {
	if a == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { _ = a.Close() })()
	if err := a.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
