package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/embedded"
	"switchboard/graph"
	"switchboard/graph/address"
	"switchboard/service"
	"switchboard/service/demo"
	"switchboard/web"
)

// serve runs the server.
type serve struct {
	Addr         string         `env:"SWITCHBOARD_ADDR" default:"127.0.0.1:8080" help:"Address to listen on."`
	NoMigrate    bool           `env:"SWITCHBOARD_NO_MIGRATE" help:"Leave bringing the database up to date to the migrate command, so that this one needs no right to change tables."`
	Demo         *bool          `env:"SWITCHBOARD_DEMO" negatable:"" help:"Create a workspace with invented data. Default: for a fresh embedded database."`
	Playground   *bool          `env:"SWITCHBOARD_PLAYGROUND" negatable:"" help:"Serve the playground and allow introspection. Default: with the embedded database only."`
	Console      bool           `env:"SWITCHBOARD_CONSOLE" default:"true" negatable:"" help:"Serve the console, an inbox for agents, at /."`
	UIDir        string         `name:"ui-dir" env:"SWITCHBOARD_UI_DIR" placeholder:"DIR" help:"Folder with a build of the console to serve instead of the one in this program, read at every request; for its development."`
	RateLimit    int            `name:"rate-limit" env:"SWITCHBOARD_RATE_LIMIT" default:"${rate}" placeholder:"COST" help:"Cost that an agent may cause each second, and forty times as much at once; a program may cause ten times as much. 0 lifts this limit, and those of failed authentications and idempotency keys."`
	AllowOrigins []graph.Origin `name:"allow-origin" env:"SWITCHBOARD_ALLOW_ORIGIN" placeholder:"URL" help:"Origin of a frontend served from elsewhere, such as https://inbox.example; may be repeated."`
	AdminAddr    string         `name:"admin-addr" env:"SWITCHBOARD_ADMIN_ADDR" placeholder:"ADDR" help:"Address for measures (/metrics) and profiles of this server, such as 127.0.0.1:9090; not for clients. Default: none."`

	SlowOperation time.Duration `env:"SWITCHBOARD_SLOW_OPERATION" default:"500ms" placeholder:"TIME" help:"Duration from which on an operation is logged as slow; 0: none is."`

	TrustedProxies address.Proxies `name:"trusted-proxy" env:"SWITCHBOARD_TRUSTED_PROXY" placeholder:"CIDR" help:"Network of reverse proxies whose Forwarded and X-Forwarded-For headers name the client, such as 10.0.0.0/8; may be repeated."`
	DrainDelay     time.Duration   `env:"SWITCHBOARD_DRAIN_DELAY" default:"0s" placeholder:"TIME" help:"Time for which a server that was told to stop still accepts connections while /readyz fails, such as 15s behind a load balancer that polls it."`
	DrainOver      time.Duration   `env:"SWITCHBOARD_DRAIN_OVER" default:"0s" placeholder:"TIME" help:"Time over which a stopping server spreads the reconnecting of its clients; 0: a millisecond for each, at most 5 s."`

	RowMemory uint `env:"SWITCHBOARD_ROW_MEMORY" default:"64" placeholder:"MIB" help:"Memory for the contacts, agents and messages that lists of conversations show, in MiB; 0: none is kept."`

	PublicURL graph.Origin `name:"public-url" env:"SWITCHBOARD_PUBLIC_URL" placeholder:"URL" help:"Address under which browsers reach this server, such as https://desk.example. If set, requests whose Host is neither this nor an allowed origin are refused."`

	Documents     string              `name:"documents" env:"SWITCHBOARD_DOCUMENTS" placeholder:"FILE" help:"Manifest of trusted documents, as Apollo, Relay and GraphQL Code Generator write it; SIGHUP reads it again."`
	DocumentsMode graph.DocumentsMode `name:"documents-mode" env:"SWITCHBOARD_DOCUMENTS_MODE" enum:"log,allow,require" default:"allow" help:"What becomes of documents that are not in the manifest: log, allow or require. require refuses them."`

	SignIn signIn `embed:""`
}

const (
	drainTime   = 10 * time.Second // limit for ending open requests and sockets at shutdown
	requestTime = 6 * time.Second  // time into the shutdown at which open requests are cancelled
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second
	idleTime    = time.Minute

	defaultRate = 500      // cost that an agent may cause each second
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
	issuers, err := s.SignIn.issuers()
	if err != nil {
		return usageError{err}
	}
	listener, err := listen(s.Addr, c.log)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another --addr", s.Addr, err)
	}
	defer func() { _ = listener.Close() }()
	d.rowMemory = max(int(s.RowMemory)<<20, 1)
	if d.traces, err = newTraces(ctx, c); err != nil {
		return fmt.Errorf("cannot send traces: %w", err)
	}
	defer d.traces.close()
	b, err := d.open(ctx, c, !s.NoMigrate)
	if err != nil {
		return err
	}
	defer b.close()
	if s.NoMigrate {
		if err := b.db.CheckMigrated(ctx); err != nil {
			return err
		}
	}
	err = b.auth.Trust(ctx, issuers, b.service)
	switch {
	case errors.Is(err, auth.ErrNoWorkspace):
		return usageError{err}
	case err != nil:
		return err
	}
	a := announcement{address: listener.Addr().String(), console: s.Console, playground: given(s.Playground, !production)}
	if a.developers, err = s.prepare(ctx, c, b); err != nil {
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
	return err == nil && db.IsLoopback(host)
}

