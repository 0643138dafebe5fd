package dataset

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/auth"
	"switchboard/db"
)

// Load fills an empty database with companies, as if they had worked with the product for a year:
// rows, log, end of the log, dictionary. The URL's user must be a superuser.
func Load(ctx context.Context, url string, companies []Company) ([]Loaded, error) {
	if _, err := (db.Migrator{Log: slog.New(slog.DiscardHandler)}).Migrate(ctx, url); err != nil {
		return nil, err
	}
	// Foreign keys and triggers are what a replica does not look at either.
	d, err := db.Open(ctx, url+"&session_replication_role=replica&maintenance_work_mem=512MB&synchronous_commit=off",
		db.Options{Name: "bench", StatementTimeout: time.Hour, LockTimeout: time.Minute, IdleTimeout: time.Hour})
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	indexes, err := dropIndexes(ctx, d)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	step := func(done string) {
		fmt.Fprintf(os.Stderr, "  %s after %v\n", done, time.Since(began).Round(time.Second/10))
	}
	var loaded []Loaded
	for i, plan := range companies {
		c, err := found(ctx, d, auth.New(d, slog.New(slog.DiscardHandler)), plan, i)
		if err == nil {
			err = c.load(ctx, d)
		}
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", plan.Name, err)
		}
		loaded = append(loaded, c.Loaded)
	}
	step("rows written")
	if err := createIndexes(ctx, d, indexes); err != nil {
		return nil, err
	}
	step("indexes made")
	_, err = d.ExecContext(ctx, "VACUUM (ANALYZE)")
	step("statistics made")
	return loaded, err
}

// load writes everything that happens in the company.
func (c *company) load(ctx context.Context, d *db.DB) error {
	all := ctx
	g, ctx := errgroup.WithContext(ctx)
	c.out = &streams{}
	c.words = words{folded{}, folded{}}
	startStream(ctx, g, d, &c.out.contacts)
	startStream(ctx, g, d, &c.out.identities)
	startStream(ctx, g, d, &c.out.conversations)
	startStream(ctx, g, d, &c.out.messages)
	startStream(ctx, g, d, &c.out.events)
	startStream(ctx, g, d, &c.out.marks)
	c.live(ctx)
	c.out.end()
	if err := g.Wait(); err != nil {
		return err
	}
	ctx = all
	if err := c.setHead(ctx, d); err != nil {
		return err
	}
	return d.Transact(ctx, c.Key, func(tx db.Tx) error {
		return tx.LearnWords(ctx, c.words.contacts.texts(), c.words.notes.texts())
	})
}

// setHead moves the end of the log behind the events that were copied.
func (c *company) setHead(ctx context.Context, d *db.DB) error {
	_, err := d.NewRaw("UPDATE event_heads SET seq = ?, event_id = ? WHERE workspace_id = ?", c.seq, c.lastEvent, c.Key).Exec(ctx)
	return err
}

// streams are the rows on their way to the tables.
type streams struct {
	contacts      stream[db.Contact]
	identities    stream[db.ContactIdentity]
	conversations stream[db.Conversation]
	messages      stream[db.Message]
	events        stream[db.Event]
	marks         stream[readMark]
}

func (s *streams) end() {
	s.contacts.end()
	s.identities.end()
	s.conversations.end()
	s.messages.end()
	s.events.end()
	s.marks.end()
}

// A stream passes rows to one COPY, some hundreds at a time.
type stream[T any] struct {
	full  chan []*T
	batch []*T
	ctx   context.Context
}

const batchSize = 512

func startStream[T any](ctx context.Context, g *errgroup.Group, d *db.DB, s *stream[T]) {
	s.full, s.ctx = make(chan []*T, 16), ctx
	g.Go(func() error {
		_, err := db.Copy(ctx, d, s.rows())
		return err
	})
}

func (s *stream[T]) put(row *T) {
	if s.batch = append(s.batch, row); len(s.batch) == batchSize {
		s.send()
	}
}

func (s *stream[T]) send() {
	select {
	case s.full <- s.batch:
	case <-s.ctx.Done(): // COPY has failed
	}
	s.batch = nil
}

func (s *stream[T]) end() {
	s.send()
	close(s.full)
}

func (s *stream[T]) rows() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for batch := range s.full {
			for _, row := range batch {
				if !yield(row) {
					return
				}
			}
		}
	}
}

// words are the different words of folded texts.
type words struct{ contacts, notes folded }

type folded map[string]struct{}

func (f folded) add(text *string) {
	if text == nil {
		return
	}
	for word := range strings.FieldsSeq(*text) {
		if _, known := f[word]; !known {
			f[strings.Clone(word)] = struct{}{}
		}
	}
}

func (f folded) texts() []*string {
	if len(f) == 0 {
		return nil
	}
	all := strings.Join(slices.Collect(maps.Keys(f)), " ")
	return []*string{&all}
}
