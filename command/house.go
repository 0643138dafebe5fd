package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/embedded"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/workflow"
)

// database says where the data is, and how those who use it wake each other.
type database struct {
	URL     string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL to use, such as postgres://user:password@host/name. Empty: an embedded one."`
	DataDir string `name:"data-dir" env:"SWITCHBOARD_DATA_DIR" placeholder:"DIR" help:"Folder of the embedded database. Empty: a folder of this user."`
	NATSURL string `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"NATS through which servers wake each other, such as nats://user:password@host:4222; the same for all on one database. Empty: PostgreSQL's NOTIFY."`
}

// house is a database with everything that stands on it.
type house struct {
	embedded *embedded.Server // nil with a DATABASE_URL
	dataDir  string           // of the embedded database
	url      string
	db       *db.DB
	nats     *feed.NATS // nil without a NATS_URL
	feed     *feed.Feed
	service  *workflow.Service
	auth     *auth.Authenticator
	applied  []string // migrations that were applied
}

// open connects to the database, or finds or starts the embedded one. The embedded one
// is always brought up to date, another one if asked for.
func (d *database) open(ctx context.Context, c *console, update bool) (_ *house, err error) {
	h := &house{url: d.URL}
	defer c.waiting(d.what())()
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	follow := feed.Options{Log: c.log}
	if d.NATSURL != "" {
		if h.nats, err = feed.NewNATS(d.NATSURL); err != nil {
			return nil, fmt.Errorf("--nats-url (NATS_URL): %w", err)
		}
		follow.Waker = h.nats
	}
	if d.URL == "" {
		if err := h.embed(ctx, c, d.DataDir); err != nil {
			return nil, err
		}
	}
	if update || d.URL == "" {
		if h.applied, err = (db.Migrator{Log: c.log}).Migrate(ctx, h.url); err != nil {
			return nil, err
		}
	}
	if h.db, err = db.Open(ctx, h.url, db.Options{}); err != nil {
		return nil, err
	}
	if err = h.db.CheckSchema(ctx); err != nil {
		return nil, err
	}
	h.auth = auth.New(h.db, c.log)
	follow.Before = h.auth.Withdraw
	h.feed = feed.New(h.db, follow)
	h.service = workflow.New(service.New(h.db, h.feed, service.Options{Log: c.log}))
	return h, nil
}

// what names the database without its password, for whoever waits for it.
func (d *database) what() string {
	if at, err := url.Parse(d.URL); d.URL != "" && err == nil && at.Host != "" {
		return "the database at " + at.Host
	}
	if d.URL != "" {
		return "the database"
	}
	return "the embedded database"
}

func (h *house) embed(ctx context.Context, c *console, dir string) (err error) {
	if dir == "" {
		if dir, err = embedded.DefaultDataDir(); err != nil {
			return err
		}
	}
	h.dataDir = dir
	if h.embedded, err = embedded.Start(ctx, embedded.Options{DataDir: dir, Log: c.log}); err != nil {
		return err
	}
	h.url = h.embedded.URL("switchboard")
	return nil
}

// close tells other servers what is still untold and leaves the database.
func (h *house) close() {
	if h.feed != nil {
		h.feed.Flush()
	}
	if h.nats != nil {
		h.nats.Close()
	}
	if h.db != nil {
		_ = h.db.Close()
	}
	if h.embedded != nil {
		_ = h.embedded.Close()
	}
}

// inWorkspace opens the database for a command that is about one workspace.
func (d *database) inWorkspace(ctx context.Context, c *console, id string, do func(*house, *db.Workspace) error) error {
	h, err := d.open(ctx, c, false)
	if err != nil {
		return err
	}
	defer h.close()
	w, err := h.workspace(ctx, id)
	if err != nil {
		return err
	}
	return do(h, w)
}

// demoLock is the key of the advisory lock of alone.
const demoLock = 0x5357_4254_4245

// aloneTime is how long one server may be making its demo workspace while others wait.
const aloneTime = 5 * time.Minute

// alone runs fn while no other server on this database does, however it may end: two that
// are started at once would both make a demo workspace and a secret of their own.
func (h *house) alone(ctx context.Context, c *console, fn func() error) error {
	waiting := func(holder string) { c.log.Info("waiting for another server that is starting", "server", holder) }
	return h.db.Alone(ctx, demoLock, aloneTime, waiting, fn)
}

// workspace finds the workspace that a command names.
func (h *house) workspace(ctx context.Context, id string) (*db.Workspace, error) {
	all, err := h.db.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	known := ""
	for _, w := range all {
		if w.ID.String() == id {
			return w, nil
		}
		known += fmt.Sprintf("\n  %s  %s", w.ID, w.Name)
	}
	if known == "" {
		return nil, errors.New("there is no workspace yet: make one with `switchboard workspace create NAME --manager EMAIL`")
	}
	return nil, fmt.Errorf("there is no workspace with the id %q; there are:%s", id, known)
}
