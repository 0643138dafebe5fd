package graph

import (
	"context"
	"errors"
	"sync"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Workspace(ctx context.Context) (*db.Workspace, error) {
	return r.service.Workspace(ctx, actorOf(ctx))
}

func (r queryResolver) Node(ctx context.Context, id string) (Node, error) {
	return r.loadNode(ctx, id)
}

const maxNodes = 100

func (r queryResolver) Nodes(ctx context.Context, ids []string) ([]Node, error) {
	if len(ids) > maxNodes {
		return nil, &service.Error{Code: service.BadInput, Message: "ask for at most 100 nodes at once"}
	}
	nodes, errs := make([]Node, len(ids)), make([]error, len(ids))
	var loading sync.WaitGroup // at once, so that the loaders can batch
	for i, id := range ids {
		loading.Go(func() {
			defer guard(ctx, &errs[i])
			nodes[i], errs[i] = r.loadNode(ctx, id)
		})
	}
	loading.Wait()
	return nodes, errors.Join(errs...)
}

func (r mutationResolver) UpdateWorkspace(ctx context.Context, input service.UpdateWorkspaceInput) (*WorkspacePayload, error) {
	return workspacePayload(r.service.UpdateWorkspace(ctx, actorOf(ctx), input))
}
