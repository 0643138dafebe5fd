package document

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"switchboard/bench/harness"
)

// KeepAssigning makes 100 assignments a second until the context ends. Some clients share them, so
// that a slow answer holds up no other assignment.
func KeepAssigning(ctx context.Context, s *harness.Server, side Side, targets []*Target) error {
	const clients = 8
	failed := make(chan error, clients)
	for i := range clients {
		go func() {
			failed <- assignEvery(ctx, s, side, targets[i*len(targets)/clients:(i+1)*len(targets)/clients], clients*time.Second/100)
		}()
	}
	var err error
	for range clients {
		if e := <-failed; err == nil {
			err = e
		}
	}
	return err
}

// WhileAssigning measures something while a server makes 100 assignments a second.
func WhileAssigning(ctx context.Context, s *harness.Server, side Side, targets []*Target, measure func() (harness.Figures, error)) (harness.Figures, error) {
	assigning, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- KeepAssigning(assigning, s, side, targets) }()
	f, err := measure()
	stop()
	return f, cmp.Or(err, <-done)
}

func assignEvery(ctx context.Context, s *harness.Server, side Side, targets []*Target, interval time.Duration) error {
	c, err := harness.Dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		t := targets[n%len(targets)]
		answer, err := c.Do(side.Assign(t.Company, t.Next()))
		if err == nil {
			err = t.Assigned(answer)
		}
		if err != nil {
			return fmt.Errorf("%s assigns: %w", side.Name, err)
		}
	}
}