// serve answers requests and runs the background work until ctx ends. Requests are drained
// before the background work stops, because open subscriptions depend on it.
func (s serve) serve(ctx context.Context, c *console, b *backend, listener net.Listener, a announcement) error {
	ready := &readiness{stopping: ctx, check: b.service.Ready}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	limitMemory(background, c.log)

	documents := trustedDocuments{s.Documents, c.log}
	if s.RateLimit == 0 {
		b.service.Quotas.Keys = -1
	}
	api := graph.NewHandler(graph.Options{
		Documents: s.documentsMode(), Service: b.service, Auth: b.auth, Origins: s.origins(b), Introspection: a.playground, SlowAfter: s.SlowOperation, DrainOver: s.DrainOver, RateLimit: s.RateLimit, FreeFailures: s.RateLimit == 0, Log: c.log, Tracer: b.traces.tracer(),
	})
	handler, err := routes(api, ready, b.auth.Logout, s.pages(b, a))
	if err != nil {
		return err
	}
	admin, err := newAdmin(s.AdminAddr, measures(b, api), ready, c.log)
	if err != nil {
		return err
	}
	if err := documents.load(api); err != nil {
		return err
	}
	running.Go(func() { documents.reload(background, api) })
	for _, work := range []func(context.Context){b.feed.Run, b.auth.Run, b.service.Maintain, b.service.RunWorkflows, b.preload, b.service.KeepCheckpoints, api.Shed, c.toggleDebug} {
		running.Go(func() { work(background) })
	}
	requests, giveUp := context.WithCancel(background)
	defer giveUp()
	server := &http.Server{
		Handler:           s.TrustedProxies.Handler(b.traces.handler(handler)),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime, MaxHeaderBytes: headerLimit, ConnState: released,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	running.Go(func() {
		if err := admin.run(background); err != nil {
			failed <- err
		}
	})
	if err := a.print(c); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return s.drain(background, c, api, server, giveUp)
}

// pages returns the pages that the server serves.
func (s serve) pages(b *backend, a announcement) pages {
	p := pages{playground: a.playground}
	if s.Console {
		signIn := func() web.SignIn { return consoleSignIn(b.auth.Clients(), len(a.developers) > 0) }
		p.console = &web.Console{SignIn: signIn, Dir: s.UIDir}
	}
	return p
}

// drain ends the server in order. /readyz fails already. After the delay the server accepts no more
// connections, asks its clients to reconnect elsewhere, and lets open requests finish; giveUp
// cancels those that take too long.
func (s serve) drain(ctx context.Context, c *console, api *graph.Handler, server *http.Server, giveUp func()) error {
	if s.DrainDelay > 0 {
		c.log.Info("stopping: waiting until load balancers have noticed", "delay", s.DrainDelay)
		time.Sleep(s.DrainDelay)
	}
	c.log.Info("stopping: letting clients reconnect elsewhere")
	ctx, cancel := context.WithTimeout(ctx, s.DrainOver+drainTime)
	defer cancel()
	defer time.AfterFunc(s.DrainOver+requestTime, giveUp).Stop()
	shut := make(chan error, 1)
	go func() { shut <- server.Shutdown(ctx) }()
	return errors.Join(api.Drain(ctx), <-shut)
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

// prepare makes the demo workspace if it is wanted, and returns those who develop against the embedded
// database.
func (s serve) prepare(ctx context.Context, c *console, b *backend) (all []developer, err error) {
	wanted, err := s.wantsDemo(ctx, b)
	if err != nil || !wanted && b.embedded == nil {
		return nil, err
	}
	err = b.alone(ctx, c, func() (err error) {
		if err = s.makeDemo(ctx, c, b); err == nil {
			all, err = developers(ctx, b)
		}
		return err
	})
	return all, err
}

// wantsDemo reports whether makeDemo has something to do.
func (s serve) wantsDemo(ctx context.Context, b *backend) (wanted bool, err error) {
	all, err := b.service.Operator().Workspaces(ctx)
	if err != nil {
		return false, err
	}
	wanted = given(s.Demo, b.embedded != nil && len(all) == 0)
	for _, w := range all {
		if w.Demo {
			end, err := b.service.AsOf(ctx, service.System(w.Key))
			if err != nil {
				return false, err
			}
			wanted = end.Seq == 0 && given(s.Demo, true)
		}
	}
	return wanted, nil
}

// makeDemo creates the demo workspace if --demo is set, or by default in an empty embedded
// database. It also completes one whose creation was interrupted, unless --no-demo is set.
func (s serve) makeDemo(ctx context.Context, c *console, b *backend) error {
	if wanted, err := s.wantsDemo(ctx, b); err != nil || !wanted {
		return err
	}
	c.log.Info("making a demo workspace; --no-demo leaves it out")
	bar := c.progress(1, "demo data")
	_, err := demo.Create(ctx, b.service.Service, func(done, of int) {
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
	secret, err := embedded.Secret(b.dataDir, "development-secret")
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
