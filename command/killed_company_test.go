package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"switchboard/db"
)

const callers = 64 // of the company that is killed

// take is the mutation of each caller; two callers take each conversation.
const take = `mutation($input: AssignToMeInput!) { done: assignToMe(input: $input) {
	conversation { assignee { id } } events { id idempotencyKey } userErrors { code } } }`

// taken is the answer to take.
type taken struct {
	Conversation struct{ Assignee struct{ ID id } }
	Events       []struct{ ID, IdempotencyKey string }
	UserErrors   []struct{ Code string }
}

// TestKilledInCompany kills the server while the mutations of 64 callers with keys share a
// transaction: while it writes, and while it commits. Nobody was answered until then, not even with
// a refusal. The keys tell what was committed, also to a server that asks before PostgreSQL has
// decided it, and everything is carried out once (P1, P6).
func TestKilledInCompany(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(*killing){"writing": (*killing).whileItWrites, "committing": (*killing).whileItCommits} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			s := start(t, "--data-dir", dir, "--no-demo")
			d, leave := openDatabase(t, dir)
			defer leave()
			k := &killing{t: t, dir: dir, database: d, company: found(t, s, dir, callers), server: s}
			for i := range callers / 2 {
				k.conversations = append(k.conversations, k.server.as(k.company.Token).open(fmt.Sprint("Eve ", i)))
			}
			kill(k)
			k.check()
		})
	}
}

// killing is a company on its way through a database whose server is killed.
type killing struct {
	t             *testing.T
	dir           string
	database      *db.DB
	company       *company
	server        *server
	conversations []id

	answers [callers]taken
}

// holds takes a lock in another transaction until release is called.
func (k *killing) holds(statement string) (release func()) {
	k.t.Helper()
	tx, err := k.database.BeginTx(k.t.Context(), nil)
	check(k.t, err)
	k.t.Cleanup(func() { _ = tx.Rollback() })
	for _, statement := range []string{"SET LOCAL idle_in_transaction_session_timeout = 0", statement} {
		_, err = tx.ExecContext(k.t.Context(), statement)
		check(k.t, err)
	}
	return func() { check(k.t, tx.Rollback()) }
}

