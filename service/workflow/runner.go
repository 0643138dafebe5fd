package workflow

import (
	"context"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/feed"
	"switchboard/service"
)

const (
	workflowPoll    = time.Second // until work that another server left undone is done
	workflowWorkers = 4           // steps taken at once, for each workspace
)

// RunWorkflows carries out the workflows of all workspaces until the context ends. It may run in
// any number of processes: locks in the database, which end with their process, decide which one
// plans and which one takes a step. In between it waits for the log.
func (s *Service) RunWorkflows(ctx context.Context) {
	var following sync.WaitGroup
	defer following.Wait()
	followed := map[db.WorkspaceKey]bool{}
	tick := time.NewTicker(workflowPoll)
	defer tick.Stop()
	for {
		workspaces, err := s.DB.WorkflowWorkspaces(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Debug("looking for workflows failed; trying again", "error", err)
		}
		for _, workspace := range workspaces {
			if !followed[workspace] {
				followed[workspace] = true
				following.Go(func() { s.followWorkflows(ctx, workspace) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.hasWorkflows:
		case <-tick.C:
		}
	}
}

// lookForWorkflows signals that a workspace may have its first workflow.
func (s *Service) lookForWorkflows() {
	select {
	case s.hasWorkflows <- struct{}{}:
	default: // the last signal is not handled yet
	}
}

// followWorkflows carries out the workflows of one workspace.
func (s *Service) followWorkflows(ctx context.Context, workspace db.WorkspaceKey) {
	work := make(chan struct{}, workflowWorkers)
	var working sync.WaitGroup
	defer working.Wait()
	defer close(work)
	for range workflowWorkers {
		working.Go(func() {
			for range work {
				s.stepWorkflows(ctx, workspace)
			}
		})
	}
	for failing := false; ctx.Err() == nil; {
		err := s.followLog(ctx, workspace, work)
		if ctx.Err() == nil && !failing {
			s.Log.Warn("following a log for workflows was interrupted; trying again until it works", "error", err)
		}
		failing = err != nil
		_ = service.SleepUntil(ctx, time.Now().Add(workflowPoll))
	}
}

// followLog plans runs for new events and has their steps taken. Planning reads the log from its
// stored position, so it includes what happened while no server followed; the watcher only signals
// new events.
func (s *Service) followLog(ctx context.Context, workspace db.WorkspaceKey, work chan<- struct{}) error {
	watcher, err := s.Feed.Watch(ctx, workspace, nil)
	if err != nil {
		return err
	}
	defer watcher.Close()
	for {
		if err := drain(ctx, watcher); err != nil {
			return err
		}
		if err := s.CatchUp(ctx, workspace); err != nil {
			return err
		}
		for happened := false; !happened; {
			if happened, err = s.waitForWork(ctx, workspace, watcher, work); err != nil {
				return err
			}
		}
	}
}

// drain reads to the present end of the log.
func drain(ctx context.Context, watcher *feed.Watcher) error {
	for {
		events, err := watcher.Next(ctx)
		if err != nil || len(events) == 0 {
			return err
		}
	}
}

// CatchUp plans runs up to the end of the log, and looks again for agents if there may be
// some who can take what is waiting.
func (s *Service) CatchUp(ctx context.Context, workspace db.WorkspaceKey) error {
	for {
		position, more, err := s.Plan(ctx, workspace)
		if err != nil || position == nil {
			return err
		}
		if position.CapacitySeq > position.ServedSeq {
			if err := s.serveFreed(ctx, workspace, position.CapacitySeq); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// serveFreed serves the queue and only then stores that it did, so that another server repeats it
// after a crash in between.
func (s *Service) serveFreed(ctx context.Context, workspace db.WorkspaceKey, freed db.Seq) error {
	complete, err := s.serveWorkflows(ctx, workspace)
	if err != nil || !complete {
		return err
	}
	return s.DB.Transact(ctx, workspace, func(tx db.Tx) error { return tx.SaveServedSeq(ctx, freed) })
}

// stepWorkflows takes steps as long as there are any that are due.
func (s *Service) stepWorkflows(ctx context.Context, workspace db.WorkspaceKey) {
	for ctx.Err() == nil {
		stepped, err := s.Step(ctx, workspace)
		if err != nil || !stepped {
			return // a failure that could not be stored is still due
		}
	}
}

// waitForWork has steps taken as they become due, until an event happens. With nothing due it waits
// for an event only, since every run is planned for one.
func (s *Service) waitForWork(ctx context.Context, workspace db.WorkspaceKey, watcher *feed.Watcher, work chan<- struct{}) (happened bool, err error) {
	due, err := s.DB.ForWorkspace(workspace).NextDue(ctx)
	if err != nil {
		return false, err
	}
	waiting := ctx
	if due != nil {
		pause := due.Sub(s.Now())
		if pause <= 0 {
			tell(work)
			pause = workflowPoll // another server may take it, and crash
		}
		var stop context.CancelFunc
		waiting, stop = context.WithTimeout(ctx, pause)
		defer stop()
	}
	happened = watcher.Wait(waiting) == nil
	return happened, ctx.Err()
}

// tell signals the workers that steps may be due. It does not wait for busy ones.
func tell(work chan<- struct{}) {
	for range workflowWorkers {
		select {
		case work <- struct{}{}:
		default:
		}
	}
}
