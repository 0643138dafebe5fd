package projection

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"switchboard/db"
)

// A state is stored now and then, so that the first reader after a start need not wait until it is
// computed from the rows. It is computed nevertheless, in the background: otherwise what somebody
// changed by hand would never be seen.

// save stores, of each fold that has changed since the last call, the form of its state, unless that
// was stored itself and is not computed anew yet.
func (fs folds[T]) save(ctx context.Context, d *db.DB, form func(T) any) (failed error) {
	var all []db.Checkpoint
	fs.each(ctx, func(f *fold[T]) {
		if !f.ready || f.renewed != nil || f.saved == f.head {
			return
		}
		state, err := json.Marshal(form(f.state))
		f.saved, all, failed = f.head, append(all, db.Checkpoint{Projection: fs.kind, Head: f.head, State: state}), errors.Join(failed, err)
	})
	for _, c := range all {
		failed = errors.Join(failed, d.SaveCheckpoint(ctx, c))
	}
	return failed
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

// resume takes over the state that was stored, if there is one, brings it to the end of the log, and
// begins to compute the state from the rows.
func (f *fold[T]) resume(ctx context.Context, w db.ForWorkspace, end db.Head) (err error) {
	if f.head, err = f.state.resume(ctx, w, end); err != nil || f.head.Seq == 0 {
		return err
	}
	f.ready = true
	if err = f.follow(ctx, w, end); f.ready {
		f.renewed = make(chan renewal[T], 1)
		go f.renew(w, f.renewed)
	}
	return err
}

// renewal is a state that was computed from the rows, at one place of the log.
type renewal[T folded] struct {
	state T
	head  db.Head
}

const maxRenewals = 2 // at the same time, so that connections remain for others

// renew computes the state from the rows.
func (f *fold[T]) renew(w db.ForWorkspace, to chan<- renewal[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), advanceTime)
	defer cancel()
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done():
		return
	}
	began, state := time.Now(), f.empty()
	head, err := db.Contained(func() (db.Head, error) { return state.start(ctx, w) })
	if err == nil {
		f.measures.built(began)
		to <- renewal[T]{state, head}
	}
}

// take takes over what was computed in the background. The log is followed from its place.
func (f *fold[T]) take() {
	select {
	case by := <-f.renewed:
		f.state, f.head, f.ready, f.renewed = by.state, by.head, true, nil
	default:
	}
}
