//go:build linux

package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// A run is the work of a crowd on servers while a fault happens.
type run struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand // of the fault
	dir     string     // of the cluster
	cluster *cluster
	servers []*server
	doors   []endpoint // that the crowd uses in turn: those of the servers, or of a proxy
	cast    cast
	board   *board
	began   time.Time

	attempted, refused, acknowledged atomic.Int64
	finished                         atomic.Bool // the clients end after their present move
	replaced                         atomic.Bool // the log was replaced by an older one

	clients     []*client
	subscribers []*subscriber
	auditor     *auditor

	count    int           // of servers
	watchers int           // the least number of subscribers
	pace     time.Duration // average time between two moves of a client
	proxied  bool          // whether the crowd uses a proxy
	programs []string      // of the servers, if they are not binary
	args     []string      // of the servers
	natsPort int
	stopNATS func()

	restored       *restore      // set if the log was replaced by an older one
	struck, mended time.Duration // when the fault began and ended
	recovered      time.Duration // how long after that all servers wrote and delivered again
	soon           time.Duration // the time allowed for that: more on a machine on which everything takes long
}

// A restore is a replacement of the log by an older one.
type restore struct {
	head  db.Seq        // of the older log
	ended time.Duration // what was answered before then may be lost
}

const clients = 16

// Until the fault begins, and after it has ended, the clients carry out so many moves at least.
const (
	before = 60
	after  = 120
)

// newRun returns a run with servers that are ready.
func newRun(t *testing.T, seed uint64, prepared func(*run)) *run {
	t.Helper()
	prepare(t)
	r := &run{t: t, seed: seed, rand: rand.New(&lockedSource{PCG: rand.NewPCG(seed, 0)}), dir: filepath.Join(newDir(t), "data"), cast: template.cast, began: time.Now(), count: 2, pace: usualPace}
	r.board = newBoard(r.cast)
	if prepared != nil {
		prepared(r)
	}
	r.cluster = newCluster(t, r.dir)
	for i := range r.count {
		s := newServer(t, r.cluster, r.args...)
		if r.programs != nil {
			s.program = r.programs[i]
		}
		s.start()
		r.servers = append(r.servers, s)
	}
	for _, s := range r.servers {
		eventually(t, 2*patience, "that a server is ready", func() bool {
			s.startAgain()
			return s.isReady()
		})
		r.doors = append(r.doors, s.endpoint)
	}
	if r.proxied {
		r.doors = []endpoint{newProxy(t, r.servers)}
	}
	return r
}

// lockedSource is a source of random numbers for several faults at once.
type lockedSource struct {
	mu sync.Mutex
	*rand.PCG
}

// Uint64 returns the next number.
func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.PCG.Uint64()
}

func (r *run) now() time.Duration { return time.Since(r.began) }

// enough reports whether the clients may go home.
func (r *run) enough() bool { return r.finished.Load() }

// moves waits until so many more moves were attempted, whether or not they succeed.
func (r *run) moves(ctx context.Context, n int64) {
	for until := r.attempted.Load() + n; r.attempted.Load() < until; {
		if sleep(ctx, 5*time.Millisecond) != nil {
			return
		}
	}
}

// judge lets the crowd work while the fault happens, and returns the evidence.
func (r *run) judge(f fault) *evidence {
	r.t.Helper()
	ctx, stop := context.WithTimeoutCause(r.t.Context(), 4*patience, fmt.Errorf("the run is not over after %v", 4*patience))
	defer stop()
	ctx, fail := context.WithCancelCause(ctx) // all of the crowd, with the first one's error
	defer fail(nil)
	var working, watching sync.WaitGroup
	into := func(g *sync.WaitGroup, work func(context.Context) error) {
		g.Go(func() {
			if err := work(ctx); err != nil {
				fail(err)
			}
		})
	}
	r.assemble(ctx)
	for _, s := range r.subscribers {
		into(&watching, s.follow)
	}
	into(&watching, r.auditor.work)
	for _, c := range r.clients {
		into(&working, c.work)
	}
	r.acknowledges(ctx, before+r.rand.Int64N(before))
	usual := r.recover(ctx)
	r.struck = r.now()
	f.strike(ctx, r)
	r.mended = r.now()
	r.recovered = r.recover(ctx)
	r.acknowledges(ctx, after)
	r.soon = soon + 10*max(usual, r.recover(ctx))
	r.finished.Store(true)
	working.Wait()
	r.t.Logf("%d moves acknowledged, %d attempts failed", r.acknowledged.Load(), r.refused.Load())
	r.goesOn(ctx)
	r.settle(ctx)
	r.goesOn(ctx)
	e := r.testify(ctx)
	r.drained(ctx, e)
	r.goesOn(ctx)
	fail(errors.New("the run is over"))
	watching.Wait()
	e.collect(r)
	return e
}

