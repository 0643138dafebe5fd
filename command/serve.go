package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/graph"
	"switchboard/service/demo"
	"switchboard/web"
)

// serve runs the server.
type serve struct {
	Addr         string         `env:"SWITCHBOARD_ADDR" default:"127.0.0.1:8080" help:"Address to listen on."`
	Demo         *bool          `env:"SWITCHBOARD_DEMO" negatable:"" help:"Make a workspace with invented data. Default: for a fresh embedded database."`
	Playground   *bool          `env:"SWITCHBOARD_PLAYGROUND" negatable:"" help:"Serve the playground and allow introspection. Default: with the embedded database only."`
	AllowOrigins []graph.Origin `name:"allow-origin" env:"SWITCHBOARD_ALLOW_ORIGIN" placeholder:"URL" help:"Origin of a frontend served from elsewhere, such as https://inbox.example; may be repeated."`
	PublicURL    graph.Origin   `name:"public-url" env:"SWITCHBOARD_PUBLIC_URL" placeholder:"URL" help:"Where browsers find this server, such as https://desk.example; once it is given, requests by another name than that of this or of an allowed origin are refused."`
}

const (
	drainTime   = 10 * time.Second // for open requests and sockets at the end
	requestTime = 6 * time.Second  // after which requests of that time are given up, as when the database is silent
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second
	idleTime    = time.Minute

	headerLimit = 16 << 10 // bytes of the headers and the URL
)

// Run serves until a signal comes, then lets everybody go in order.
func (s serve) Run(ctx context.Context, c *console, d *database) error {
	surviveBrokenPipes()
	production := d.URL != ""
	if _, _, err := net.SplitHostPort(s.Addr); err != nil {
		return fmt.Errorf("cannot listen on %q: %w; give --addr an address such as 127.0.0.1:8080", s.Addr, err)
	}
	if !production && !isLoopback(s.Addr) {
		return fmt.Errorf("the embedded database comes with development tokens and is served on loopback only, not on %s; set DATABASE_URL to serve others, or leave --addr out", s.Addr)
	}
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another --addr", s.Addr, err)
	}
	defer func() { _ = listener.Close() }()
	h, err := d.open(ctx, c, true)
	if err != nil {
		return err
	}
	defer h.close()
	a := announcement{address: listener.Addr().String(), playground: given(s.Playground, !production)}
	err = h.alone(ctx, c, func() (err error) {
		if err = s.makeDemo(ctx, c, h); err == nil {
			a.developers, err = developers(ctx, h)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.serve(ctx, c, h, listener, a)
}

// given is a flag's value, or what it is when left out.
func given(flag *bool, otherwise bool) bool {
	if flag == nil {
		return otherwise
	}
	return *flag
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || (ip != nil && ip.IsLoopback()))
}

// serve answers requests while the background work runs, and ends both in order.
func (s serve) serve(ctx context.Context, c *console, h *house, listener net.Listener, a announcement) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()

	api := graph.NewHandler(graph.Options{
		Service: h.service, Auth: h.auth, Origins: s.origins(h), Introspection: a.playground, Log: c.log,
	})
	for _, work := range []func(context.Context){h.feed.Run, h.auth.Run, h.service.Maintain, h.service.RunWorkflows, api.Shed} {
		running.Go(func() { work(background) })
	}
	requests, giveUp := context.WithCancel(background)
	defer giveUp()
	server := &http.Server{
		Handler: routes(ctx, h, api, a.playground), ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerLimit,
		BaseContext:    func(net.Listener) context.Context { return requests },
		ErrorLog:       slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := a.print(c); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	c.log.Info("stopping: letting clients reconnect elsewhere")
	draining, cancel := context.WithTimeout(background, drainTime)
	defer cancel()
	defer time.AfterFunc(requestTime, giveUp).Stop()
	return errors.Join(api.Drain(draining), server.Shutdown(draining))
}

// origins decide who may call. A name of another site must not lead to the embedded database,
// whose development tokens are for this machine only.
func (s serve) origins(h *house) graph.Origins {
	o := graph.Origins{Allowed: s.AllowOrigins}
	if h.embedded != nil {
		host, _, _ := net.SplitHostPort(s.Addr) // Run has checked it
		o.Hosts = []string{"localhost", "127.0.0.1", "::1", host}
	}
	if s.PublicURL != "" {
		o.Allowed = append(slices.Clone(o.Allowed), s.PublicURL)
		for _, allowed := range o.Allowed {
			o.Hosts = append(o.Hosts, allowed.Hostname())
		}
	}
	return o
}

// routes are all paths of the server. Readiness ends as soon as the server is to stop,
// so that a load balancer looks elsewhere.
func routes(ctx context.Context, h *house, api http.Handler, playground bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", api)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := h.service.Ready(r.Context()); err != nil || ctx.Err() != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	if playground {
		mux.Handle("/playground", web.Playground())
		mux.Handle("/playground/", web.Playground())
		mux.Handle("GET /{$}", http.RedirectHandler("/playground", http.StatusFound))
	}
	return mux
}

