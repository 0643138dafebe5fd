package projection

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"switchboard/db"
)

// shelf stands for the contacts of a database.
type shelf struct {
	t    *testing.T
	kept *Kept
	head db.Head                  // the end of the log
	read [][]db.ContactID         // what was read
	then func(ids []db.ContactID) // happens while rows are read
	name map[db.ContactID]string
}

func newShelf(t *testing.T, limit int) *shelf {
	head := db.Head{Seq: 1, EventID: db.EventID{UUID: db.NewUUID()}}
	return &shelf{t: t, kept: &Kept{followed: NewRows(limit).follow(), head: head}, head: head, name: map[db.ContactID]string{}}
}

func (s *shelf) add(name string) db.ContactID {
	id := db.ContactID{UUID: db.NewUUID()}
	s.name[id] = name
	return id
}

// names returns the names of contacts, and how many of them were read for that.
func (s *shelf) names(ids ...db.ContactID) (names []string, read int) {
	s.t.Helper()
	s.read = nil
	rows, err := through(s.t.Context(), s.kept, ids, func(_ context.Context, ids []db.ContactID) (rows []*db.Contact, head db.Head, err error) {
		s.read = append(s.read, ids)
		for _, id := range ids {
			if name, ok := s.name[id]; ok {
				rows = append(rows, &db.Contact{ID: id, Name: name})
			}
		}
		if s.then != nil {
			s.then(ids)
		}
		return rows, s.head, nil
	}, func(c *db.Contact) (db.ContactID, int) { return c.ID, len(c.Name) })
	fine(s.t, err)
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names, len(slices.Concat(s.read...))
}

// expect checks the name of a contact, and whether it was read.
func (s *shelf) expect(when string, id db.ContactID, name string, read int) {
	s.t.Helper()
	if names, n := s.names(id); !slices.Equal(names, []string{name}) || n != read {
		s.t.Errorf("%s: the names are %q, %d were read", when, names, n)
	}
}

// TestRowIsKeptUntilNamed: a row is read once, and again after the log has named it.
func TestRowIsKeptUntilNamed(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1<<20)
	id, other := s.add("Ida"), s.add("Joe")
	s.expect("at first", id, "Ida", 1)
	s.expect("then", id, "Ida", 0)
	if names, n := s.names(id, other); !slices.Equal(names, []string{"Ida", "Joe"}) || n != 1 {
		t.Errorf("with another one: %q, %d were read", names, n)
	}
	s.name[id] = "Ada"
	s.kept.forget([]uuid.UUID{id.UUID})
	s.expect("after a change", id, "Ada", 1)
	s.expect("then", other, "Joe", 0)
	if names, n := s.names(db.ContactID{UUID: db.NewUUID()}); len(names) != 0 || n != 1 {
		t.Errorf("without a row: %q, %d were read", names, n)
	}
}

// TestRowNamedWhileRead: a row that the log has named since its read began is shown to the reader
// for whom it was read, but not kept.
func TestRowNamedWhileRead(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1<<20)
	id := s.add("Ida")
	s.then = func([]db.ContactID) { s.then = nil; s.kept.forget([]uuid.UUID{id.UUID}) }
	s.expect("at first", id, "Ida", 1)
	s.name[id] = "Ada"
	s.expect("then", id, "Ada", 1)
	s.expect("at last", id, "Ada", 0)

	s.kept.forget([]uuid.UUID{id.UUID})
	s.then = func([]db.ContactID) { // another reader is faster, with the row as it is by then
		s.then = nil
		s.kept.forget([]uuid.UUID{id.UUID})
		s.name[id] = "Eda"
		s.names(id)
	}
	s.names(id)
	s.expect("after another reader", id, "Eda", 0)
}

// TestRowFromBeyond: a row that was read when the log went on already is not kept, since that part
// of the log may be lost with a server of the database before anybody has followed it.
func TestRowFromBeyond(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1<<20)
	id := s.add("Ida")
	s.then = func([]db.ContactID) { s.head.Seq++ }
	s.expect("at first", id, "Ida", 1)
	s.then, s.head = nil, s.kept.head
	s.name[id] = "as before"
	s.expect("then", id, "as before", 1)
	s.expect("at last", id, "as before", 0)
}

// TestRowsOfAnotherLog: nothing is kept for a log that is followed anew.
func TestRowsOfAnotherLog(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1<<20)
	id := s.add("Ida")
	s.expect("at first", id, "Ida", 1)
	s.kept = &Kept{followed: s.kept.in.follow(), head: s.head}
	s.expect("of another log", id, "Ida", 1)
	followed{s.kept.in, s.kept.log - 1}.end()
	s.expect("when the other one is not followed any more", id, "Ida", 0)
	if n := s.kept.in.known.Len(); n != 1 {
		t.Errorf("%d rows are kept", n)
	}
}

// TestRowsFailToBeRead: an error is returned and changes nothing.
func TestRowsFailToBeRead(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1<<20)
	id, known, broken := s.add("Ida"), s.add("Joe"), errors.New("broken")
	s.expect("at first", known, "Joe", 1)
	rows, err := through(t.Context(), s.kept, []db.ContactID{id, known}, func(context.Context, []db.ContactID) ([]*db.Contact, db.Head, error) {
		return nil, db.Head{}, broken
	}, func(c *db.Contact) (db.ContactID, int) { return c.ID, 0 })
	if !errors.Is(err, broken) || len(rows) != 0 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	s.expect("then", id, "Ida", 1)
}

// TestRowsWithinLimit: of more rows than may be kept those go that were not asked for for the
// longest time.
func TestRowsWithinLimit(t *testing.T) {
	t.Parallel()
	const fit = 50
	s := newShelf(t, fit*(placeSize+100))
	favourite := s.add(string(make([]byte, 100)))
	s.names(favourite)
	var all []db.ContactID
	for range 3 * fit {
		id := s.add(string(make([]byte, 100)))
		all = append(all, id)
		s.names(id)
		if _, n := s.names(favourite); n != 0 {
			t.Fatalf("after %d others the one that is always asked for is gone", len(all))
		}
	}
	rows := s.kept.in
	if rows.bytes > rows.limit || rows.known.Len() != fit {
		t.Errorf("%d rows take %d of %d bytes", rows.known.Len(), rows.bytes, rows.limit)
	}
	if _, n := s.names(all[len(all)-1]); n != 0 {
		t.Error("the last one is gone")
	}
	if _, n := s.names(all[0]); n != 1 {
		t.Error("the first one is still there")
	}
	for id := range s.name {
		s.kept.forget([]uuid.UUID{id.UUID})
	}
	if rows.bytes != 0 {
		t.Errorf("no rows take %d bytes", rows.bytes)
	}
}
