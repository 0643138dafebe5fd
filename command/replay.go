package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/db"
	"switchboard/service/history"
)

// replay plays past conversations through the API of a running server, as a demonstration of
// an inbox with live traffic.
type replay struct {
	File         string        `arg:"" help:"Conversations as JSON lines; docs/operations.md shows one."`
	Workspace    string        `required:"" placeholder:"ID" help:"The workspace to play them in."`
	URL          string        `env:"SWITCHBOARD_URL" default:"http://127.0.0.1:8080/graphql" help:"GraphQL endpoint of the running server."`
	Channel      string        `default:"twitter" help:"The channel on which they take place."`
	Speed        speed         `default:"60x" help:"How many times faster than in reality, such as 60x; 0 or max: as fast as possible."`
	LongestPause time.Duration `name:"longest-pause" default:"10s" help:"Shorten longer pauses, such as nights, to this. 0: keep them."`
}

// speed is the factor by which a replay is faster than reality; 0 means no pauses at all.
type speed float64

// UnmarshalText parses a speed such as 60x, 60, 0.5x or max.
func (s *speed) UnmarshalText(text []byte) error {
	if string(text) == "max" {
		*s = 0
		return nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "x"), 64)
	if err != nil || n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return errors.New("give a speed such as 60x, or max")
	}
	*s = speed(n)
	return nil
}

// Run plays the file and prints the result. Ctrl-C ends the replay after the current step.
func (r replay) Run(ctx context.Context, c *console, d *database) error {
	file, err := openRecords(r.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	records, problems, err := history.Read(file)
	if err != nil {
		return err
	}
	return d.inWorkspace(ctx, c, r.Workspace, func(b *backend, w *db.Workspace) error {
		cast, err := b.cast(ctx, w, newAPI(r.URL, c), companies(records))
		defer cast.leave(ctx)
		if err != nil {
			return err
		}
		result := &replayResult{Of: len(records), Refused: map[string]int{}, problems: problems}
		if err := r.play(ctx, c, cast, records, result); err != nil {
			return err
		}
		return c.replayResult(result)
	})
}

func companies(records []history.Record) (names []string) {
	for _, r := range records {
		names = append(names, r.Company)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// play carries out each step when it is due. Steps never overlap, so that the server sees them
// in the order in which they happened.
func (r replay) play(ctx context.Context, c *console, cast *cast, records []history.Record, result *replayResult) error {
	steps := stepsOf(records, r.Channel)
	bar := c.progress(len(steps), "replaying")
	began := time.Now()
	due := began
	for i, s := range steps {
		if i > 0 {
			due = due.Add(r.pause(s.at.Sub(steps[i-1].at)))
		}
		err := sleepUntil(ctx, due)
		if err == nil {
			err = s.carryOut(ctx, cast, result)
		}
		if ctx.Err() != nil {
			result.Interrupted = true
			break
		}
		if err != nil {
			return err
		}
		bar.Describe("replaying " + s.at.Format(time.DateTime))
		_ = bar.Add(1)
	}
	_ = bar.Finish()
	result.Seconds, result.Retries = time.Since(began).Seconds(), cast.api.retries
	if result.Interrupted {
		return nil
	}
	return cast.connector.ask(ctx, `{ inboxCounts { unassigned all closed blocked } }`, nil, result)
}

// pause returns how long to wait between two steps that were this far apart in reality.
func (r replay) pause(between time.Duration) time.Duration {
	if r.Speed == 0 {
		return 0
	}
	pause := time.Duration(float64(between) / float64(r.Speed))
	if r.LongestPause > 0 {
		pause = min(pause, r.LongestPause)
	}
	return pause
}

func sleepUntil(ctx context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// replayResult is what a replay prints when it ends.
type replayResult struct {
	Conversations int            `json:"conversations"` // played to their end
	Of            int            `json:"of"`            // in the file
	Received      int            `json:"received"`      // messages of contacts
	Replies       int            `json:"replies"`
	Taken         int            `json:"taken"`
	Closed        int            `json:"closed"`
	Refused       map[string]int `json:"refused"` // number of refused steps, by code
	Retries       int            `json:"retries"` // number of calls that were sent again
	Seconds       float64        `json:"seconds"`
	Interrupted   bool           `json:"interrupted"`
	InboxCounts   *inboxCounts   `json:"inboxCounts"` // at the end; nil if interrupted

	problems []history.Problem
}

type inboxCounts struct {
	Unassigned int `json:"unassigned"`
	All        int `json:"all"`
	Closed     int `json:"closed"`
	Blocked    int `json:"blocked"`
}

func (c *console) replayResult(r *replayResult) error {
	var text strings.Builder
	if r.Interrupted {
		text.WriteString("Interrupted. ")
	}
	fmt.Fprintf(&text, "Played %d of %s in %.1f s: %s received, %d taken, %s, %d closed.\n",
		r.Conversations, counted(r.Of, "conversation", "conversations"), r.Seconds,
		counted(r.Received, "message", "messages"), r.Taken, counted(r.Replies, "reply", "replies"), r.Closed)
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(&text, "%d refused: %s\n", r.Refused[code], code)
	}
	if r.Retries > 0 {
		fmt.Fprintf(&text, "Sent again, because no answer came: %s.\n", counted(r.Retries, "call", "calls"))
	}
	if n := r.InboxCounts; n != nil {
		fmt.Fprintf(&text, "The inbox now has %s, %d of them unassigned, %d closed and %d blocked.\n", counted(n.All, "open conversation", "open conversations"), n.Unassigned, n.Closed, n.Blocked)
	}
	for _, p := range r.problems {
		fmt.Fprintf(&text, "Skipped line %d: %s\n", p.Line, p.Message)
	}
	return c.result(r, "%s", text.String())
}
