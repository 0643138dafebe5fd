package graph

import (
	"context"
	"errors"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Workspace(ctx context.Context) (*db.Workspace, error) {
	return r.service.Workspace(ctx, actorOf(ctx))
}

func (r queryResolver) Node(ctx context.Context, id string) (Node, error) {
	return loadNode(ctx, id)
}

const maxNodes = 100

func (r queryResolver) Nodes(ctx context.Context, ids []string) ([]Node, error) {
	if len(ids) > maxNodes {
		return nil, &service.Error{Code: service.BadInput, Message: "ask for at most 100 nodes at once"}
	}
	if err := readNodes(ctx, ids); err != nil {
		return nil, err
	}
	nodes, errs := make([]Node, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		nodes[i], errs[i] = loadNode(ctx, id)
	}
	return nodes, errors.Join(errs...)
}

func (r mutationResolver) UpdateWorkspace(ctx context.Context, input service.UpdateWorkspaceInput) (*WorkspacePayload, error) {
	return workspacePayload(r.service.UpdateWorkspace(ctx, actorOf(ctx), input))
}
