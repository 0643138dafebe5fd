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
	"switchboard/service"
	"switchboard/service/demo"
	"switchboard/web"
)

// serve runs the server.
type serve struct {
	Addr         string         `env:"SWITCHBOARD_ADDR" default:"127.0.0.1:8080" help:"Address to listen on."`
	Demo         *bool          `env:"SWITCHBOARD_DEMO" negatable:"" help:"Create a workspace with invented data. Default: for a fresh embedded database."`
	Playground   *bool          `env:"SWITCHBOARD_PLAYGROUND" negatable:"" help:"Serve the playground and allow introspection. Default: with the embedded database only."`
	AllowOrigins []graph.Origin `name:"allow-origin" env:"SWITCHBOARD_ALLOW_ORIGIN" placeholder:"URL" help:"Origin of a frontend served from elsewhere, such as https://inbox.example; may be repeated."`
	PublicURL    graph.Origin   `name:"public-url" env:"SWITCHBOARD_PUBLIC_URL" placeholder:"URL" help:"Address under which browsers reach this server, such as https://desk.example. If set, requests whose Host is neither this nor an allowed origin are refused."`
}

const (
	drainTime   = 10 * time.Second // limit for ending open requests and sockets at shutdown
	requestTime = 6 * time.Second  // time into the shutdown at which open requests are cancelled
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second
	idleTime    = time.Minute

	headerLimit = 16 << 10 // bytes of the headers and the URL
)

// Run serves until ctx ends, then drains open requests and sockets.
func (s serve) Run(ctx context.Context, c *console, d *database) error {
	surviveBrokenPipes()
	production := d.URL != ""
	if _, _, err := net.SplitHostPort(s.Addr); err != nil {
		return fmt.Errorf("cannot listen on %q: %w; give --addr an address such as 127.0.0.1:8080", s.Addr, err)
	}
	if !production && !isLoopback(s.Addr) {
		return fmt.Errorf("the embedded database comes with development tokens and is served on loopback only, not on %s; set DATABASE_URL to serve other machines, or leave --addr out", s.Addr)
	}
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another --addr", s.Addr, err)
	}
	defer func() { _ = listener.Close() }()
	b, err := d.open(ctx, c, true)
	if err != nil {
		return err
	}
	defer b.close()
	a := announcement{address: listener.Addr().String(), playground: given(s.Playground, !production)}
	err = b.alone(ctx, c, func() (err error) {
		if err = s.makeDemo(ctx, c, b); err == nil {
			a.developers, err = developers(ctx, b)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.serve(ctx, c, b, listener, a)
}

// given returns a flag's value, or otherwise if the flag was left out.
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

// serve answers requests and runs the background work until ctx ends. Requests are drained
// before the background work stops, because open subscriptions depend on it.
func (s serve) serve(ctx context.Context, c *console, b *backend, listener net.Listener, a announcement) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	limitMemory(background, c.log)

	api := graph.NewHandler(graph.Options{
		Service: b.service, Auth: b.auth, Origins: s.origins(b), Introspection: a.playground, Log: c.log,
	})
	for _, work := range []func(context.Context){b.feed.Run, b.auth.Run, b.service.Maintain, b.service.RunWorkflows, b.service.Preload, api.Shed} {
		running.Go(func() { work(background) })
	}
	requests, giveUp := context.WithCancel(background)
	defer giveUp()
	server := &http.Server{
		Handler: routes(ctx, b, api, a.playground), ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime,
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

// origins returns the origins and host names that may call the API. With the embedded database
// only names of this machine are allowed, so that another site's page cannot use the development
// tokens by resolving its own name to loopback (DNS rebinding).
func (s serve) origins(b *backend) graph.Origins {
	o := graph.Origins{Allowed: s.AllowOrigins}
	if b.embedded != nil {
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

// routes returns the handler for all paths of the server. /readyz fails as soon as ctx ends, so
// that a load balancer sends requests elsewhere while the server drains.
func routes(ctx context.Context, b *backend, api http.Handler, playground bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", api)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := b.service.Ready(r.Context()); err != nil || ctx.Err() != nil {
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

// makeDemo creates the demo workspace if --demo is set, or by default in an empty embedded
// database. It also completes one whose creation was interrupted, unless --no-demo is set.
func (s serve) makeDemo(ctx context.Context, c *console, b *backend) error {
	all, err := b.service.Operator().Workspaces(ctx)
	if err != nil {
		return err
	}
	wanted := given(s.Demo, b.embedded != nil && len(all) == 0)
	for _, w := range all {
		if w.Demo {
			end, err := b.service.AsOf(ctx, service.System(w.Key))
			if err != nil {
				return err
			}
			wanted = end.Seq == 0 && given(s.Demo, true)
		}
	}
	if !wanted {
		return nil
	}
	c.log.Info("making a demo workspace; --no-demo leaves it out")
	bar := c.progress(1, "demo data")
	_, err = demo.Create(ctx, b.service.Service, func(done, of int) {
		bar.ChangeMax(of)
		_ = bar.Set(done)
	})
	return err
}

// developer is a development token with the agent or program that it belongs to.
type developer struct {
	Name  string `json:"name"`
	Role  string `json:"role"`            // manager, agent, or connector for the program that brings in messages
	Email string `json:"email,omitempty"` // empty for the connector
	Token string `json:"token"`

	Playground string `json:"playground,omitempty"` // address of the playground with this token
}

// developers makes the development tokens of the demo workspace: for a manager, two
// agents and a connector. Only the embedded database has them.
func developers(ctx context.Context, b *backend) ([]developer, error) {
	if b.embedded == nil {
		return nil, nil
	}
	secret, err := developmentSecret(b.dataDir)
	if err != nil {
		return nil, err
	}
	all, err := b.service.Operator().Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if w.Demo {
			return demoDevelopers(ctx, b, w, secret)
		}
	}
	return nil, nil
}

func demoDevelopers(ctx context.Context, b *backend, w *db.Workspace, secret []byte) (list []developer, err error) {
	for _, email := range demo.Viewers() {
		a, err := b.service.Operator().AgentByEmail(ctx, w.Key, email)
		if err != nil {
			return nil, err
		}
		if a == nil {
			continue // the agent's address was changed
		}
		list = append(list, developer{
			Name: a.Name, Role: strings.ToLower(string(a.Role)), Email: email, Token: b.auth.AddDeveloper(secret, w.Key, a.ID),
		})
	}
	token, err := b.auth.AddConnector(ctx, secret, w.Key)
	if err == nil && token != "" {
		list = append(list, developer{Name: "writes as customers", Role: connectorRole, Token: token})
	}
	return list, err
}

// connectorRole is the role under which the connector's development token is announced.
const connectorRole = "connector"

// developmentSecret returns the key from which development tokens are derived. It is kept in the
// data folder, so that the tokens stay the same after a restart.
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
