package feed

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchboard/db"
)

// channel is the name under which processes tell each other about commits.
const channel = "switchboard"

// notifier tells other processes about commits. It does so after the commit, since
// NOTIFY inside a transaction serialises all commits of the database, and for several
// commits at once. What it loses in a crash the other processes' polls find.
type notifier struct {
	db  *db.DB
	log *slog.Logger

	mu      sync.Mutex
	pending map[int64]bool
}

func (n *notifier) add(workspace int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) == 0 {
		time.AfterFunc(coalesce, n.flush)
	}
	n.pending[workspace] = true
}

const payloadLimit = 500 // workspaces in one notification, well below PostgreSQL's 8,000 bytes

func (n *notifier) flush() {
	n.mu.Lock()
	keys := make([]string, 0, len(n.pending))
	for workspace := range n.pending {
		keys = append(keys, strconv.FormatInt(workspace, 36))
	}
	clear(n.pending)
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for part := range slices.Chunk(keys, payloadLimit) {
		if _, err := n.db.ExecContext(ctx, "SELECT pg_notify(?, ?)", channel, strings.Join(part, ",")); err != nil {
			n.log.Warn("telling other servers about a change failed; they will find it by polling", "error", err)
			return
		}
	}
}

// listen keeps a connection that hears what other processes committed. While it is down
// the poll does its work.
func (f *Feed) listen(ctx context.Context) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	delay := shortest
	for ctx.Err() == nil {
		heard, err := f.hear(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			delay = shortest
		}
		f.log.Warn("listening for changes was interrupted; polling until it works again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, longest)
	}
}

// hear listens until the connection breaks; heard says whether it ever worked.
func (f *Feed) hear(ctx context.Context) (heard bool, err error) {
	conn, err := f.db.Connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return false, err
	}
	f.markAll() // whatever was said while nobody listened
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		for key := range strings.SplitSeq(n.Payload, ",") {
			if workspace, err := strconv.ParseInt(key, 36, 64); err == nil {
				f.mark(workspace)
			}
		}
	}
}
