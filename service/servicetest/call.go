package servicetest

import (
	"time"

	"switchboard/service"
)

// Locks holds rows in a transaction of its own until release is called.
func (w *World) Locks(query string, args ...any) (release func()) {
	w.T.Helper()
	tx, err := w.DB.BeginTx(w.Context(), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(w.Context(), "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		w.T.Fatal(err)
	}
	if _, err := tx.ExecContext(w.Context(), query, args...); err != nil {
		w.T.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// WaitBlocked waits until this many transactions of the test's database wait for a lock.
func (w *World) WaitBlocked(n int) {
	w.T.Helper()
	w.WaitBlockedIn("", n)
}

// WaitBlockedIn waits until this many transactions of the test's database wait for a lock in a
// statement that contains the text.
func (w *World) WaitBlockedIn(text string, n int) {
	w.T.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := w.Context(); ; {
		var blocked int
		err := w.DB.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, ?) > 0`, text).Scan(&blocked)
		if err != nil {
			w.T.Fatal(err)
		}
		if blocked == n {
			return
		}
		<-tick.C
	}
}

// Answer is the result of a call.
type Answer struct {
	Outcome *service.Outcome
	Err     error
}

// Begin makes a call without waiting for its answer.
func Begin(call func() (*service.Outcome, error)) <-chan Answer {
	answers := make(chan Answer, 1)
	go func() {
		o, err := call()
		answers <- Answer{o, err}
	}()
	return answers
}

// Await waits for the answer of a call that Begin made.
func (w *World) Await(answers <-chan Answer) (*service.Outcome, error) {
	w.T.Helper()
	select {
	case a := <-answers:
		return a.Outcome, a.Err
	case <-w.Context().Done():
		w.T.Fatal("the call never ended")
		return nil, nil
	}
}