// makeDemo makes the demo workspace, unasked only where nothing else is, or finishes one
// whose making was broken off.
func (s serve) makeDemo(ctx context.Context, c *console, h *house) error {
	all, err := h.db.Workspaces(ctx)
	if err != nil {
		return err
	}
	wanted := given(s.Demo, h.embedded != nil && len(all) == 0)
	for _, w := range all {
		if w.Demo {
			head, err := h.db.ForWorkspace(w.Key).Head(ctx)
			if err != nil {
				return err
			}
			wanted = head.Seq == 0 && given(s.Demo, true)
		}
	}
	if !wanted {
		return nil
	}
	c.log.Info("making a demo workspace; --no-demo leaves it out")
	bar := c.progress(1, "demo data")
	_, err = demo.Create(ctx, h.service.Service, func(done, of int) {
		bar.ChangeMax(of)
		_ = bar.Set(done)
	})
	return err
}

// developer is somebody with a development token.
type developer struct {
	Name  string `json:"name"`
	Role  string `json:"role"`            // connector for the program that brings in what customers write
	Email string `json:"email,omitempty"` // empty for the connector
	Token string `json:"token"`

	Playground string `json:"playground,omitempty"` // address at which the playground acts as them
}

// developers makes the development tokens of the demo workspace: for a manager, two
// agents and a connector. Only the embedded database has them.
func developers(ctx context.Context, h *house) ([]developer, error) {
	if h.embedded == nil {
		return nil, nil
	}
	secret, err := developmentSecret(h.dataDir)
	if err != nil {
		return nil, err
	}
	all, err := h.db.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if w.Demo {
			return demoDevelopers(ctx, h, w, secret)
		}
	}
	return nil, nil
}

func demoDevelopers(ctx context.Context, h *house, w *db.Workspace, secret []byte) (list []developer, err error) {
	for _, email := range demo.Viewers() {
		a, err := h.db.ForWorkspace(w.Key).AgentByEmail(ctx, email)
		if db.NotFound(err) {
			continue // got another address since
		}
		if err != nil {
			return nil, err
		}
		list = append(list, developer{
			Name: a.Name, Role: strings.ToLower(string(a.Role)), Email: email, Token: h.auth.AddDeveloper(secret, w.Key, a.ID),
		})
	}
	token, err := h.auth.AddConnector(ctx, secret, w.Key)
	if err == nil && token != "" {
		list = append(list, developer{Name: "writes as customers", Role: connectorRole, Token: token})
	}
	return list, err
}

// connectorRole is what a connector's development token is announced as.
const connectorRole = "connector"

// developmentSecret is what development tokens are made of; it stays in the data folder.
func developmentSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, "development-secret")
	secret, err := os.ReadFile(path)
	if err == nil && len(secret) == 32 {
		return secret, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	secret = make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return secret, os.WriteFile(path, secret, 0o600)
}
