package projection

import (
	"cmp"
	"context"
	"time"

	"switchboard/db"
)

// Open keeps the open conversations of each workspace in their orders, and rows that pages of them
// refer to. What it returns is exact at the end of the log: an entry is only ever set from the row
// of its conversation, and the log says which rows to read again.
type Open struct {
	of     *projections[*open]
	rows   *Rows
	builds chan struct{} // holds a value for each build under way
}

const maxBuilds = 4 // at the same time, so that connections remain for others

// NewOpen returns a projection that has read nothing yet.
func NewOpen(rows *Rows) *Open {
	p := &Open{rows: rows, builds: make(chan struct{}, maxBuilds)}
	p.of = newProjections("open", func(m *measures) *open { return &open{in: p, measures: m} })
	return p
}

// maxInstead is how many readers of a workspace are answered by other means at the same time while
// its conversations are not in memory. More would only hold up their reading.
const maxInstead = 4

// List returns the list of a query with IsOfOpen. If the conversations are not in memory, they are
// read in the background from the first call on; meanwhile it calls instead and returns nil, or
// waits until they are there.
func (p *Open) List(ctx context.Context, w db.ForWorkspace, q db.InboxQuery, instead func() error) (l *OpenList, err error) {
	for {
		var under *build
		err := p.of.read(ctx, w, func(o *open) {
			if under = o.build; o.entries != nil {
				l = o.entries.list(q)
			}
		})
		if err != nil || l != nil {
			return l, err
		}
		select {
		case under.instead <- struct{}{}:
			defer func() { <-under.instead }()
			return nil, instead()
		case <-under.done:
			if under.err != nil {
				return nil, instead()
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Find returns a conversation as it is at the end of the log, or nil if there is none with this id,
// and the rows in memory to which it refers; these are nil if the workspace's conversations are not
// in memory.
func (p *Open) Find(ctx context.Context, w db.ForWorkspace, id db.ConversationID) (found *db.Conversation, kept *Kept, err error) {
	read := &db.ConversationAt{}
	look := func(o *open) {
		if found, kept = nil, nil; o.entries == nil {
			return
		}
		found, kept = o.entries.find(id), o.entries.kept(w)
		if read.Head == kept.head {
			kept.keep(read)
		}
	}
	if p.of.has(w.Key) {
		if err = p.of.peek(ctx, w, look); err == nil && kept == nil {
			err = p.of.read(ctx, w, look) // takes over what has been read meanwhile
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if found == nil { // it is not open, or was not a moment ago
		if read, err = w.ConversationAt(ctx, id); err != nil || kept == nil || read.Conversation == nil {
			return read.Conversation, nil, err
		}
		if before := kept; before.head == read.Head { // nothing has happened
			err = p.of.peek(ctx, w, look)
			return read.Conversation, before, err
		}
	}
	if err = p.of.read(ctx, w, look); err == nil && found == nil && read.Conversation == nil {
		read, err = w.ConversationAt(ctx, id) // it was closed just now
	}
	return cmp.Or(found, read.Conversation), kept, err
}

// Kept returns the rows in memory to which the conversations of a page refer that was read when the
// log ended at a position: rows as they were then, or later. It returns nil if the workspace's
// conversations are not in memory.
func (p *Open) Kept(ctx context.Context, w db.ForWorkspace, at db.Head) (kept *Kept, err error) {
	if !p.of.has(w.Key) {
		return nil, nil
	}
	look := func(o *open) {
		if kept = nil; o.entries != nil {
			kept = o.entries.kept(w)
		}
	}
	if err = p.of.peek(ctx, w, look); err == nil && (kept == nil || kept.head != at) {
		err = p.of.read(ctx, w, look) // a log that ends later may be another one
	}
	return kept, err
}

// Preload reads the open conversations of a workspace, and returns when they are in memory.
func (p *Open) Preload(ctx context.Context, w db.ForWorkspace) error {
	var under *build
	err := p.of.read(ctx, w, func(o *open) { under = o.build })
	if err != nil || under == nil {
		return err
	}
	select {
	case <-under.done:
		return under.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// open are the open conversations of one workspace.
type open struct {
	in       *Open
	entries  *openEntries // nil if they are not in memory
	build    *build       // nil unless it is under way
	measures *measures
}

// build is the reading of all open conversations of a workspace.
type build struct {
	instead chan struct{} // holds a value for each reader who is answered by other means
	done    chan struct{} // closed at its end; the fields below are set by then
	*openEntries
	err error
}

// advance reads the rows that the log names since the last time. It begins to read all if they are
// not in memory, are too far behind, or if the log was replaced by another one.
func (o *open) advance(ctx context.Context, w db.ForWorkspace) error {
	o.take()
	if o.entries != nil {
		changes, err := w.ConversationChanges(ctx, o.entries.head.Seq)
		if err != nil {
			return err
		}
		before := o.entries
		o.entries = nil // while it is half done
		if before.apply(changes) {
			o.entries = before
		}
	}
	if o.entries == nil && o.build == nil {
		o.begin(w)
	}
	return nil
}

// take takes over what has been read, if it has.
func (o *open) take() {
	if o.build == nil {
		return
	}
	select {
	case <-o.build.done:
		o.entries, o.build = o.build.openEntries, nil
	default:
	}
}

// begin reads all rows in the background.
func (o *open) begin(w db.ForWorkspace) {
	b := &build{instead: make(chan struct{}, maxInstead), done: make(chan struct{})}
	o.build = b
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), advanceTime)
		defer cancel()
		defer close(b.done)
		select {
		case o.in.builds <- struct{}{}:
			defer func() { <-o.in.builds }()
		case <-ctx.Done():
			b.err = ctx.Err()
			return
		}
		began := time.Now()
		b.openEntries, b.err = db.Contained(func() (*openEntries, error) { return readOpen(ctx, w, o.in.rows) })
		if b.err == nil {
			o.measures.built(began)
		}
	}()
}