// goesOn fails the test if one of the crowd had to give up, or the time is over.
func (r *run) goesOn(ctx context.Context) {
	r.t.Helper()
	if err := context.Cause(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// assemble makes the crowd.
func (r *run) assemble(ctx context.Context) {
	for i := range clients {
		me := r.cast.agents[i%len(r.cast.agents)]
		r.clients = append(r.clients, &client{run: r, number: i, me: me, rand: rand.New(rand.NewPCG(r.seed, uint64(1+i))), http: patient()})
	}
	join := func(subject subject, number int) {
		s := &subscriber{run: r, subject: subject, number: number}
		check(r.t, s.load(ctx))
		r.subscribers = append(r.subscribers, s)
	}
	for i := range 2 * len(subjects) {
		join(subjects[i%len(subjects)], i/len(subjects))
	}
	for i := len(r.subscribers); i < r.watchers; i++ {
		more := programSubjects()
		join(more[i%len(more)], i/len(more))
	}
	r.auditor = &auditor{run: r}
}

// acknowledges waits until so many more moves were acknowledged.
func (r *run) acknowledges(ctx context.Context, n int64) {
	for until := r.acknowledged.Load() + n; r.acknowledged.Load() < until; {
		if sleep(ctx, 5*time.Millisecond) != nil {
			return
		}
	}
}

// soon is the time within which everything has to work again after a fault (P8).
const soon = 15 * time.Second

// recover waits until each server says that it is ready, writes, and delivers what it wrote. It
// returns how long that took.
func (r *run) recover(ctx context.Context) time.Duration {
	began := r.now()
	var probing sync.WaitGroup
	for i, s := range r.servers {
		probing.Go(func() {
			for ctx.Err() == nil && !s.works(ctx, r.cast, fmt.Sprint("probe ", i, " at ", r.now())) {
				s.startAgain()
				_ = sleep(ctx, 50*time.Millisecond)
			}
		})
	}
	probing.Wait()
	return r.now() - began
}

// works reports whether a server is ready, subscribes, writes and delivers.
func (s *server) works(ctx context.Context, c cast, key string) bool {
	if !s.isReady() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	var head struct{ AsOf string }
	if s.ask(ctx, impatient, c.manager.token, &head, `{ asOf }`, nil) != nil {
		return false
	}
	var done struct {
		AddNote struct{ Events []struct{ ID string } }
	}
	if s.ask(ctx, impatient, c.manager.token, &done, `mutation($input: AddNoteInput!) { addNote(input: $input) { events { id } } }`,
		vars{"input": vars{"conversationId": c.free[0].conversation.String(), "body": key, "idempotencyKey": key}}) != nil || len(done.AddNote.Events) != 1 {
		return false
	}
	probe := &subscriber{run: &run{cast: c}, subject: subject{
		document: `subscription($after: EventCursor) { item: events(after: $after) { cursor id } }`, variables: noVariables, by: byManager, part: ofTypes(),
	}, sessions: []session{{after: head.AsOf}}}
	reading, end := context.WithCancel(ctx)
	defer end()
	go func() { defer end(); _ = probe.read(reading, s.endpoint) }()
	for reading.Err() == nil {
		for _, i := range probe.last() {
			if i.event == done.AddNote.Events[0].ID {
				return true
			}
		}
		_ = sleep(reading, 5*time.Millisecond)
	}
	return false
}

// settle waits until the workflow has run for everything in the log.
func (r *run) settle(ctx context.Context) {
	for ctx.Err() == nil {
		pending := r.cluster.query(`SELECT (SELECT count(*) FROM workflow_runs WHERE ended_at IS NULL) +
			(SELECT count(*) FROM workflow_positions p JOIN event_heads h USING (workspace_id) WHERE p.seq < h.seq)`)
		if pending == 0 {
			return
		}
		_ = sleep(ctx, 100*time.Millisecond)
	}
}

// drained waits until the subscribers have received their parts of the log.
func (r *run) drained(ctx context.Context, e *evidence) {
	deadline := time.Now().Add(r.soon)
	for _, s := range r.subscribers {
		for ctx.Err() == nil && time.Now().Before(deadline) && !e.isComplete(s) {
			_ = sleep(ctx, 20*time.Millisecond)
		}
	}
}

// testify reads the log and the tables.
func (r *run) testify(ctx context.Context) *evidence {
	r.t.Helper()
	e := &evidence{cast: r.cast, stored: map[string]int{}, seqs: map[string]db.Seq{}}
	d, err := db.Open(ctx, urlAt(r.cluster.address()), db.Options{MaxConns: 2})
	check(r.t, err)
	defer func() { _ = d.Close() }()
	e.log, err = d.ForWorkspace(r.cast.workspace).EventsAfter(ctx, 0, 1_000_000)
	check(r.t, err)
	for _, event := range e.log {
		e.seqs[event.ID.String()] = event.Seq
	}
	conn := r.cluster.attend()
	defer func() { _ = conn.Close(ctx) }()
	check(r.t, conn.QueryRow(ctx, "SELECT seq FROM event_heads WHERE workspace_id = $1", int64(r.cast.workspace)).Scan(&e.head))
	for table, sql := range map[string]string{
		"messages": "SELECT body, count(*) FROM messages WHERE workspace_id = $1 GROUP BY body",
		"contacts": "SELECT name, count(*) FROM contacts WHERE workspace_id = $1 GROUP BY name",
		"runs":     "SELECT event_seq::text, count(*) FROM workflow_runs WHERE workspace_id = $1 GROUP BY event_seq",
	} {
		rows, err := conn.Query(ctx, sql, int64(r.cast.workspace))
		check(r.t, err)
		for rows.Next() {
			var value string
			var n int
			check(r.t, rows.Scan(&value, &n))
			e.stored[table+" "+value] = n
		}
		check(r.t, rows.Err())
	}
	e.tables(r.t, d)
	return e
}

// tables checks the rules that always hold in the tables.
func (e *evidence) tables(t *testing.T, d *db.DB) {
	t.Helper()
	servicetest.CheckTables(t, service.New(d, feed.New(d, feed.Options{}), service.Options{}), e.cast.actor(), e.log)
}
