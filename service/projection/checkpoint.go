package projection

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"switchboard/db"
)

// What a fold has computed is stored now and then, so that the first reader after a start need not
// wait until it is computed from the rows.

// saveTime is how long storing the folds of one kind may take.
const saveTime = 2 * time.Second

// save stores the form of the state of each fold that has changed since it was stored last. It leaves
// out folds that are being read, and those whose state still is that of a checkpoint.
func (fs folds[T]) save(ctx context.Context, d *db.DB, form func(T) any) (failed error) {
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	for f, c := range fs.changed(form) {
		if c.err == nil {
			c.err = d.SaveCheckpoint(ctx, c.Checkpoint)
		}
		if c.err == nil {
			f.saved = c.Head
		}
		failed = errors.Join(failed, c.err)
	}
	return failed
}

// unsaved is a checkpoint that is not stored yet.
type unsaved struct {
	db.Checkpoint
	err error
}

// changed returns what save stores.
func (fs folds[T]) changed(form func(T) any) map[*fold[T]]unsaved {
	all := map[*fold[T]]unsaved{}
	fs.each(func(f *fold[T]) {
		if f.ready && f.renewal == nil && f.saved != f.head {
			state, err := json.Marshal(form(f.state))
			all[f] = unsaved{db.Checkpoint{Projection: fs.kind, Head: f.head, State: state}, err}
		}
	})
	return all
}

// load reads the form of a state that was stored, and returns its place in the log; zero if nothing
// of use was stored.
func load(ctx context.Context, w db.ForWorkspace, kind string, form any) (db.Head, error) {
	c, err := w.Checkpoint(ctx, kind)
	if err != nil || c == nil || json.Unmarshal(c.State, form) != nil {
		return db.Head{}, err
	}
	return c.Head, nil
}

// resume takes over the state of a checkpoint, if there is one, brings it to the end of the log, and
// begins a renewal.
func (f *fold[T]) resume(ctx context.Context, w db.ForWorkspace, end db.Head) (err error) {
	if f.head, err = f.state.resume(ctx, w, end); err != nil || f.head.Seq == 0 {
		return err
	}
	f.ready = true
	if err = f.follow(ctx, w, end); f.ready {
		f.renew(w)
	}
	return err
}

// renewal is the computing of a state from the rows after it was resumed from a checkpoint.
// Otherwise what somebody has repaired by hand would never be seen.
type renewal[T folded] struct {
	done  chan struct{} // closed at its end; the fields below are set by then
	state T
	head  db.Head
	err   error
}

const (
	maxRenewals = 4               // at the same time, so that connections remain for others
	renewalWait = 5 * time.Minute // for the others; then it begins again
)

// renew begins a renewal in the background.
func (f *fold[T]) renew(w db.ForWorkspace) {
	r := &renewal[T]{done: make(chan struct{}), state: f.empty()}
	f.renewal = r
	go func() {
		defer close(r.done)
		select {
		case f.renewals <- struct{}{}:
			defer func() { <-f.renewals }()
		case <-time.After(renewalWait):
			r.err = context.DeadlineExceeded
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), advanceTime)
		defer cancel()
		began := time.Now()
		if r.head, r.err = db.Contained(func() (db.Head, error) { return r.state.start(ctx, w) }); r.err == nil {
			f.measures.built(began)
		}
	}()
}

// take takes over what was computed in the background, from whose place the log is followed then. If
// that failed it begins again.
func (f *fold[T]) take(w db.ForWorkspace) {
	if f.renewal == nil {
		return
	}
	select {
	case <-f.renewal.done:
		if f.renewal.err != nil {
			f.renew(w)
			return
		}
		f.state, f.head, f.ready, f.renewal = f.renewal.state, f.renewal.head, true, nil
	default:
	}
}

// readRenewed is read, but not of a state from a checkpoint: it waits until that is renewed.
func (fs folds[T]) readRenewed(ctx context.Context, w db.ForWorkspace, look func(T)) error {
	for {
		var under *renewal[T]
		err := fs.projections.read(ctx, w, func(f *fold[T]) {
			if under = f.renewal; under == nil {
				look(f.state)
			}
		})
		if err != nil || under == nil {
			return err
		}
		select {
		case <-under.done:
			if under.err != nil {
				return under.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
