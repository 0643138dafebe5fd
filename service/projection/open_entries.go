package projection

import (
	"context"
	"runtime"

	"github.com/tidwall/btree"

	"switchboard/db"
)

// openEntries are the open conversations of one workspace that are not blocked.
type openEntries struct {
	head  db.Head  // the end of the log that they show
	rows  followed // those that the log names when they change
	names *names
	of    map[db.ConversationID]*entry
	all   *group
	owned map[db.AgentID]*group // by assignee; the zero id is that of entries without one
}

// readOpen reads all rows.
func readOpen(ctx context.Context, w db.ForWorkspace, rows *Rows) (*openEntries, error) {
	es := &openEntries{
		names: newNames(), of: map[db.ConversationID]*entry{}, all: newGroup(), owned: map[db.AgentID]*group{}, rows: rows.follow(),
	}
	head, err := w.EachOpen(ctx, es.set)
	if err != nil {
		return nil, err
	}
	es.head = head
	runtime.AddCleanup(es, followed.end, es.rows)
	return es, nil
}

// apply sets what has changed. It reports false, having changed nothing, if that is not all that
// happened since.
func (es *openEntries) apply(changes *db.ConversationChanges) bool {
	behind := changes.Head.Seq - es.head.Seq
	if behind < 0 || behind > db.MaxChanges || changes.Since != es.head.EventID {
		return false
	}
	for _, c := range changes.Rows {
		es.set(c)
	}
	es.rows.forget(changes.Named)
	es.head = changes.Head
	return true
}

// set puts a conversation in its place, or takes it out if it is not open any more.
func (es *openEntries) set(c *db.Conversation) {
	if e := es.of[c.ID]; e != nil {
		es.all.remove(e)
		es.owned[e.assignee].remove(e)
		delete(es.of, c.ID)
	}
	if !db.ViewAll.Holds(c.Facets(), nil) {
		return
	}
	e := newEntry(c, es.names)
	if es.owned[e.assignee] == nil {
		es.owned[e.assignee] = newGroup()
	}
	es.of[c.ID] = e
	es.all.add(e)
	es.owned[e.assignee].add(e)
}

// find returns a conversation; nil if it is not among the entries.
func (es *openEntries) find(id db.ConversationID) *db.Conversation {
	e := es.of[id]
	if e == nil {
		return nil
	}
	r := new(row)
	r.show(e, es.head.WorkspaceID, es.names.texts)
	return &r.Conversation
}

// kept returns the rows in memory to which the entries refer.
func (es *openEntries) kept(w db.ForWorkspace) *Kept { return &Kept{es.rows, w, es.head} }

// list returns a copy of what a query's list is read from. A copied tree shares its nodes with the
// original, which changes none of them.
func (es *openEntries) list(q db.InboxQuery) *OpenList {
	l := &OpenList{rows: es.rows, head: es.head, names: es.names.texts, query: q}
	for i, field := range fields {
		if field == q.Field {
			l.field = i
		}
	}
	for _, g := range es.groupsOf(q) {
		var segments [2]*tree
		for n, t := range g.trees[l.field] {
			if t != nil {
				segments[n] = t.Copy()
			}
		}
		l.trees = append(l.trees, segments)
	}
	return l
}

// groupsOf returns the groups that together contain the list of a query.
func (es *openEntries) groupsOf(q db.InboxQuery) (groups []*group) {
	owners, all := q.Owners()
	if all {
		return []*group{es.all}
	}
	for _, owner := range owners {
		var id db.AgentID
		if owner != nil {
			id = *owner
		}
		if g := es.owned[id]; g != nil {
			groups = append(groups, g)
		}
	}
	return groups
}

// tree is a segment of an ordered list.
type tree = btree.BTreeG[*entry]

// group are the entries of one assignee, or of all, by field and segment.
type group struct{ trees [len(fields)][2]*tree }

func newGroup() *group {
	g := &group{}
	for field := range fields {
		g.trees[field][0] = newTree(field)
	}
	g.trees[byWaiting][notWaiting] = newTree(byWaiting)
	return g
}

func newTree(field int) *tree {
	return btree.NewBTreeGOptions(before(field), btree.Options{NoLocks: true}) // the turn is the lock
}

func (g *group) add(e *entry) {
	for field, segment := range e.segment {
		g.trees[field][segment].Set(e)
	}
}

func (g *group) remove(e *entry) {
	for field, segment := range e.segment {
		g.trees[field][segment].Delete(e)
	}
}
