//go:build linux

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"switchboard/service"
	"switchboard/service/servicetest"
)

// client sends random moves, one after the other.
type client struct {
	*run
	number int
	me     member
	rand   *rand.Rand
	http   *http.Client

	done []*mutation
}

// mutation is a move with its answer.
type mutation struct {
	move
	client         int
	key            string
	sent, answered time.Duration // since the start of the run
	attempts       int
	events         []string // ids
	refusal        service.RefusalCode
	reply          servicetest.Reply // of a contested move
}

// usualPace is the average time between two moves of a client, so that four runs at once leave a
// machine of two cores some time.
const usualPace = 120 * time.Millisecond

// work sends moves until the run says that it is enough.
func (c *client) work(ctx context.Context) error {
	for n := 0; !c.enough(); n++ {
		key := fmt.Sprintf("%d of client %d", n, c.number)
		m := c.board.contestedMove(c.rand, c.me, c.cast.agents)
		if c.rand.IntN(3) > 0 {
			m = freeMoves[c.rand.IntN(len(freeMoves))](c.board, c.rand, c, key)
		}
		done, err := c.carryOut(ctx, m, key)
		if c.replaced.Load() && strings.Contains(fmt.Sprint(err), "NOT_FOUND") {
			c.board.forget() // it was about a conversation that is lost
			continue
		}
		if err != nil {
			return fmt.Errorf("%s (%s): %w", m.verb, key, err)
		}
		c.done = append(c.done, done)
		c.acknowledged.Add(1)
		if sleep(ctx, c.pace/2+time.Duration(c.rand.Int64N(int64(c.pace)))) != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// carryOut sends a move, with the same key, to one server after the other until it is answered.
func (c *client) carryOut(ctx context.Context, m move, key string) (*mutation, error) {
	done := &mutation{move: m, client: c.number, key: key, sent: c.now()}
	variables := m.input
	if m.verb != "" {
		m.input["idempotencyKey"] = key
		variables = vars{"input": m.input}
	}
	for {
		var data struct{ Done json.RawMessage }
		c.attempted.Add(1)
		err := c.doors[(c.number+done.attempts)%len(c.doors)].ask(ctx, c.http, m.by.token, &data, m.document(), variables)
		done.attempts++
		if unavailable := (errUnavailable{}); err != nil && (!errors.As(err, &unavailable) || ctx.Err() != nil) {
			return nil, err
		}
		if err == nil {
			done.answered = c.now()
			return done, c.read(done, data.Done)
		}
		c.refused.Add(1)
		if err := sleep(ctx, min(time.Second, 20*time.Millisecond<<min(done.attempts, 6))); err != nil {
			return nil, err
		}
	}
}

// read reads the answer of a move.
func (c *client) read(done *mutation, data json.RawMessage) error {
	var payload struct {
		shown
		Events       []struct{ ID string }
		UserErrors   []struct{ Code service.RefusalCode }
		Conversation *shown
	}
	if err := json.Unmarshal(data, &payload); err != nil {
		return err
	}
	for _, e := range payload.Events {
		done.events = append(done.events, e.ID)
	}
	if len(payload.UserErrors) > 0 {
		done.refusal = payload.UserErrors[0].Code
	}
	conversation := payload.Conversation
	if done.verb == "" {
		conversation = &payload.shown
	}
	if conversation == nil {
		return nil
	}
	if conversation.ID == "" {
		return errors.New("a conversation is NOT_FOUND")
	}
	row, err := conversation.row()
	if done.call != nil {
		done.reply = servicetest.Answered(row, done.refusal)
	}
	if row.Latest {
		c.board.learn(conversation.Contact.ID, row.ID)
	}
	return err
}
