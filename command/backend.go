package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/embedded"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/workflow"
)

// database holds the flags for the database and for the wake-ups between servers that share it.
type database struct {
	URL     string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL to use, such as postgres://user:password@host/name. Empty: an embedded one."`
	Pooler  bool   `env:"SWITCHBOARD_POOLER" help:"The database URL leads to a connection pooler that shares sessions, such as PgBouncer in transaction mode."`
	Direct  string `name:"direct-url" env:"SWITCHBOARD_DIRECT_URL" placeholder:"URL" help:"With --pooler: the same database on PostgreSQL itself, for migrations, notifications and locks that outlast transactions."`
	DataDir string `name:"data-dir" env:"SWITCHBOARD_DATA_DIR" placeholder:"DIR" help:"Folder of the embedded database. Empty: a folder of this user."`
	Strict  bool   `env:"SWITCHBOARD_STRICT" help:"Refuse to start with settings that are unsafe on a network, instead of warning of them."`
	NATSURL string `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"NATS server through which Switchboard servers wake each other, such as nats://user:password@host:4222; all servers on one database need the same. Empty: PostgreSQL's NOTIFY."`

	rowMemory int     // service.Options
	traces    *traces // nil: there are none
}

// backend is an open database with the services that use it.
type backend struct {
	embedded *embedded.Server // nil if DATABASE_URL is set
	dataDir  string           // of the embedded database
	url      string
	db       *db.DB
	nats     *feed.NATS // nil unless NATS_URL is set
	feed     *feed.Feed
	service  *workflow.Service
	auth     *auth.Authenticator
	applied  []string // migrations that open applied
	traces   *traces  // nil: there are none
}

// open connects to the database of DATABASE_URL, or else to the embedded one, which it starts if
// necessary. It migrates the embedded database always, and any other only if update is true.
func (d *database) open(ctx context.Context, c *console, update bool) (_ *backend, err error) {
	b := &backend{url: d.URL, traces: d.traces}
	defer c.waiting(d.what())()
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	now, err := clock()
	if err != nil {
		return nil, err
	}
	follow := feed.Options{Log: c.log, Now: now}
	if err := errors.Join(d.checkPooler(), d.checkEncryption(c)); err != nil {
		return nil, err
	}
	if d.NATSURL != "" {
		if b.nats, err = feed.NewNATS(d.NATSURL); err != nil {
			return nil, fmt.Errorf("--nats-url (NATS_URL): %w", err)
		}
		follow.Waker = b.nats
	}
	if d.URL == "" {
		if err := b.embed(ctx, c, d.DataDir); err != nil {
			return nil, err
		}
	}
	if b.db, err = db.Open(ctx, b.url, db.Options{DirectURL: d.Direct, Spans: d.traces.tracer()}); err != nil {
		return nil, err
	}
	if (update || d.URL == "") && b.db.CheckMigrated(ctx) != nil {
		if b.applied, err = (db.Migrator{Log: c.log}).Migrate(ctx, cmp.Or(d.Direct, b.url)); err != nil {
			return nil, err
		}
	}
	if err = b.db.CheckSchema(ctx); err != nil {
		return nil, err
	}
	b.auth = auth.New(b.db, c.log)
	follow.Before = b.auth.Withdraw
	b.feed = feed.New(b.db, follow)
	b.service = workflow.New(service.New(b.db, b.feed, service.Options{Now: now, Log: c.log, RowMemory: d.rowMemory}))
	if err = b.checkTimeouts(ctx, c); err != nil {
		return nil, err
	}
	return b, nil
}

// checkPooler returns an error if the flags for a pooler do not fit together.
func (d *database) checkPooler() error {
	switch {
	case d.Pooler && d.URL == "":
		return errors.New("--pooler (SWITCHBOARD_POOLER) is for a database of your own: set DATABASE_URL to the URL of the pooler")
	case d.Pooler && d.Direct == "":
		return errors.New("--pooler (SWITCHBOARD_POOLER) needs --direct-url (SWITCHBOARD_DIRECT_URL): a URL of the same database that leads to PostgreSQL itself")
	case d.Direct != "" && !d.Pooler:
		return errors.New("--direct-url (SWITCHBOARD_DIRECT_URL) is for databases behind a pooler: add --pooler, or leave it out")
	}
	return nil
}