// waits waits until at least n transactions wait for a lock in statements that contain the text.
func (k *killing) waits(n int, text string) {
	k.t.Helper()
	eventually(k.t, patience, fmt.Sprintf("%d wait in %q", n, text), func() bool {
		var waiting int
		check(k.t, k.database.QueryRowContext(k.t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE wait_event_type = 'Lock' AND strpos(query, ?) > 0`, text).Scan(&waiting))
		return waiting >= n
	})
}

// events returns how many events there are with a caller's key.
func (k *killing) events() (n int) {
	k.t.Helper()
	check(k.t, k.database.QueryRowContext(k.t.Context(), "SELECT count(*) FROM events WHERE origin LIKE 'caller %'").Scan(&n))
	return n
}

// begin lets all callers take their conversations while another mutation waits at the counter row,
// so that they form the next company. It returns when that waits there, too; call release to let
// both go. The channel has whether each call was answered.
func (k *killing) begin() (answered chan bool, release func()) {
	k.t.Helper()
	first := k.server.as(k.company.Token).open("First")
	release = k.holds("SELECT FROM event_heads FOR UPDATE")
	post := func(token, document string, variables vars) bool {
		_, _, err := caller{k.server, token}.post(k.t.Context(), document, variables)
		return err == nil
	}
	go post(k.company.Token, `mutation($id: ID!) { closeConversation(input: {conversationId: $id}) { userErrors { code } } }`, vars{"id": first})
	k.waits(1, "event_heads")
	answered = make(chan bool, callers)
	for i := range callers {
		go func() { answered <- post(k.company.agents[i].token, take, k.input(i)) }()
	}
	k.waits(2, "event_heads")
	return answered, release
}

// input is the input of a caller.
func (k *killing) input(i int) vars {
	return vars{"input": vars{"conversationId": k.conversations[i/2], "idempotencyKey": fmt.Sprint("caller ", i)}}
}

// kills kills the server. Nobody may have been answered.
func (k *killing) kills(answered <-chan bool) {
	k.t.Helper()
	k.server.kill()
	for range callers {
		if <-answered {
			k.t.Error("a caller was answered before the commit")
		}
	}
}

// restarts starts another server, to which all callers repeat their calls.
func (k *killing) restarts() (wait func()) {
	k.server = start(k.t, "--data-dir", k.dir)
	ended := make(chan error, callers)
	for i := range callers {
		go func() { ended <- k.repeat(k.t.Context(), i) }()
	}
	return func() {
		for range callers {
			check(k.t, <-ended)
		}
	}
}

// repeat repeats the call of a caller until it is answered.
func (k *killing) repeat(ctx context.Context, i int) error {
	for deadline := time.Now().Add(patience); ; {
		status, a, err := caller{k.server, k.company.agents[i].token}.post(ctx, take, k.input(i))
		switch {
		case err != nil:
			return err
		case a.code() == "UNAVAILABLE" && time.Now().Before(deadline): // it waited too long for the key
		case status != http.StatusOK || len(a.Errors) > 0:
			return fmt.Errorf("caller %d: status %d, %v", i, status, a.Errors)
		default:
			return json.Unmarshal(a.Data, &struct{ Done *taken }{&k.answers[i]})
		}
	}
}

// whileItWrites kills the server before its company has written everything.
func (k *killing) whileItWrites() {
	answered, release := k.begin()
	k.kills(answered)
	release()
	wait := k.restarts()
	wait()
}

// whileItCommits kills the server after it has sent the COMMIT of its company, and PostgreSQL
// commits when another server has been asked about the keys.
func (k *killing) whileItCommits() {
	const lock = 20261128
	for _, statement := range []string{
		// No time limit of the killed session ends the wait.
		fmt.Sprintf(`CREATE FUNCTION wait_to_commit() RETURNS trigger LANGUAGE plpgsql
			SET lock_timeout = 0 SET client_connection_check_interval = 0 AS $$ BEGIN
				LOOP
					BEGIN
						PERFORM pg_advisory_xact_lock_shared(%d);
						RETURN NULL;
					EXCEPTION WHEN query_canceled THEN -- the statement took too long
					END;
				END LOOP;
			END $$`, lock),
		`CREATE CONSTRAINT TRIGGER wait_to_commit AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW WHEN (NEW.origin LIKE 'caller %') EXECUTE FUNCTION wait_to_commit()`,
	} {
		_, err := k.database.ExecContext(k.t.Context(), statement)
		check(k.t, err)
	}
	answered, release := k.begin()
	commit := k.holds(fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", lock))
	release()
	k.waits(1, "COMMIT")
	k.kills(answered)
	wait := k.restarts()
	k.waits(1, "pg_advisory_xact_lock") // for a key
	if n := k.events(); n > 0 {
		k.t.Errorf("%d events are visible before the commit", n)
	}
	commit()
	wait()
	var transactions int
	check(k.t, k.database.QueryRowContext(k.t.Context(),
		"SELECT count(DISTINCT xmin::text) FROM events WHERE origin LIKE 'caller %'").Scan(&transactions))
	k.t.Logf("%d events in %d transactions", k.events(), transactions)
	if transactions > k.events()/2 {
		k.t.Errorf("%d events were written in %d transactions", k.events(), transactions)
	}
}

// check checks that each conversation has one winner, whom the loser was told, and one event.
func (k *killing) check() {
	for i, conversation := range k.conversations {
		winner, loser, key := k.answers[2*i], k.answers[2*i+1], fmt.Sprint("caller ", 2*i)
		if len(winner.UserErrors) > 0 {
			winner, loser, key = loser, winner, fmt.Sprint("caller ", 2*i+1)
		}
		if len(winner.UserErrors) > 0 || len(winner.Events) != 1 || winner.Events[0].IdempotencyKey != key {
			k.t.Errorf("conversation %s: nobody took it: %+v", conversation, winner)
		}
		if len(loser.UserErrors) != 1 || loser.UserErrors[0].Code != "ALREADY_ASSIGNED" || loser.Conversation != winner.Conversation {
			k.t.Errorf("conversation %s: the winner was told %+v, the loser %+v", conversation, winner, loser)
		}
	}
	var events, last int
	check(k.t, k.database.QueryRowContext(k.t.Context(), "SELECT count(*), max(seq) FROM events").Scan(&events, &last))
	if n := k.events(); n != len(k.conversations) || events != last {
		k.t.Errorf("%d of %d events up to number %d have a caller's key", n, events, last)
	}
}
