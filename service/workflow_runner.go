package service

import (
	"context"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/feed"
)

const (
	workflowPoll    = time.Second // until what others leave undone is done
	workflowWorkers = 4           // steps taken at once, for each workspace
)

// RunWorkflows carries out the workflows of all workspaces until the context ends. It may
// run in any number of processes: who plans, and who takes a step, is settled by locks in
// the database, which go when their process does. In between it waits for the log.
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

// lookForWorkflows says that a workspace may have its first workflow now.
func (s *Service) lookForWorkflows() {
	select {
	case s.hasWorkflows <- struct{}{}:
	default: // it has yet to be seen
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
		_ = SleepUntil(ctx, time.Now().Add(workflowPoll))
	}
}

// followLog plans what happens and has the steps taken. It begins with what happened while
// nobody followed: from its position on planning reads the log by itself, of which the
// watcher only tells that there is more.
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
		if err := s.catchUp(ctx, workspace); err != nil {
			return err
		}
		for happened := false; !happened; {
			if happened, err = s.waitForWork(ctx, workspace, watcher, work); err != nil {
				return err
			}
		}
	}
}

// drain goes on to the present end of the log.
func drain(ctx context.Context, watcher *feed.Watcher) error {
	for {
		events, err := watcher.Next(ctx)
		if err != nil || len(events) == 0 {
			return err
		}
	}
}

// catchUp plans runs up to the end of the log, and looks again for agents if there may be
// some who can take what is waiting.
func (s *Service) catchUp(ctx context.Context, workspace db.WorkspaceKey) error {
	for {
		position, more, err := s.planWorkflows(ctx, workspace)
		if err != nil || position == nil {
			return err
		}
		if position.Freed > position.Served {
			if err := s.serveFreed(ctx, workspace, position.Freed); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// serveFreed serves, and only then notes it: who dies in between leaves it to others.
func (s *Service) serveFreed(ctx context.Context, workspace db.WorkspaceKey, freed db.Seq) error {
	complete, err := s.serveWorkflows(ctx, workspace)
	if err != nil || !complete {
		return err
	}
	return s.DB.Transact(ctx, workspace, func(tx db.Tx) error { return tx.Served(ctx, freed) })
}

// stepWorkflows takes steps as long as there are any that are due.
func (s *Service) stepWorkflows(ctx context.Context, workspace db.WorkspaceKey) {
	for ctx.Err() == nil {
		stepped, err := s.stepWorkflow(ctx, workspace)
		if err != nil || !stepped {
			return // what could not be noted as failed is due still
		}
	}
}

// waitForWork has steps taken as they become due, until something happens. With nothing due
// there is nothing to do before: whatever others plan follows from the log.
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
			pause = workflowPoll // others may be at it, and die
		}
		var stop context.CancelFunc
		waiting, stop = context.WithTimeout(ctx, pause)
		defer stop()
	}
	happened = watcher.Wait(waiting) == nil
	return happened, ctx.Err()
}

// tell tells the workers that there may be steps to take, unless they are told already.
func tell(work chan<- struct{}) {
	for range workflowWorkers {
		select {
		case work <- struct{}{}:
		default:
		}
	}
}