// checkTimeouts warns if nothing limits statements behind a pooler.
func (b *backend) checkTimeouts(ctx context.Context, c *console) error {
	isLimited, err := b.service.Operator().IsLimited(ctx)
	if err == nil && !isLimited {
		c.log.Warn("behind the pooler statements have no time limit: give the role the settings that `switchboard doctor` prints")
	}
	return err
}

// checkEncryption warns of connections over a network that may be unencrypted, or with --strict
// refuses them.
func (d *database) checkEncryption(c *console) error {
	unsafe := []string{}
	for _, each := range []string{d.URL, d.Direct} {
		if each == "" {
			continue
		}
		host, err := db.Unencrypted(each)
		if err != nil {
			return err
		}
		if host != "" {
			unsafe = append(unsafe, "connections to the database at "+host+" may be unencrypted: add sslmode=verify-full to its URL")
		}
	}
	for each := range strings.SplitSeq(d.NATSURL, ",") {
		if parsed, err := url.Parse(strings.TrimSpace(each)); err == nil && parsed.Host != "" && parsed.Scheme != "tls" && parsed.Scheme != "wss" && !db.IsLoopback(parsed.Hostname()) {
			unsafe = append(unsafe, "connections to NATS at "+parsed.Hostname()+" may be unencrypted: begin its URL with tls://")
		}
	}
	for _, what := range unsafe {
		if d.Strict {
			return fmt.Errorf("%s, or leave --strict out", what)
		}
		c.log.Warn(what)
	}
	return nil
}

// what describes the database for log messages; it leaves out the password.
func (d *database) what() string {
	if parsed, err := url.Parse(d.URL); d.URL != "" && err == nil && parsed.Host != "" {
		return "the database at " + parsed.Host
	}
	if d.URL != "" {
		return "the database"
	}
	return "the embedded database"
}

func (b *backend) embed(ctx context.Context, c *console, dir string) (err error) {
	if dir == "" {
		if dir, err = embedded.DefaultDataDir(); err != nil {
			return err
		}
	}
	b.dataDir = dir
	if b.embedded, err = embedded.Start(ctx, embedded.Options{DataDir: dir, Log: c.log}); err != nil {
		return err
	}
	b.url = b.embedded.URL("switchboard")
	return nil
}

// close sends the pending wake-ups to other servers and disconnects from the database.
func (b *backend) close() {
	if b.feed != nil {
		b.feed.Flush()
	}
	if b.nats != nil {
		b.nats.Close()
	}
	if b.db != nil {
		_ = b.db.Close()
	}
	if b.embedded != nil {
		_ = b.embedded.Close()
	}
}

// inWorkspace opens the database, finds the workspace with this id and calls do.
func (d *database) inWorkspace(ctx context.Context, c *console, id string, do func(*backend, *db.Workspace) error) error {
	b, err := d.open(ctx, c, false)
	if err != nil {
		return err
	}
	defer b.close()
	w, err := b.workspace(ctx, id)
	if err != nil {
		return err
	}
	return do(b, w)
}

// demoLock is the key of the advisory lock that alone takes.
const demoLock = 0x5357_4254_4245

// aloneTime is how long a server may hold demoLock before another one takes over.
const aloneTime = 5 * time.Minute

// alone calls fn while no other server on this database does. Without it, two servers started at
// once would both create a demo workspace and a development secret. The lock is released even if
// the process is killed.
func (b *backend) alone(ctx context.Context, c *console, fn func() error) error {
	waiting := func(holder string) { c.log.Info("waiting for another server that is starting", "server", holder) }
	return b.db.Alone(ctx, demoLock, aloneTime, waiting, fn)
}

// workspace returns the workspace with this id, or an error that lists the existing ones.
func (b *backend) workspace(ctx context.Context, id string) (*db.Workspace, error) {
	all, err := b.service.Operator().Workspaces(ctx)
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
